/** Randomness that can be repeated. @module */
import process from "node:process";

/** A small seeded generator (Mulberry32: 32 bits of state, good enough for choosing steps). */
export class SeededRandom {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** As `Math.random`. */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };

  /** A whole number from 0 to `n - 1`. */
  int(n: number): number {
    return Math.floor(this.next() * n);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(from.length)]!;
  }

  /** True with this probability. */
  chance(p: number): boolean {
    return this.next() < p;
  }
}

/** Runs `body` with a new seed, or with that of `H2POOL_SEED`; when it fails, the error says which seed repeats it. */
export async function seeded(body: (random: SeededRandom) => unknown): Promise<void> {
  const seed = Number(process.env.H2POOL_SEED ?? Math.floor(Math.random() * 2 ** 32));
  try {
    await body(new SeededRandom(seed));
  } catch (error) {
    throw new Error(`with H2POOL_SEED=${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
