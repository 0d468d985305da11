/**
 * How long a call waits, and what ends it early.
 *
 * @module
 */
import { optionError } from "./errors.ts";

/**
 * How long a call waits, and what ends it early. Where these are taken, a bare number of milliseconds is a timeout.
 *
 * @example
 * ```ts
 * import type { PoolStream, StreamPool } from "@x/h2pool";
 *
 * async function take(pool: StreamPool, signal: AbortSignal): Promise<PoolStream> {
 *   return await pool.incomingGet({ timeout: 5_000, signal });
 * }
 * ```
 */
export interface WaitOptions {
  /**
   * Absolute budget for the whole wait in milliseconds, whatever is retried inside it. 0 means "only what is there now",
   * `Infinity` no limit. Default 30_000.
   */
  timeout?: number;
  /** Ends the wait: it rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** {@linkcode WaitOptions} after checking and with the default. */
export interface WaitBudget {
  /** Milliseconds from 0 to Infinity. */
  readonly timeout: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds that a wait has when nothing is said. */
export const DEFAULT_TIMEOUT = 30_000;

const DEFAULT: WaitBudget = { timeout: DEFAULT_TIMEOUT };

/**
 * Checks what a caller gave. A bare number is a timeout.
 *
 * @param action what was asked for, after "Cannot" in the error
 * @throws PoolError `ERR_POOL_OPTION`: not a number from 0 to Infinity, or not an `AbortSignal`
 */
export function waitBudget(action: string, wait: WaitOptions | number | undefined): WaitBudget {
  if (wait === undefined) return DEFAULT;
  if (typeof wait === "number") return { timeout: checkTimeout(action, wait) };
  if (typeof wait !== "object" || wait === null) {
    throw optionError(action, "wait", wait, "neither a number of milliseconds nor an object");
  }
  const { timeout = DEFAULT_TIMEOUT, signal } = wait;
  if (signal !== undefined && !isSignal(signal)) throw optionError(action, "signal", signal, "not an AbortSignal");
  return { timeout: checkTimeout(action, timeout), signal };
}

function checkTimeout(action: string, timeout: unknown): number {
  if (typeof timeout === "number" && timeout >= 0) return timeout;
  throw optionError(action, "timeout", timeout, "not a number of milliseconds from 0 to Infinity");
}

// By shape, not `instanceof`: signals of other realms and polyfills are signals.
function isSignal(value: unknown): value is AbortSignal {
  return typeof value === "object" && value !== null && "aborted" in value && "addEventListener" in value;
}
