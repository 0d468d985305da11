/**
 * A `start()` that is waiting.
 *
 * @module
 */
import type { Deadline, Deadlines } from "../core/deadlines.ts";
import { PoolError } from "../core/errors.ts";
import type { WaitBudget } from "../core/wait.ts";

/** The promise of `start()` with its deadline and its signal. */
export class Starting {
  readonly promise: Promise<void>;
  /** The clock's time at which it gives up. */
  readonly until: number;
  /** What failed last on the way. */
  lastFailure: PoolError | undefined = undefined;
  /** Attempts under way that will fail by `until` themselves, and say better why. */
  pending = 0;
  readonly #budget: WaitBudget;
  readonly #gaveUp: (error: unknown) => void;
  readonly #timer: Deadline;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;
  #over = false;
  #late = false;
  readonly #aborted = (): void => this.#gaveUp(this.#budget.signal?.reason);

  /** @param gaveUp time is over, or the signal aborted */
  constructor(deadlines: Deadlines, budget: WaitBudget, gaveUp: (error: unknown) => void) {
    this.#budget = budget;
    this.#gaveUp = gaveUp;
    this.until = deadlines.now() + budget.timeout;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = deadlines.at(this.until, () => {
      this.#late = true;
      this.settled();
    });
    budget.signal?.addEventListener("abort", this.#aborted);
  }

  /** An attempt under way has ended. */
  settled(): void {
    if (!this.#late || this.#over || this.pending > 0) return;
    const { timeout } = this.#budget;
    this.#gaveUp(
      this.lastFailure ?? new PoolError("ERR_POOL_TIMEOUT", `Cannot start the pool: not ready within ${timeout} ms`),
    );
  }

  succeed(): void {
    this.over();
    this.#resolve();
  }

  fail(error: unknown): void {
    this.over();
    this.#reject(error);
  }

  /** Whether its outcome is known. */
  get decided(): boolean {
    return this.#over;
  }

  /** Nothing can change its outcome any more: neither time nor signal. */
  over(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer.cancel();
    this.#budget.signal?.removeEventListener("abort", this.#aborted);
  }
}
