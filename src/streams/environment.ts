/**
 * What pools take from the outside world, so that tests can own it.
 *
 * @module
 */
import { systemClock } from "../adapter/clock.ts";
import type { Clock, Engine } from "../adapter/contract.ts";
import { engineNamed } from "../adapter/engine.ts";
import type { Random } from "../core/clock.ts";

/** Engine, time and randomness of a pool. */
export interface Environment {
  readonly engine: Engine;
  readonly clock: Clock;
  /** For jitter. */
  readonly random: Random;
  /** Fills with random bytes, for ids. */
  readonly randomBytes: (into: Uint8Array<ArrayBuffer>) => void;
}

const REAL: Omit<Environment, "engine"> = {
  clock: systemClock,
  random: Math.random,
  randomBytes: (into) => void crypto.getRandomValues(into),
};

let current: Omit<Environment, "engine"> & Partial<Environment> = REAL;

/** The environment of a pool that is being made with the engine of this name, unless `withEnvironment` gives another. */
export function environment(engine: Engine["name"]): Environment {
  return { engine: engineNamed(engine), ...current };
}

/** Makes pools with another engine, clock or randomness: the constructors of the public classes have no parameter for it. */
export function withEnvironment<T>(other: Partial<Environment>, make: () => T): T {
  const before = current;
  current = { ...REAL, ...other };
  try {
    return make();
  } finally {
    current = before;
  }
}
