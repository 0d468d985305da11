/** A clock that stands still until a test moves it. @module */

interface FakeTimer {
  readonly time: number;
  readonly fire: () => void;
  referenced: boolean;
}

/** Serves as the `Clock` of the adapter and of the core. */
export class FakeClock {
  #now: number;
  readonly #timers: Set<FakeTimer> = new Set();
  /** How many timers were ever made. */
  made = 0;

  constructor(now = 1_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  timer(ms: number, fire: () => void): { cancel(): void; ref(): void; unref(): void } {
    const timer = { time: this.#now + ms, fire, referenced: true };
    this.#timers.add(timer);
    this.made++;
    return {
      cancel: () => void this.#timers.delete(timer),
      ref: () => void (timer.referenced = true),
      unref: () => void (timer.referenced = false),
    };
  }

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Those of them that hold the process alive. */
  get referenced(): number {
    return [...this.#timers].filter((timer) => timer.referenced).length;
  }

  /** Times at which the pending timers fire, earliest first. */
  get times(): number[] {
    return [...this.#timers].map((timer) => timer.time).sort((a, b) => a - b);
  }

  /** Moves time on, timer by timer in the order of their times. Promises that they settle run after it: await something. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let timer = this.#due(end); timer !== undefined; timer = this.#due(end)) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.time);
      timer.fire();
    }
    this.#now = end;
  }

  #due(end: number): FakeTimer | undefined {
    let first: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.time <= end && (first === undefined || timer.time < first.time)) first = timer;
    }
    return first;
  }
}
