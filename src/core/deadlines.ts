/**
 * Any number of deadlines on one timer.
 *
 * @module
 */
import type { Clock, ClockTimer } from "./clock.ts";
import { InternalError, rethrowLater } from "./errors.ts";

/** What waits for a point in time. A method of an object that exists anyway, so that a deadline needs no closure. */
export interface Expires {
  /** Called once, at the deadline or after it. May call anything. One that throws is the runtime's uncaught exception. */
  expire(): void;
}

/** One scheduled call. */
export interface Deadline {
  /** The point in time of the clock, in milliseconds. */
  readonly time: number;
  /** Neither fired nor cancelled. */
  readonly pending: boolean;
  /** O(1). Does nothing when it has fired or is cancelled. */
  cancel(): void;
}

// The longest delay that every runtime's setTimeout takes; a longer one fires at once (2^31 - 1 ms, about 25 days).
const MAX_DELAY = 0x7fff_ffff;
// A heap below this is not worth compacting.
const MIN_COMPACT = 64;

/**
 * Deadlines of one pool on one timer of `clock`.
 *
 * Invariants:
 * - `heap[0]` is the earliest slot, pending or cancelled; equal times fire in the order in which they were scheduled.
 * - While a deadline is pending the timer is armed for `heap[0].time` or earlier; with none pending there is no timer,
 *   so nothing keeps the process alive.
 * - `dead` counts the cancelled slots in the heap and never passes half of it (above a small size).
 */
export class Deadlines {
  readonly #clock: Clock;
  #heap: Slot[] = [];
  #dead = 0;
  #order = 0;
  #timer: ClockTimer | undefined;
  #armed = Infinity;
  /** While deadlines are being fired: the time they are fired for. */
  #firing: number | undefined;
  #referenced = true;
  #closed = false;
  readonly #fire = (): void => this.#expire();

  /** One for each pool: its deadlines stand and fall together. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many are pending. */
  get size(): number {
    return this.#heap.length - this.#dead;
  }

  /** The clock's time, in milliseconds. */
  now(): number {
    return this.#clock.now();
  }

  /**
   * Calls `target.expire()` at `time`, or as soon as possible when it has passed; never inside this call.
   * O(1) when deadlines come in the order of their times, O(log n) otherwise. `Infinity` never fires and costs nothing.
   * After `close` nothing fires any more.
   */
  schedule(target: Expires, time: number): Deadline {
    if (Number.isNaN(time)) throw new InternalError("Cannot schedule a deadline: its time is NaN");
    const slot = new Slot(this, target, time, this.#order++);
    if (time === Infinity || this.#closed) {
      slot.target = undefined;
      return slot;
    }
    // A deadline in the past that is set by an expiring one waits for the next turn, behind all that are due in this one.
    if (this.#firing !== undefined && time < this.#firing) slot.time = this.#firing;
    const heap = this.#heap;
    heap.push(slot);
    siftUp(heap, heap.length - 1);
    if (heap[0] === slot && this.#firing === undefined) this.#arm();
    return slot;
  }

  /** As {@linkcode schedule}, with a function. */
  at(time: number, fire: () => void): Deadline {
    return this.schedule({ expire: fire }, time);
  }

  /** `at(now() + ms, fire)`. */
  after(ms: number, fire: () => void): Deadline {
    return this.schedule({ expire: fire }, this.#clock.now() + ms);
  }

  /** Pending deadlines keep the process alive: the default. */
  ref(): void {
    this.#referenced = true;
    this.#timer?.ref();
  }

  /** Pending deadlines do not keep the process alive. */
  unref(): void {
    this.#referenced = false;
    this.#timer?.unref();
  }

  /** Cancels everything, and everything that will be scheduled. */
  close(): void {
    this.#closed = true;
    for (const slot of this.#heap) slot.target = undefined;
    this.#clear();
  }

  /** Only for {@linkcode Slot}: its target has just been taken away while it is in the heap. */
  static cancelled(deadlines: Deadlines): void {
    deadlines.#dead++;
    const { length } = deadlines.#heap;
    if (deadlines.#dead === length) deadlines.#clear();
    else if (deadlines.#dead * 2 > length && length >= MIN_COMPACT) deadlines.#compact();
  }

  // Expired slots leave the heap before they are called: a callback may schedule, cancel and close as it likes. Cancelled
  // ones at the top leave it whatever their time, so that the timer is never armed for one of them.
  #expire(): void {
    this.#timer = undefined;
    this.#armed = Infinity;
    const now = this.#clock.now();
    const limit = this.#order;
    this.#firing = now;
    for (let slot = this.#heap[0]; slot !== undefined; slot = this.#heap[0]) {
      const { target } = slot;
      if (target === undefined) {
        pop(this.#heap);
        this.#dead--;
        continue;
      }
      if (slot.time > now || slot.order >= limit) break;
      pop(this.#heap);
      slot.target = undefined;
      try {
        target.expire();
      } catch (error) {
        rethrowLater(error);
      }
    }
    this.#firing = undefined;
    this.#arm();
  }

  // The timer is moved only to an earlier time. One that has become too early finds nothing due and arms again: cheaper
  // than a new timer for every cancelled deadline.
  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined || first.time >= this.#armed) return;
    this.#timer?.cancel();
    const delay = Math.min(Math.max(Math.ceil(first.time - this.#clock.now()), 0), MAX_DELAY);
    this.#armed = first.time;
    this.#timer = this.#clock.timer(delay, this.#fire);
    if (!this.#referenced) this.#timer.unref();
  }

  #clear(): void {
    this.#heap = [];
    this.#dead = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armed = Infinity;
  }

  // Linear, after at least as many cancellations: O(1) for each of them.
  #compact(): void {
    const heap = this.#heap.filter((slot) => slot.target !== undefined);
    for (let i = (heap.length >> 1) - 1; i >= 0; i--) siftDown(heap, i);
    this.#heap = heap;
    this.#dead = 0;
  }
}

class Slot implements Deadline {
  readonly #deadlines: Deadlines;
  /** Undefined once fired or cancelled. */
  target: Expires | undefined;
  time: number;
  readonly order: number;

  constructor(deadlines: Deadlines, target: Expires, time: number, order: number) {
    this.#deadlines = deadlines;
    this.target = target;
    this.time = time;
    this.order = order;
  }

  get pending(): boolean {
    return this.target !== undefined;
  }

  // A slot that has fired has left the heap and has no target: only a slot in the heap is counted as dead.
  cancel(): void {
    if (this.target === undefined) return;
    this.target = undefined;
    Deadlines.cancelled(this.#deadlines);
  }
}

function before(a: Slot, b: Slot): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}

function siftUp(heap: Slot[], from: number): void {
  const slot = heap[from]!;
  let i = from;
  while (i > 0) {
    const up = (i - 1) >> 1;
    const parent = heap[up]!;
    if (!before(slot, parent)) break;
    heap[i] = parent;
    i = up;
  }
  heap[i] = slot;
}

function siftDown(heap: Slot[], from: number): void {
  const slot = heap[from]!;
  const half = heap.length >> 1;
  let i = from;
  while (i < half) {
    let down = 2 * i + 1;
    if (down + 1 < heap.length && before(heap[down + 1]!, heap[down]!)) down++;
    const child = heap[down]!;
    if (!before(child, slot)) break;
    heap[i] = child;
    i = down;
  }
  heap[i] = slot;
}

function pop(heap: Slot[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  heap[0] = last;
  siftDown(heap, 0);
}
