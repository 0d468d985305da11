/**
 * How long a call waits for its turn.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";

/** The time and the signal of a caller, until its turn has come. */
export class Patience {
  /** Resolves when the time is over or the signal aborts before the turn has come. */
  readonly lost: Promise<"lost">;
  #over = false;
  readonly #end: () => void;

  constructor(clock: Clock, timeout: number, signal: AbortSignal | undefined) {
    let lose!: () => void;
    this.lost = new Promise((resolve) =>
      lose = () => {
        this.begin();
        resolve("lost");
      }
    );
    const timer = timeout === Infinity || timeout <= 0 ? undefined : clock.timer(timeout, lose);
    signal?.addEventListener("abort", lose);
    this.#end = () => {
      timer?.cancel();
      signal?.removeEventListener("abort", lose);
    };
  }

  /** The turn has come: what follows has its own deadline. False when the caller is gone. */
  begin(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#end();
    return true;
  }
}
