/**
 * What server pools take from the outside world, so that tests can own it.
 *
 * @module
 */
import { systemClock } from "../adapter/clock.ts";
import type { Clock } from "../adapter/contract.ts";
import type { HttpAdapter } from "../adapter/http/contract.ts";
import { httpAdapter } from "../adapter/http/listen.ts";
import { type Probe, probe } from "../adapter/http/probe.ts";
import type { Random } from "../core/clock.ts";

/** Listeners, health probes, time and randomness of a pool. */
export interface ServerEnvironment {
  readonly adapter: HttpAdapter;
  readonly probe: Probe;
  readonly clock: Clock;
  /** For jitter. */
  readonly random: Random;
}

const REAL: ServerEnvironment = { adapter: httpAdapter, probe, clock: systemClock, random: Math.random };

let current = REAL;

/** The environment of a pool that is being made. */
export function serverEnvironment(): ServerEnvironment {
  return current;
}

/** Makes pools with another environment: the public constructor has no parameter for it. */
export function withServerEnvironment<T>(other: Partial<ServerEnvironment>, make: () => T): T {
  const before = current;
  current = { ...REAL, ...other };
  try {
    return make();
  } finally {
    current = before;
  }
}
