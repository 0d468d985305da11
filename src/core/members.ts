/**
 * Keyed members in arrival order, and those who wait for one. The heart of every pool.
 *
 * @module
 */
import type { Deadlines } from "./deadlines.ts";
import { Entries, Entry, Group, type Member } from "./entries.ts";
import { PoolError } from "./errors.ts";
import type { WaitBudget } from "./wait.ts";
import { queueOf, Waiter, type WaiterOwner, WaitQueue } from "./waiters.ts";

/**
 * What became of an added member:
 * - `"delivered"`: a waiter has it; it is not in the pool.
 * - `"idle"`: it stands in the pool.
 * - `"duplicate"`: an idle member of its group has its key; nothing has changed, the member is the caller's to end.
 * - `"closed"`: its group or everything is closed; nothing has changed, the member is the caller's to end.
 */
export type AddResult = "delivered" | "idle" | "duplicate" | "closed";

export type { Member } from "./entries.ts";

/** A wait with its budget, checked by `waitBudget`; with a `group` only its members will do. */
export interface MemberWait extends WaitBudget {
  /** Compared by identity. */
  readonly group?: object | undefined;
}

/** How {@linkcode Members} is set up. */
export interface MembersOptions {
  /** Where the waits' deadlines stand. */
  deadlines: Deadlines;
  /** Called when a taker or a `waitSize` finds too little and begins to wait: the moment to see whether a round should begin. It may add. */
  onWait?(): void;
  /** What messages call a member. Default "stream". */
  noun?: string;
}

/**
 * Idle members in arrival order, by key and by group, and waiters for them. Every operation is O(1) but where it says so.
 *
 * Invariants, kept by every method when it returns:
 * - A member is in the pool or with whoever took it, never both: each way out unlinks it first.
 * - No waiter that an idle member would satisfy exists: `add` looks for a waiter before it stores, a wait looks for a member
 *   before it queues. So nobody is overtaken, and a taker never has to look at the queue.
 * - `size` is the number of linked entries, in all and for each group.
 */
export class Members<M extends Member> implements Iterable<M> {
  readonly #deadlines: Deadlines;
  readonly #options: MembersOptions;
  readonly #idle: Entries<M> = new Entries();
  // Weak: a connection that is gone takes its group along; its `closed` error is known as long as anybody can ask.
  readonly #groups: WeakMap<object, Group<M>> = new WeakMap();
  #groupOrder = 0;
  #waitOrder = 0;
  readonly #takers: Set<Waiter<M>> = new Set();
  readonly #next: WaitQueue<M> = new WaitQueue();
  readonly #keyed: Map<string, WaitQueue<M>> = new Map();
  readonly #sizes: WaitQueue<void> = new WaitQueue();
  /** The smallest count in `#sizes`, Infinity without any. */
  #lowest = Infinity;
  #closed: { readonly error: unknown } | undefined;
  readonly #takerOwner: WaiterOwner<M>;
  readonly #sizeOwner: WaiterOwner<void>;

