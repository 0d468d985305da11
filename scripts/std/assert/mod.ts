/**
 * The functions of JSR's `@std/assert` that the tests use, with its signatures: JSR is out of reach where only npm is.
 * `deno.json` links it, `tsconfig.json` maps it for Bun and editors, `scripts/node/hook.mjs` for Node.
 *
 * @module
 */
import { equal } from "./equal.ts";
import { difference, show } from "./show.ts";

export { equal } from "./equal.ts";

/** What a failed assertion throws. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

/** Anything with a constructor, abstract ones too. */
// deno-lint-ignore no-explicit-any
export type AnyConstructor = abstract new (...args: any[]) => unknown;

/** Throws unless `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Throws always. */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${suffix(msg)}`);
}

/** Deep equality. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(`Values are not equal${suffix(msg)}\n${difference(actual, expected)}`);
}

/** Deep inequality. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(`Expected actual to differ from ${show(expected)}${suffix(msg)}`);
}

/** `Object.is`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const same = equal(actual, expected)
    ? "Values have the same structure but are not the same"
    : "Values are not the same";
  throw new AssertionError(`${same}${suffix(msg)}\n${difference(actual, expected)}`);
}

/** Not `Object.is`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (Object.is(actual, expected)) {
    throw new AssertionError(`Expected another value than ${show(actual)}${suffix(msg)}`);
  }
}

/** Neither `null` nor `undefined`. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    throw new AssertionError(`Expected actual: "${actual}" to not be null or undefined${suffix(msg)}`);
  }
}

/** `false`, `0`, `""`, `null`, `undefined`, `0n` or NaN. */
export function assertFalse(expr: unknown, msg = ""): void {
  if (expr) throw new AssertionError(msg);
}

/** `instanceof`. */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  throw new AssertionError(
    `Expected object to be an instance of "${expectedType.name}" but was ${kind(actual)}${suffix(msg)}`,
  );
}

/** The text matches the expression. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(`Expected actual: ${show(actual)} to match: ${expected}${suffix(msg)}`);
}

/** The text does not match the expression. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) return;
  throw new AssertionError(`Expected actual: ${show(actual)} to not match: ${expected}${suffix(msg)}`);
}

/** The text contains the other. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(`Expected actual: ${show(actual)} to contain: ${show(expected)}${suffix(msg)}`);
}

/** Every expected element is in the array, deeply equal. */
export function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, msg?: string): void {
  const all = Array.from(actual);
  const missing = Array.from(expected).filter((e) => !all.some((a) => equal(a, e)));
  if (missing.length === 0) return;
  throw new AssertionError(
    `Expected actual: ${show(actual)} to include ${show(expected)}; missing ${show(missing)}${suffix(msg)}`,
  );
}

/** Every property of `expected` is in `actual`, deeply. */
export function assertObjectMatch(
  actual: Record<PropertyKey, unknown>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  const seen = narrow(actual, expected);
  if (!equal(seen, expected)) {
    throw new AssertionError(`Object does not match${suffix(msg)}\n${difference(seen, expected)}`);
  }
}

/** Within `tolerance` (default: one part in ten million). */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (Math.abs(actual - expected) <= allowed) return;
  throw new AssertionError(`Expected actual: ${actual} to be within ${allowed} of ${expected}${suffix(msg)}`);
}

/** `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) throw new AssertionError(`Expect ${show(actual)} > ${show(expected)}${suffix(msg)}`);
}

/** `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) throw new AssertionError(`Expect ${show(actual)} >= ${show(expected)}${suffix(msg)}`);
}

/** `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) throw new AssertionError(`Expect ${show(actual)} < ${show(expected)}${suffix(msg)}`);
}

/** `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) throw new AssertionError(`Expect ${show(actual)} <= ${show(expected)}${suffix(msg)}`);
}

/** The value is an Error of that class, whose message contains that text. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  // deno-lint-ignore no-explicit-any
  ErrorClass?: abstract new (...args: any[]) => E,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) {
    throw new AssertionError(`Expected "error" to be an Error object${suffix(msg)} but was ${kind(error)}`);
  }
  if (ErrorClass && !(error instanceof ErrorClass)) {
    throw new AssertionError(
      `Expected error to be instance of "${ErrorClass.name}", but was "${error.constructor?.name}": ${error.message}${
        suffix(msg)
      }`,
    );
  }
  const matches = typeof msgMatches === "string"
    ? error.message.includes(msgMatches)
    : msgMatches?.test(error.message) ?? true;
  if (!matches) {
    throw new AssertionError(
      `Expected error message to include ${show(msgMatches)}, but got ${show(error.message)}${suffix(msg)}`,
    );
  }
}

/** The function throws; returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** The function throws an error of that class, whose message contains that text; returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  // deno-lint-ignore no-explicit-any
  ErrorClass: abstract new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMsg?: AnyConstructor | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  try {
    fn();
  } catch (error) {
    return thrown(error, classOrMsg, msgIncludes, msg);
  }
  throw new AssertionError(`Expected function to throw${suffix(typeof classOrMsg === "string" ? classOrMsg : msg)}`);
}

/** The promise rejects; resolves to what it rejected with. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** The promise rejects with an error of that class, whose message contains that text; resolves to it. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  // deno-lint-ignore no-explicit-any
  ErrorClass: abstract new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: AnyConstructor | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  let promise: PromiseLike<unknown> | undefined;
  try {
    promise = fn();
    await promise;
  } catch (error) {
    if (promise === undefined) throw new AssertionError("Function throws when expected to reject", { cause: error });
    return thrown(error, classOrMsg, msgIncludes, msg);
  }
  throw new AssertionError(`Expected function to reject${suffix(typeof classOrMsg === "string" ? classOrMsg : msg)}`);
}

function thrown(error: unknown, classOrMsg?: AnyConstructor | string, msgIncludes?: string, msg?: string): unknown {
  if (typeof classOrMsg === "function") {
    assertIsError(error, classOrMsg as abstract new () => Error, msgIncludes, msg);
  }
  return error;
}

function narrow(actual: unknown, expected: unknown): unknown {
  if (typeof expected !== "object" || expected === null || typeof actual !== "object" || actual === null) return actual;
  const plain = Object.getPrototypeOf(expected) === Object.prototype;
  if (!plain) return actual;
  const out: Record<PropertyKey, unknown> = {};
  for (const key of Reflect.ownKeys(expected)) {
    if (key in actual) out[key] = narrow(Reflect.get(actual, key), Reflect.get(expected, key));
  }
  return out;
}

function kind(value: unknown): string {
  if (typeof value !== "object" || value === null) return show(value);
  return `an instance of "${value.constructor?.name ?? "null-prototype object"}"`;
}

function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}
