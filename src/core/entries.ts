/**
 * The linked entries below {@linkcode Members}: one line of all, one of each group, one of each key.
 *
 * @module
 */
import type { WaitQueue } from "./waiters.ts";

/** What a pool holds. */
export interface Member {
  /** Unique in its group. */
  readonly key: string;
  /** Where it comes from: a connection. Compared by identity. */
  readonly group: object;
}

/** One idle member and its neighbours. Undefined is the end of a line. */
export class Entry<M extends Member> {
  /** Whose entry this is. */
  readonly member: M;
  /** The record of the member's group. */
  readonly group: Group<M>;
  /** In the line of all, by arrival. */
  prev: Entry<M> | undefined = undefined;
  /** In the line of all, by arrival. */
  next: Entry<M> | undefined = undefined;
  /** In the line of its group, by arrival. */
  groupPrev: Entry<M> | undefined = undefined;
  /** In the line of its group, by arrival. */
  groupNext: Entry<M> | undefined = undefined;
  /** In the line of its key: the next newer group. */
  newer: Entry<M> | undefined = undefined;
  /** In the line of its key: the next older group. */
  older: Entry<M> | undefined = undefined;

  /** Not in any line yet. */
  constructor(member: M, group: Group<M>) {
    this.member = member;
    this.group = group;
  }
}

/** What is known about one group. */
export class Group<M extends Member> {
  /** Place in time among the groups. */
  readonly order: number;
  /** Idle members. */
  size = 0;
  /** Its first entry. */
  oldest: Entry<M> | undefined = undefined;
  /** Its last entry. */
  latest: Entry<M> | undefined = undefined;
  /** Takers that want its next member. */
  next: WaitQueue<M> | undefined = undefined;
  /** Takers that want its member with a key. */
  keyed: Map<string, WaitQueue<M>> | undefined = undefined;
  /** Why nothing comes from it any more. */
  closed: { readonly error: unknown } | undefined = undefined;

  /** Empty and open. */
  constructor(order: number) {
    this.order = order;
  }
}

/**
 * All idle entries. `add` and `remove` are O(1), `find` too unless one key is idle in many groups at once: the lines of a key
 * are as long as the groups that have it, and only a reserved key ("00000000" on the wire) is in more than one.
 *
 * Invariant: an entry stands in all three lines or in none; `size` counts them.
 */
export class Entries<M extends Member> {
  /** How many. */
  size = 0;
  /** The first of all. */
  oldest: Entry<M> | undefined = undefined;
  #latest: Entry<M> | undefined;
  /** For each key the entry of the newest group. */
  readonly #byKey: Map<string, Entry<M>> = new Map();

  /** The entry with this key, of `group` or of the newest group that has it. */
  find(key: string, group: object | undefined): Entry<M> | undefined {
    let entry = this.#byKey.get(key);
    if (group !== undefined) { while (entry !== undefined && entry.member.group !== group) entry = entry.older; }
    return entry;
  }

  /** Last in line of all and of its group, in the order of the groups in that of its key. */
  add(entry: Entry<M>): void {
    const { group } = entry;
    entry.prev = this.#latest;
    if (this.#latest === undefined) this.oldest = entry;
    else this.#latest.next = entry;
    this.#latest = entry;

    entry.groupPrev = group.latest;
    if (group.latest === undefined) group.oldest = entry;
    else group.latest.groupNext = entry;
    group.latest = entry;

    // From the newest: a reserved key comes first on its connection, so it almost always belongs right here.
    const { key } = entry.member;
    let newer: Entry<M> | undefined;
    let older = this.#byKey.get(key);
    while (older !== undefined && older.group.order > group.order) {
      newer = older;
      older = older.older;
    }
    entry.newer = newer;
    entry.older = older;
    if (older !== undefined) older.newer = entry;
    if (newer === undefined) this.#byKey.set(key, entry);
    else newer.older = entry;

    group.size++;
    this.size++;
  }

  /** Out of all lines. */
  remove(entry: Entry<M>): void {
    const { group, prev, next, groupPrev, groupNext, newer, older } = entry;
    if (prev === undefined) this.oldest = next;
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

    // A dead entry that the collector has already moved to its old space would keep its young neighbours alive, and they
    // theirs: without this adding and taking costs half as much again at 100,000 members (Node 24, scripts/bench/core.ts).
    entry.prev =
      entry.next =
      entry.groupPrev =
      entry.groupNext =
      entry.newer =
      entry.older =
        undefined;
    group.size--;
    this.size--;
  }
}
