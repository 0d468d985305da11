/**
 * How long to wait between connection attempts.
 *
 * The figures are those that gRPC publishes and has run with for years: `grpc/grpc`, doc/connection-backoff.md (INITIAL_BACKOFF
 * 1 s, MULTIPLIER 1.6, MAX_BACKOFF 120 s, JITTER 0.2). One difference: the first wait is jittered too, because a server
 * that goes away loses all its clients in the same moment, and that document asks that they disperse.
 *
 * @module
 */
import type { Random } from "./clock.ts";
import { checks } from "./options.ts";

/**
 * How long to wait between connection attempts. `ERR_POOL_OPTION` for what cannot be.
 *
 * @example
 * ```ts
 * import { ClientPool } from "@x/h2pool";
 *
 * new ClientPool({ address: "server.example:8443", backoff: { initial: 250, max: 30_000 } });
 * ```
 */
export interface BackoffOptions {
  /** Milliseconds after the first failure. Default 1_000. */
  initial?: number;
  /** By which it grows with each further failure, 1 or more. Default 1.6. */
  factor?: number;
  /** Largest wait in milliseconds, before jitter. Default 120_000, or `initial` when that is more. */
  max?: number;
  /** Part of the wait, 0 to 1, by which it is made longer or shorter at random. Default 0.2. */
  jitter?: number;
}

/** Made by {@linkcode backoff}. */
export interface Backoff {
  /** Failures since the start or the last `reset`. */
  readonly failures: number;
  /** After a failure: milliseconds to wait, from the start of the attempt that failed as gRPC counts. */
  next(): number;
  /** After a success: the next failure waits `initial` again. */
  reset(): void;
}

/**
 * Makes a back-off in its first state.
 *
 * @param options checked here
 * @param action what the user asked for, after "Cannot" in the error
 * @throws PoolError `ERR_POOL_OPTION` naming `backoff.<option>`
 */
export function backoff(options: BackoffOptions | undefined, random: Random, action = "back off"): Backoff {
  const check = checks(action);
  const { initial, factor, max, jitter } = check.object("backoff", options) ?? {};
  const first = check.duration("backoff.initial", initial, { default: 1_000 });
  const growth = check.number("backoff.factor", factor, { default: 1.6, min: 1 });
  const limit = check.duration("backoff.max", max, { default: Math.max(120_000, first) });
  const spread = check.number("backoff.jitter", jitter, { default: 0.2, max: 1 });
  check.ordered("backoff.initial", first, "backoff.max", limit);

  let failures = 0;
  let wait = first;
  return {
    get failures(): number {
      return failures;
    },
    next(): number {
      const now = wait;
      failures++;
      wait = Math.min(wait * growth, limit);
      return now + now * spread * (2 * random() - 1);
    },
    reset(): void {
      failures = 0;
      wait = first;
    },
  };
}
