/**
 * What a value must look like, as data: from it come both the checks and the JSON Schema. Own and small, not a library's:
 * a plain clone has no install (Node and Bun would not find one), and the problems are to be told in our words.
 *
 * @module
 */

/** A description that becomes part of the JSON Schema. */
interface Described {
  readonly description: string;
  /** Shown by editors. */
  readonly default?: unknown;
  /** Not data: allowed in code, and no part of the JSON Schema. */
  readonly codeOnly?: true;
}

/** What a value may be. */
export type Schema =
  & Described
  & (
    | {
      readonly kind: "text";
      readonly pattern?: string;
      readonly says?: string;
      check?(value: string): string | undefined;
    }
    | { readonly kind: "flag" }
    | { readonly kind: "integer"; readonly min: number; readonly max: number }
    | { readonly kind: "duration" }
    | { readonly kind: "choices"; readonly of: readonly string[] }
    | { readonly kind: "object"; readonly fields: Fields; readonly required?: readonly string[] }
    | { readonly kind: "pem" }
    | { readonly kind: "handler" }
    | { readonly kind: "handlers" }
  );

/** The fields of an object. */
export type Fields = Readonly<Record<string, Schema>>;

/** A kind of value, without its words. */
type Kind<K extends Schema["kind"]> = Omit<Extract<Schema, { kind: K }>, keyof Described | "kind">;

/** Makers, so that a schema reads like the interface it stands for. */
export const is = {
  text: (description: string, more: Kind<"text"> & Partial<Described> = {}): Schema => ({
    kind: "text",
    description,
    ...more,
  }),
  flag: (description: string): Schema => ({ kind: "flag", description, default: false }),
  integer: (description: string, range: Kind<"integer"> & Partial<Described>): Schema => ({
    kind: "integer",
    description,
    ...range,
  }),
  duration: (description: string, standard: number | string): Schema => ({
    kind: "duration",
    description,
    default: standard,
  }),
  choices: (description: string, of: readonly string[]): Schema => ({ kind: "choices", description, of }),
  object: (description: string, fields: Fields, required: readonly string[] = []): Schema => ({
    kind: "object",
    description,
    fields,
    required,
  }),
  pem: (description: string): Schema => ({ kind: "pem", description }),
  handler: (description: string): Schema => ({ kind: "handler", description, codeOnly: true }),
  handlers: (description: string): Schema => ({ kind: "handlers", description, codeOnly: true }),
} as const;
