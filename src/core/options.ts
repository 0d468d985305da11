/**
 * Checks of option values. Each returns the value or the default, or throws `ERR_POOL_OPTION` naming option and value.
 *
 * @module
 */
import { optionError, type PoolError } from "./errors.ts";

/** A default and the range around it, both ends included. */
export interface NumberRange<D extends number | undefined = number> {
  /** For `undefined`. */
  default: D;
  /** Default 0. */
  min?: number;
  /** Default `Number.MAX_SAFE_INTEGER`; `Infinity` allows Infinity. */
  max?: number;
}

/** The checks of one action, made by {@linkcode checks}. */
export interface Checks {
  /** A whole number in the range. */
  integer<D extends number | undefined>(option: string, value: unknown, range: NumberRange<D>): number | D;
  /** A number in the range, not NaN. */
  number<D extends number | undefined>(option: string, value: unknown, range: NumberRange<D>): number | D;
  /** Milliseconds, whole or not. Infinity only with `max: Infinity`. */
  duration<D extends number | undefined>(option: string, value: unknown, range: NumberRange<D>): number | D;
  /** A string that is not empty. */
  string<D extends string | undefined>(option: string, value: unknown, standard: D): string | D;
  /** One of these strings. */
  oneOf<T extends string, D extends T | undefined>(
    option: string,
    value: unknown,
    values: readonly T[],
    standard: D,
  ): T | D;
  /** A function, or undefined. */
  callable<F extends (...args: never[]) => unknown>(option: string, value: F | undefined): F | undefined;
  /** An object that is neither null nor an array, or undefined. */
  object<T extends object>(option: string, value: T | undefined): T | undefined;
  /** Two values in order, both checked already. */
  ordered(low: string, lowValue: number, high: string, highValue: number): void;
  /** The error for anything else, to be thrown by the caller. For a secret value pass `SECRET`. */
  error(option: string, value: unknown, problem: string): PoolError;
}

/**
 * The checks for one action, named as it goes after "Cannot" in the error.
 *
 * @example
 * ```ts ignore
 * const check = checks("create a client pool");
 * const minCapacity = check.integer("minCapacity", options.minCapacity, { default: 5, min: 1 });
 * const maxCapacity = check.integer("maxCapacity", options.maxCapacity, { default: 20, min: 1 });
 * check.ordered("minCapacity", minCapacity, "maxCapacity", maxCapacity);
 * ```
 */
export function checks(action: string): Checks {
  const error = (option: string, value: unknown, problem: string): PoolError =>
    optionError(action, option, value, problem);

  const ranged = <D extends number | undefined>(
    kind: string,
    fits: (n: number) => boolean,
    option: string,
    value: unknown,
    { default: standard, min = 0, max = Number.MAX_SAFE_INTEGER }: NumberRange<D>,
  ): number | D => {
    if (value === undefined) return standard;
    if (typeof value === "number" && fits(value) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw error(option, value, `not ${kind} ${range}`);
  };
  const whole = (n: number): boolean => Number.isInteger(n) || n === Infinity;
  const any = (n: number): boolean => !Number.isNaN(n);

  return {
    integer: (option, value, range) => ranged("a whole number", whole, option, value, range),
    number: (option, value, range) => ranged("a number", any, option, value, range),
    duration: (option, value, range) => ranged("a number of milliseconds", any, option, value, range),
    string(option, value, standard) {
      if (value === undefined) return standard;
      if (typeof value === "string" && value !== "") return value;
      throw error(option, value, "not a text of at least one character");
    },
    oneOf(option, value, values, standard) {
      if (value === undefined) return standard;
      const found = values.find((v) => v === value);
      if (found !== undefined) return found;
      throw error(option, value, `not one of ${values.map((v) => JSON.stringify(v)).join(", ")}`);
    },
    callable(option, value) {
      if (value === undefined || typeof value === "function") return value;
      throw error(option, value, "not a function");
    },
    object(option, value) {
      if (value === undefined) return value;
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
      throw error(option, value, "not an object");
    },
    ordered(low, lowValue, high, highValue) {
      if (lowValue > highValue) throw error(low, lowValue, `above \`${high}\` ${highValue}`);
    },
    error,
  };
}
