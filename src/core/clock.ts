/**
 * Time as the core sees it: passed in, never taken from the runtime.
 *
 * The two interfaces are the same, member by member, as those of `src/adapter/contract.ts`. They are repeated here on
 * purpose: the core imports nothing but itself, and TypeScript's structural types let one object serve both.
 *
 * @module
 */

/** Time, so that tests can own it. */
export interface Clock {
  /** Monotonic, in milliseconds; the zero point means nothing. */
  now(): number;
  /** Calls `fire` once, `ms` milliseconds from now at the earliest, never before this returns. */
  timer(ms: number, fire: () => void): ClockTimer;
}

/** A one-shot timer. It holds the process alive unless `unref` was called. */
export interface ClockTimer {
  /** After it `fire` is not called any more. Does nothing on a timer that has fired. */
  cancel(): void;
  /** It holds the process alive. */
  ref(): void;
  /** It does not. */
  unref(): void;
}

/** Uniformly distributed in [0, 1), as `Math.random`. Passed in, so that a test can repeat a run. */
export type Random = () => number;
