/** Deadlines that all lie equally far ahead: the oldest is the next, so that one timer serves them all. @module */
import type { Clock, ClockTimer } from "../../contract.ts";

/** A deadline that has been set. */
export interface Due<T> {
  readonly at: number;
  readonly what: T;
  previous: Due<T> | undefined;
  next: Due<T> | undefined;
}

/** Says when things are due, `timeout` milliseconds after they were added. Its timer never holds the process. */
export class Expiry<T> {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #expired: (what: T) => void;
  #first: Due<T> | undefined;
  #last: Due<T> | undefined;
  #timer: ClockTimer | undefined;

  constructor(clock: Clock, timeout: number, expired: (what: T) => void) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.#expired = expired;
  }

  /** Undefined when nothing ever expires. */
  add(what: T): Due<T> | undefined {
    if (this.#timeout === Infinity) return undefined;
    const due: Due<T> = { at: this.#clock.now() + this.#timeout, what, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = due;
    else this.#last.next = due;
    this.#last = due;
    if (this.#timer === undefined) this.#wait(this.#timeout);
    return due;
  }

  /** The timer is left alone: most things are over long before it fires, and making a new one costs more. */
  remove(due: Due<T> | undefined): void {
    if (due === undefined || (due.previous === undefined && this.#first !== due)) return;
    const { previous, next } = due;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    due.previous = due.next = undefined;
  }

  /** Nothing is left that could be due. */
  rest(): void {
    if (this.#first !== undefined) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(ms: number): void {
    this.#timer = this.#clock.timer(ms, this.#fire);
    this.#timer.unref();
  }

  #fire = (): void => {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (let due = this.#first; due !== undefined && due.at <= now; due = this.#first) {
      this.remove(due);
      this.#expired(due.what);
    }
    if (this.#first !== undefined && this.#timer === undefined) this.#wait(this.#first.at - now);
  };
}