  /** Empty, and open. */
  constructor(options: MembersOptions) {
    this.#options = options;
    this.#deadlines = options.deadlines;
    this.#takerOwner = {
      timedOut: (waiter) => this.#tooLate(waiter.key, waiter.timeout),
      left: (waiter) => void this.#takers.delete(waiter),
    };
    this.#sizeOwner = {
      timedOut: (waiter) => this.#tooFew(waiter.count, waiter.timeout),
      left: () => this.#findLowest(),
    };
  }

  /** Idle members: exactly those that can be handed out now. */
  get size(): number {
    return this.#idle.size;
  }

  /** Idle members of one group. */
  sizeOf(group: object): number {
    return this.#groups.get(group)?.size ?? 0;
  }

  /** Takers that wait; those of `waitSize` are not counted. */
  get waiting(): number {
    return this.#takers.size;
  }

  /** Whether an idle member has this key, in `group` or in any. */
  has(key: string, group?: object): boolean {
    return this.#idle.find(key, group) !== undefined;
  }

  /** Oldest first. The member just given may be removed or taken meanwhile; others should not be. */
  *[Symbol.iterator](): IterableIterator<M> {
    for (let entry = this.#idle.oldest; entry !== undefined;) {
      const { next } = entry;
      yield entry.member;
      entry = next;
    }
  }

  /** Gives a group its place among the others, the newest. Otherwise it has it from its first member or wait. */
  register(group: object): void {
    this.#group(group);
  }

  /**
   * A member has arrived. It goes to the oldest taker that waits for its key; else to the oldest that waits for the next
   * one; either of them for its group or for any. Its promise is resolved within this call. Else it is idle.
   */
  add(member: M): AddResult {
    const group = this.#group(member.group);
    if (this.#closed !== undefined || group.closed !== undefined) return "closed";
    if (this.has(member.key, member.group)) return "duplicate";
    const { key } = member;
    const waiter = older(this.#keyed.get(key)?.first, group.keyed?.get(key)?.first) ??
      older(this.#next.first, group.next?.first);
    if (waiter !== undefined) {
      waiter.deliver(member);
      return "delivered";
    }
    this.#idle.add(new Entry(member, group));
    if (this.#idle.size >= this.#lowest) this.#reached();
    return "idle";
  }

  /** Takes an idle member out. False when it is not here (any more). */
  remove(member: M): boolean {
    const entry = this.#idle.find(member.key, member.group);
    if (entry?.member !== member) return false;
    this.#idle.remove(entry);
    return true;
  }

  /** The oldest idle member, of `group` or of any, out of the pool. */
  takeNext(group?: object): M | undefined {
    const entry = group === undefined ? this.#idle.oldest : this.#groups.get(group)?.oldest;
    if (entry !== undefined) this.#idle.remove(entry);
    return entry?.member;
  }

  /** The idle member with this key, of `group` or of the newest group that has it, out of the pool. */
  takeKey(key: string, group?: object): M | undefined {
    const entry = this.#idle.find(key, group);
    if (entry !== undefined) this.#idle.remove(entry);
    return entry?.member;
  }

  /**
   * The oldest idle member, now or when one arrives. Waiters are served in the order in which they came.
   *
   * Rejects with `ERR_POOL_TIMEOUT`, the signal's reason, or the error of `close` or `closeGroup`.
   */
  waitNext(wait: MemberWait): Promise<M> {
    const refusal = this.#refusal(wait);
    if (refusal !== undefined) return Promise.reject(refusal.error);
    const member = this.takeNext(wait.group);
    if (member !== undefined) return Promise.resolve(member);
    if (wait.timeout === 0) return Promise.reject(this.#tooLate(undefined, 0));
    if (wait.group === undefined) return this.#wait(this.#next, undefined, wait);
    const group = this.#group(wait.group);
    return this.#wait(group.next ??= new WaitQueue(), undefined, wait);
  }

  /** As {@linkcode waitNext}, for the member with this key. */
  waitKey(key: string, wait: MemberWait): Promise<M> {
    const refusal = this.#refusal(wait);
    if (refusal !== undefined) return Promise.reject(refusal.error);
    const member = this.takeKey(key, wait.group);
    if (member !== undefined) return Promise.resolve(member);
    if (wait.timeout === 0) return Promise.reject(this.#tooLate(key, 0));
    const home = wait.group === undefined ? this.#keyed : this.#group(wait.group).keyed ??= new Map();
    return this.#wait(queueOf(home, key), key, wait);
  }

  /** Resolves when at least `count` members are idle, now or later. Takes none. Where one is reached: O(number of these waits). */
  waitSize(count: number, wait: WaitBudget): Promise<void> {
    const refusal = this.#refusal(wait);
    if (refusal !== undefined) return Promise.reject(refusal.error);
    if (this.#idle.size >= count) return Promise.resolve();
    if (wait.timeout === 0) return Promise.reject(this.#tooFew(count, 0));
    const target = { order: this.#waitOrder++, count };
    const waiter = new Waiter<void>(this.#sizeOwner, target, wait, this.#deadlines);
    this.#sizes.push(waiter);
    this.#lowest = Math.min(this.#lowest, count);
    this.#options.onWait?.();
    return waiter.promise;
  }

  /** Takes all idle members of a group out, oldest first: O(their number). Its waits go on. */
  removeGroup(group: object): M[] {
    const found = this.#groups.get(group);
    const removed: M[] = [];
    if (found === undefined) return removed;
    for (let entry = found.oldest; entry !== undefined; entry = found.oldest) {
      this.#idle.remove(entry);
      removed.push(entry.member);
    }
    return removed;
  }

  /** The group is gone: {@linkcode removeGroup}, and its waits, now and later, reject with `error`. */
  closeGroup(group: object, error: unknown): M[] {
    const found = this.#group(group);
    found.closed ??= { error };
    const removed = this.removeGroup(group);
    found.next?.fail(error);
    for (const queue of [...found.keyed?.values() ?? []]) queue.fail(error);
    return removed;
  }

  /** All waits, now and later, reject with `error`; nothing can be added. Idle members stay until {@linkcode drain}. A second call does nothing. */
  close(error: unknown): void {
    if (this.#closed !== undefined) return;
    this.#closed = { error };
    for (const waiter of [...this.#takers]) waiter.fail(error);
    this.#sizes.fail(error);
  }

  /** Takes all idle members out, oldest first. */
  drain(): M[] {
    const removed: M[] = [];
    for (let entry = this.#idle.oldest; entry !== undefined; entry = this.#idle.oldest) {
      this.#idle.remove(entry);
      removed.push(entry.member);
    }
    return removed;
  }

  // An aborted signal comes first, as everywhere on the platform; then what can never come; only then what is there.
  #refusal(wait: MemberWait): { readonly error: unknown } | undefined {
    if (wait.signal?.aborted) return { error: wait.signal.reason };
    if (this.#closed !== undefined) return this.#closed;
    return wait.group === undefined ? undefined : this.#groups.get(wait.group)?.closed;
  }

  #wait(queue: WaitQueue<M>, key: string | undefined, wait: MemberWait): Promise<M> {
    const target = { order: this.#waitOrder++, key };
    const waiter = new Waiter<M>(this.#takerOwner, target, wait, this.#deadlines);
    queue.push(waiter);
    this.#takers.add(waiter);
    this.#options.onWait?.();
    return waiter.promise;
  }

  #reached(): void {
    for (let waiter = this.#sizes.first; waiter !== undefined;) {
      const { next } = waiter;
      if (waiter.count <= this.#idle.size) waiter.deliver();
      waiter = next;
    }
  }

  #findLowest(): void {
    this.#lowest = Infinity;
    for (let waiter = this.#sizes.first; waiter !== undefined; waiter = waiter.next) {
      this.#lowest = Math.min(this.#lowest, waiter.count);
    }
  }

  #tooLate(key: string | undefined, timeout: number): PoolError {
    const { noun = "stream" } = this.#options;
    const when = timeout === 0 ? "now" : `within ${timeout} ms`;
    return new PoolError(
      "ERR_POOL_TIMEOUT",
      key === undefined
        ? `Cannot take a ${noun}: none was idle ${when}`
        : `Cannot take ${noun} ${key}: it was not idle ${when}`,
    );
  }

  #tooFew(count: number, timeout: number): PoolError {
    const { noun = "stream" } = this.#options;
    const when = timeout === 0 ? "now" : `after ${timeout} ms`;
    return new PoolError(
      "ERR_POOL_TIMEOUT",
      `Cannot fill the pool: ${this.#idle.size} of ${count} ${noun}s are idle ${when}`,
    );
  }

  #group(group: object): Group<M> {
    let found = this.#groups.get(group);
    if (found === undefined) {
      found = new Group(this.#groupOrder++);
      this.#groups.set(group, found);
    }
    return found;
  }
}

function older<T>(a: Waiter<T> | undefined, b: Waiter<T> | undefined): Waiter<T> | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.order < b.order ? a : b;
}
