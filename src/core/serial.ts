/**
 * One thing after the other.
 *
 * @module
 */

/** Runs what it is given in the order of the calls, each when the one before is over, whether it failed or not. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Whether something runs or waits. */
  get busy(): boolean {
    return this.#waiting > 0;
  }

  /** Settles as `work` does. */
  run<T>(work: () => T | Promise<T>): Promise<T> {
    this.#waiting++;
    const turn = this.#last.then(work);
    const over = (): void => void this.#waiting--;
    this.#last = turn.then(over, over);
    return turn;
  }
}
