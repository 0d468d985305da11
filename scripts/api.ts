/**
 * Compares an entry point with the declarations of the specification: every exported declaration must exist, with a type
 * that fits. Shapes may grow: more members on what the library gives, more optional ones on what it takes.
 *
 * @module
 */

/** What is not expected yet, since other work brings it. */
export interface Later {
  /** Sections of the specification, by their headings. A declaration in there is compared only when it exists. */
  readonly sections: readonly string[];
  /** Text that is taken out of the specification. */
  readonly cut: readonly string[];
}

interface Declaration {
  readonly kind: "interface" | "type" | "class" | "abstract class" | "function";
  readonly name: string;
  readonly section: string;
  /** A class that says how it is constructed. */
  readonly constructs: boolean;
}

/** The specification without what comes later. */
export function specification(text: string, later: Later): string {
  for (const cut of later.cut) {
    if (!text.includes(cut)) throw new Error(`Cannot cut ${JSON.stringify(cut)}: the specification does not have it`);
    text = text.replace(cut, "");
  }
  return text;
}

/** The exported declarations. */
export function declarations(text: string): Declaration[] {
  const out: Declaration[] = [];
  let section = "";
  for (const line of text.split("\n")) {
    section = /^\/\/ ─+ (.+?) ─+$/.exec(line)?.[1] ?? section;
    const match = /^export (?:declare )?(interface|type|class|abstract class|function) (\w+)/.exec(line);
    if (match) {
      const [, kind, name] = match as unknown as [string, Declaration["kind"], string];
      const body = line.includes("}") ? line : text.slice(text.indexOf(line), text.indexOf("\n}", text.indexOf(line)));
      out.push({ kind, name, section, constructs: /\bconstructor\(/.test(body) });
    } else if (/^export (?!\{)/.test(line)) throw new Error(`Cannot read a declaration: ${line}`);
  }
  return out;
}

/** A module whose type check is the comparison. */
export function comparison(list: readonly Declaration[], spec: string, real: string): string {
  const lines = [
    `import type * as Spec from ${JSON.stringify(spec)};`,
    `import type * as Real from ${JSON.stringify(real)};`,
    `import * as values from ${JSON.stringify(real)};`,
    // A method's parameters are compared in both directions; as properties in the sound one only. Two names for one
    // thing: what has the same name is compared by its arguments.
    ...["Given", "Wanted"].map((name) =>
      `type ${name}<T> = { [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => R : T[K] };`
    ),
  ];
  for (const declaration of list) lines.push(...compare(declaration));
  return lines.join("\n") + "\n";
}

function compare({ kind, name, constructs }: Declaration): string[] {
  const spec = `Spec.${name}`, real = `Real.${name}`;
  const fits = (what: string, from: string, to: string): string =>
    `export const ${name}_${what} = (x: ${from}): ${to} => x;`;
  const lines: string[] = [];
  if (kind === "function") {
    lines.push(fits("returns", `ReturnType<typeof ${real}>`, `ReturnType<typeof ${spec}>`));
    // By number only: a class with private members is never the specification's class.
    lines.push(fits("takes", `Parameters<typeof ${spec}>["length"]`, `Parameters<typeof ${real}>["length"]`));
  } else if (kind === "type") {
    return [fits("gives", real, spec), fits("takes", spec, real)];
  } else {
    lines.push(fits("gives", `Given<${real}>`, `Wanted<${spec}>`));
  }
  if (kind === "interface") {
    // What a user writes must not need more than the specification says.
    if (/(Options|Limits|Tls|Logger)$/.test(name)) lines.push(fits("takes", spec, real));
    return lines;
  }
  lines.push(`export const ${name}_value: unknown = values.${name};`);
  if (constructs && kind === "class") {
    lines.push(fits("constructs", `ConstructorParameters<typeof ${spec}>`, `ConstructorParameters<typeof ${real}>`));
  }
  return lines;
}
