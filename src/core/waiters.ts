/**
 * Promises that wait for something to be handed to them, in queues that any of them can leave at any time.
 *
 * @module
 */
import type { Deadline, Deadlines, Expires } from "./deadlines.ts";
import type { WaitBudget } from "./wait.ts";

/** Who made a {@linkcode Waiter}. */
export interface WaiterOwner<T> {
  /** The error of a waiter whose time is over. */
  timedOut(waiter: Waiter<T>): Error;
  /** A waiter is about to be settled, in whichever way, and has left its queue. Exactly once for each. */
  left(waiter: Waiter<T>): void;
}

/**
 * One wait: a promise, its place in a queue, its deadline and its abort listener.
 *
 * Invariant: `deliver`, `fail`, the deadline and the signal each go through `#leave` first, which takes away the deadline,
 * the listener and the place in the queue; so a waiter is settled once and leaves nothing behind.
 */
export class Waiter<T> implements Expires, EventListenerObject {
  /** Settled once, in whichever way comes first. */
  readonly promise: Promise<T>;
  /** What is waited for; undefined for "the next one". */
  readonly key: string | undefined;
  /** How many are waited for, where a count is. */
  readonly count: number;
  /** Milliseconds given. */
  readonly timeout: number;
  /** Place in time among all waiters of the owner. */
  readonly order: number;
  /** The queue it stands in. */
  queue: WaitQueue<T> | undefined = undefined;
  /** Only for {@linkcode WaitQueue}. */
  prev: Waiter<T> | undefined = undefined;
  /** Only for {@linkcode WaitQueue}. */
  next: Waiter<T> | undefined = undefined;

  readonly #owner: WaiterOwner<T>;
  readonly #signal: AbortSignal | undefined;
  #deadline: Deadline | undefined;
  #settled = false;
  #resolve!: (value: T | PromiseLike<T>) => void;
  #reject!: (reason: unknown) => void;

  /** Waits from now on; the signal must not be aborted yet. */
  constructor(owner: WaiterOwner<T>, what: WaiterTarget, budget: WaitBudget, deadlines: Deadlines) {
    this.#owner = owner;
    this.key = what.key;
    this.count = what.count ?? 1;
    this.order = what.order;
    this.timeout = budget.timeout;
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#deadline = budget.timeout === Infinity
      ? undefined
      : deadlines.schedule(this, deadlines.now() + budget.timeout);
    this.#signal = budget.signal;
    this.#signal?.addEventListener("abort", this);
  }

  /** Fulfils the promise. */
  deliver(value: T): void {
    if (this.#leave()) this.#resolve(value);
  }

  /** Rejects the promise. */
  fail(error: unknown): void {
    if (this.#leave()) this.#reject(error);
  }

  /** Its deadline. */
  expire(): void {
    this.fail(this.#owner.timedOut(this));
  }

  /** Its signal. */
  handleEvent(): void {
    this.fail(this.#signal?.reason);
  }

  #leave(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#deadline?.cancel();
    this.#deadline = undefined;
    this.#signal?.removeEventListener("abort", this);
    this.queue?.remove(this);
    this.#owner.left(this);
    return true;
  }
}

/** What a {@linkcode Waiter} waits for, and its place in time. */
export interface WaiterTarget {
  /** Place in time. */
  readonly order: number;
  /** Undefined for "the next one". */
  readonly key?: string | undefined;
  /** How many, where a count is waited for. */
  readonly count?: number;
}

/** Waiters in arrival order; any of them leaves in O(1). A queue with a `home` is deleted from it when it gets empty. */
export class WaitQueue<T> {
  /** The oldest. */
  first: Waiter<T> | undefined = undefined;
  #last: Waiter<T> | undefined;
  readonly #home: Map<string, WaitQueue<T>> | undefined;
  readonly #key: string;

  /** Empty, and not in `home` yet. */
  constructor(home?: Map<string, WaitQueue<T>>, key = "") {
    this.#home = home;
    this.#key = key;
  }

  /** Last in line. */
  push(waiter: Waiter<T>): void {
    waiter.queue = this;
    waiter.prev = this.#last;
    if (this.#last === undefined) this.first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
  }

  /** From anywhere in the line. */
  remove(waiter: Waiter<T>): void {
    if (waiter.prev === undefined) this.first = waiter.next;
    else waiter.prev.next = waiter.next;
    if (waiter.next === undefined) this.#last = waiter.prev;
    else waiter.next.prev = waiter.prev;
    waiter.queue = waiter.prev = waiter.next = undefined;
    if (this.first === undefined) this.#home?.delete(this.#key);
  }

  /** Fails all. Each leaves the queue before its promise is settled. */
  fail(error: unknown): void {
    for (let waiter = this.first; waiter !== undefined; waiter = this.first) waiter.fail(error);
  }
}

/** The queue of `key`, made when it is missing. */
export function queueOf<T>(home: Map<string, WaitQueue<T>>, key: string): WaitQueue<T> {
  let queue = home.get(key);
  if (queue === undefined) {
    queue = new WaitQueue(home, key);
    home.set(key, queue);
  }
  return queue;
}
