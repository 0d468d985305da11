/**
 * Checks a value against a schema: every problem at once.
 *
 * @module
 */
import { parseDuration } from "../../core/duration.ts";
import { SECRET, show } from "../../core/errors.ts";
import { nearest } from "../../core/nearest.ts";
import type { Schema } from "./schema.ts";

/** Something wrong: where, and the sentence "`[1].tls.certFile` is 5, expected a text". */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** Longest wait that every runtime's timer takes. */
const LONGEST = 0x7fff_ffff;

/** Says what is wrong with `value` at `path`. */
export function problem(path: string, value: unknown, what: string): Problem {
  const name = path === "" ? "the value" : `\`${path}\``;
  return { path, message: value === undefined ? `${name} ${what}` : `${name} is ${show(value)}, ${what}` };
}

/** Everything that is wrong with `value`; nothing when it fits. */
export function problemsOf(schema: Schema, value: unknown, path: string): Problem[] {
  const wrong = (expected: string): Problem[] => [problem(path, value ?? null, `expected ${expected}`)];
  switch (schema.kind) {
    case "text": {
      const says = schema.says ?? "a text of at least one character";
      if (typeof value !== "string" || value === "") return wrong(says);
      const why = schema.check?.(value);
      if (why !== undefined) return wrong(`${says}: ${why}`);
      return schema.pattern === undefined || new RegExp(schema.pattern).test(value) ? [] : wrong(says);
    }
    case "flag":
      return typeof value === "boolean" ? [] : wrong("true or false");
    case "integer": {
      const fits = typeof value === "number" && Number.isInteger(value) && value >= schema.min && value <= schema.max;
      return fits ? [] : wrong(`a whole number from ${schema.min} to ${schema.max}`);
    }
    case "duration": {
      const ms = typeof value === "string" ? parseDuration(value) : value;
      const fits = typeof ms === "number" && ms >= 0 && ms <= LONGEST;
      return fits ? [] : wrong(`milliseconds, or a time such as "500ms", "10s" or "1h30m", up to 24 days`);
    }
    case "choices": {
      const expected = `a list of ${schema.of.map((one) => JSON.stringify(one)).join(" and ")}, each once at most`;
      if (!Array.isArray(value) || value.length === 0 || new Set(value).size < value.length) return wrong(expected);
      return value.flatMap((one, i) =>
        schema.of.includes(one)
          ? []
          : [problem(`${path}[${i}]`, one ?? null, `expected ${schema.of.map((o) => JSON.stringify(o)).join(" or ")}`)]
      );
    }
    case "pem":
      if ((typeof value === "string" && value.includes("-----BEGIN")) || value instanceof Uint8Array) return [];
      return [problem(path, SECRET, `expected PEM text or bytes`)];
    case "handler":
      return isHandler(value) ? [] : wrong("a function, { fetch } or { node }");
    case "handlers":
      if (!isObject(value)) return wrong("an object of handlers by key");
      return Object.entries(value).flatMap(([key, one]) =>
        isHandler(one) ? [] : [problem(fieldPath(path, key), one ?? null, "expected a function, { fetch } or { node }")]
      );
    case "object":
      return objectProblems(schema, value, path);
  }
}

function objectProblems(schema: Schema & { kind: "object" }, value: unknown, path: string): Problem[] {
  if (!isObject(value)) return [problem(path, value ?? null, "expected an object")];
  const { fields, required = [] } = schema;
  const names = Object.keys(fields);
  const found: Problem[] = [];
  for (const name of required) {
    if ((value as Record<string, unknown>)[name] === undefined) {
      found.push(problem(fieldPath(path, name), undefined, `is missing, expected ${expectation(fields[name]!)}`));
    }
  }
  for (const [name, one] of Object.entries(value)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const at = fieldPath(path, name);
    if (field === undefined) {
      const meant = nearest(name, names);
      found.push(
        problem(at, undefined, `is not a field${meant === undefined ? "" : `; did you mean \`${meant}\`?`}`),
      );
    } else if (one !== undefined) found.push(...problemsOf(field, one, at));
  }
  return found;
}

function expectation(schema: Schema): string {
  return schema.kind === "text" ? schema.says ?? "a text" : `a value (${schema.kind})`;
}

/** `[1].tls` and `certFile` make `[1].tls.certFile`; what is no identifier goes into brackets. */
export function fieldPath(path: string, name: string): string {
  if (!/^[A-Za-z_$][\w$]*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}

/** Whether it can answer requests. */
export function isHandler(value: unknown): boolean {
  if (typeof value === "function") return true;
  if (!isObject(value)) return false;
  const { fetch, node } = value as { fetch?: unknown; node?: unknown };
  return (typeof fetch === "function") !== (typeof node === "function");
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
