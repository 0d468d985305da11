/**
 * The one error class of the stream pools.
 *
 * @module
 */

/**
 * What went wrong, stable over versions:
 *
 * | code | meaning |
 * |---|---|
 * | `ERR_POOL_OPTION` | an option or argument has a value that cannot work; the message names both |
 * | `ERR_POOL_NOT_STARTED` | a wait before `start()` |
 * | `ERR_POOL_CLOSED` | the pool is closed, or closed while this waited |
 * | `ERR_POOL_TIMEOUT` | the time given to a wait is over |
 * | `ERR_POOL_CONNECT` | no connection to the other side; `cause` says why |
 * | `ERR_POOL_HANDSHAKE` | the other side did not answer an opened stream as it should |
 * | `ERR_POOL_FORBIDDEN` | the other side's `authorize` or `allow` said no |
 * | `ERR_STREAM_RESET` | the peer reset the stream; `rstCode` says with what |
 * | `ERR_STREAM_LOST` | the stream's connection is gone |
 * | `ERR_STREAM_CLOSED` | the stream was closed or aborted on this side |
 * | `ERR_STREAM_DEADLINE` | a deadline of the stream has passed |
 *
 * @example
 * ```ts
 * import type { PoolErrorCode } from "@x/h2pool";
 *
 * // Whether another stream may work.
 * function again(code: PoolErrorCode): boolean {
 *   return code === "ERR_STREAM_LOST" || code === "ERR_POOL_TIMEOUT";
 * }
 * ```
 */
export type PoolErrorCode =
  | "ERR_POOL_OPTION"
  | "ERR_POOL_NOT_STARTED"
  | "ERR_POOL_CLOSED"
  | "ERR_POOL_TIMEOUT"
  | "ERR_POOL_CONNECT"
  | "ERR_POOL_HANDSHAKE"
  | "ERR_POOL_FORBIDDEN"
  | "ERR_STREAM_RESET"
  | "ERR_STREAM_LOST"
  | "ERR_STREAM_CLOSED"
  | "ERR_STREAM_DEADLINE";

/**
 * What a {@linkcode PoolError} carries besides its code and message.
 *
 * @example
 * ```ts
 * import { PoolError } from "@x/h2pool";
 *
 * const error = new PoolError("ERR_STREAM_RESET", "The origin went away", { rstCode: 2, cause: new Error("ECONNRESET") });
 * console.log(error.code, error.rstCode, error.cause);
 * ```
 */
export interface PoolErrorOptions extends ErrorOptions {
  /** The error code of RFC 9113 section 7 that ended a stream. */
  rstCode?: number;
}

// Registered globally: a second copy of this package in the process finds the same mark.
const BRAND = Symbol.for("@x/h2pool.PoolError");

/**
 * Every error that a stream pool or one of its streams raises. Tell them apart by `code`, which does not change.
 *
 * `instanceof PoolError` also holds for errors of another copy of this package in the same process.
 *
 * @example
 * ```ts
 * import { ClientPool, PoolError } from "@x/h2pool";
 *
 * try {
 *   new ClientPool({ address: "server.example:8443", minCapacity: 30, maxCapacity: 20 });
 * } catch (error) {
 *   if (!(error instanceof PoolError && error.code === "ERR_POOL_OPTION")) throw error;
 *   console.log(error.message); // Cannot create a client pool: `minCapacity` is 30, above `maxCapacity` 20
 * }
 * ```
 */
export class PoolError extends Error {
  /** What went wrong, stable over versions. */
  readonly code: PoolErrorCode;
  /** With `ERR_STREAM_RESET`: the error code of RFC 9113 section 7. Absent otherwise. */
  declare readonly rstCode?: number;

  /** The message is a sentence for people, and may change; `cause` is what lies below. */
  constructor(code: PoolErrorCode, message: string, options?: PoolErrorOptions) {
    super(message, options);
    this.code = code;
    if (options?.rstCode !== undefined) this.rstCode = options.rstCode;
  }

  /** True for every copy of this class in the process. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && BRAND in value;
  }

  static {
    // On the prototype, not on each error: neither is printed as one of the error's own fields.
    Object.defineProperty(this.prototype, "name", { value: "PoolError", writable: true, configurable: true });
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }
}

/**
 * `ERR_POOL_OPTION` in the words "Cannot create a client pool: `minCapacity` is 30, above `maxCapacity` 20".
 *
 * @param action what was asked for, after "Cannot"
 * @param option name of the option or argument
 * @param value its value; shown, so never pass a secret: pass {@linkcode SECRET} instead
 * @param problem what is wrong with it, after the comma
 */
export function optionError(action: string, option: string, value: unknown, problem: string): PoolError {
  return new PoolError("ERR_POOL_OPTION", `Cannot ${action}: \`${option}\` is ${show(value)}, ${problem}`);
}

/** Stands for a value that must not appear in a message: a key, a token. */
export const SECRET: unique symbol = Symbol("secret");

/** A value as error messages show it: short, on one line. */
export function show(value: unknown): string {
  switch (typeof value) {
    case "string": {
      const text = value.length > 80 ? `${value.slice(0, 77)}...` : value;
      return JSON.stringify(text);
    }
    case "bigint":
      return `${value}n`;
    case "function":
      return "a function";
    case "symbol":
      return value === SECRET ? "set" : "a symbol";
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return `an array of ${value.length}`;
      return value instanceof Date ? `the date ${value.getTime()}` : "an object";
    default:
      return String(value);
  }
}

/** A state that this library's own code should have made impossible. Not for users to catch: it is a bug here. */
export class InternalError extends Error {
  static {
    Object.defineProperty(this.prototype, "name", { value: "InternalError", writable: true, configurable: true });
  }
}

/** Throws `error` where nobody is on the stack: it becomes the runtime's uncaught exception and disturbs no caller. */
export function rethrowLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
