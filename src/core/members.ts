/**
 * Keyed members in arrival order, and those who wait for one. The heart of every pool.
 *
 * @module
 */
import type { Deadlines } from "./deadlines.ts";
import { PoolError } from "./errors.ts";
import type { WaitBudget } from "./wait.ts";
import { queueOf, Waiter, type WaiterOwner, WaitQueue } from "./waiters.ts";

/** What a pool holds. */
export interface Member {
  /** Unique in its group. */
  readonly key: string;
  /** Where it comes from: a connection. Compared by identity. */
  readonly group: object;
}

/**
 * What became of an added member:
 * - `"delivered"`: a waiter has it; it is not in the pool.
 * - `"idle"`: it stands in the pool.
 * - `"duplicate"`: an idle member of its group has its key; nothing has changed, the member is the caller's to end.
 * - `"closed"`: its group or everything is closed; nothing has changed, the member is the caller's to end.
 */
export type AddResult = "delivered" | "idle" | "duplicate" | "closed";

/** A wait with its budget, checked by `waitBudget`; with a `group` only its members will do. */
export interface MemberWait extends WaitBudget {
  /** Compared by identity. */
  readonly group?: object | undefined;
}

/** How {@linkcode Members} is set up. */
export interface MembersOptions {
  /** Where the waits' deadlines stand. */
  deadlines: Deadlines;
  /** Called when the first taker, or the first `waitSize`, starts to wait while none of its kind did: the moment to begin a round. */
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
  #size = 0;
  #oldest: Entry<M> | undefined;
  #latest: Entry<M> | undefined;
  /** For each key the entry of the newest group; older groups hang on its `older`. */
  readonly #byKey: Map<string, Entry<M>> = new Map();
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
    return this.#size;
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
    return this.#find(key, group) !== undefined;
  }

  /** Oldest first. The member just given may be removed or taken meanwhile; others should not be. */
  *[Symbol.iterator](): IterableIterator<M> {
    for (let entry = this.#oldest; entry !== undefined;) {
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
    this.#link(new Entry(member, group));
    if (this.#size >= this.#lowest) this.#reached();
    return "idle";
  }

  /** Takes an idle member out. False when it is not here (any more). */
  remove(member: M): boolean {
    const entry = this.#find(member.key, member.group);
    if (entry?.member !== member) return false;
    this.#unlink(entry);
    return true;
  }

  /** The oldest idle member, of `group` or of any, out of the pool. */
  takeNext(group?: object): M | undefined {
    const entry = group === undefined ? this.#oldest : this.#groups.get(group)?.oldest;
    if (entry !== undefined) this.#unlink(entry);
    return entry?.member;
  }

  /** The idle member with this key, of `group` or of the newest group that has it, out of the pool. */
  takeKey(key: string, group?: object): M | undefined {
    const entry = this.#find(key, group);
    if (entry !== undefined) this.#unlink(entry);
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

  /** Resolves when at least `count` members are idle, now or later. Takes none. O(number of these waits) where one is reached. */
  waitSize(count: number, wait: MemberWait): Promise<void> {
    const refusal = this.#refusal(wait);
    if (refusal !== undefined) return Promise.reject(refusal.error);
    if (this.#size >= count) return Promise.resolve();
    if (wait.timeout === 0) return Promise.reject(this.#tooFew(count, 0));
    const first = this.#sizes.first === undefined;
    const waiter = new Waiter<void>(
      this.#sizeOwner,
      { order: this.#waitOrder++, count },
      budget(wait),
      this.#deadlines,
    );
    this.#sizes.push(waiter);
    this.#lowest = Math.min(this.#lowest, count);
    if (first) this.#options.onWait?.();
    return waiter.promise;
  }

  /** Takes all idle members of a group out, oldest first: O(their number). Its waits go on. */
  removeGroup(group: object): M[] {
    const found = this.#groups.get(group);
    const removed: M[] = [];
    if (found === undefined) return removed;
    for (let entry = found.oldest; entry !== undefined; entry = found.oldest) {
      this.#unlink(entry);
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
    if (found.keyed !== undefined) { for (const queue of [...found.keyed.values()]) queue.fail(error); }
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
    for (let entry = this.#oldest; entry !== undefined; entry = this.#oldest) {
      this.#unlink(entry);
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
    if (this.#takers.size === 1) this.#options.onWait?.();
    return waiter.promise;
  }

  #reached(): void {
    for (let waiter = this.#sizes.first; waiter !== undefined;) {
      const { next } = waiter;
      if (waiter.count <= this.#size) waiter.deliver();
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
      `Cannot fill the pool: ${this.#size} of ${count} ${noun}s are idle ${when}`,
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

  // Entries of one key: almost always one. Only a reserved key is in several groups, at most once in each.
  #find(key: string, group: object | undefined): Entry<M> | undefined {
    let entry = this.#byKey.get(key);
    if (group !== undefined) { while (entry !== undefined && entry.member.group !== group) entry = entry.older; }
    return entry;
  }

  #link(entry: Entry<M>): void {
    const { group } = entry;
    entry.prev = this.#latest;
    if (this.#latest === undefined) this.#oldest = entry;
    else this.#latest.next = entry;
    this.#latest = entry;

    entry.groupPrev = group.latest;
    if (group.latest === undefined) group.oldest = entry;
    else group.latest.groupNext = entry;
    group.latest = entry;

    const { key } = entry.member;
    let newer: Entry<M> | undefined;
    let below = this.#byKey.get(key);
    while (below !== undefined && below.group.order > group.order) {
      newer = below;
      below = below.older;
    }
    entry.newer = newer;
    entry.older = below;
    if (below !== undefined) below.newer = entry;
    if (newer === undefined) this.#byKey.set(key, entry);
    else newer.older = entry;

    group.size++;
    this.#size++;
  }

  #unlink(entry: Entry<M>): void {
    const { group, prev, next, groupPrev, groupNext, newer, older } = entry;
    if (prev === undefined) this.#oldest = next;
    else prev.next = next;
    if (next === undefined) this.#latest = prev;
    else next.prev = prev;

    if (groupPrev === undefined) group.oldest = groupNext;
    else groupPrev.groupNext = groupNext;
    if (groupNext === undefined) group.latest = groupPrev;
    else groupNext.groupPrev = groupPrev;

    if (older !== undefined) older.newer = newer;
    if (newer !== undefined) newer.older = older;
    else if (older !== undefined) this.#byKey.set(entry.member.key, older);
    else this.#byKey.delete(entry.member.key);

    group.size--;
    this.#size--;
  }
}

class Entry<M extends Member> {
  readonly member: M;
  readonly group: Group<M>;
  prev: Entry<M> | undefined = undefined;
  next: Entry<M> | undefined = undefined;
  groupPrev: Entry<M> | undefined = undefined;
  groupNext: Entry<M> | undefined = undefined;
  newer: Entry<M> | undefined = undefined;
  older: Entry<M> | undefined = undefined;

  constructor(member: M, group: Group<M>) {
    this.member = member;
    this.group = group;
  }
}

class Group<M extends Member> {
  /** Place in time among the groups. */
  readonly order: number;
  size = 0;
  oldest: Entry<M> | undefined = undefined;
  latest: Entry<M> | undefined = undefined;
  next: WaitQueue<M> | undefined = undefined;
  keyed: Map<string, WaitQueue<M>> | undefined = undefined;
  closed: { readonly error: unknown } | undefined = undefined;

  constructor(order: number) {
    this.order = order;
  }
}

function older<T>(a: Waiter<T> | undefined, b: Waiter<T> | undefined): Waiter<T> | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.order < b.order ? a : b;
}
