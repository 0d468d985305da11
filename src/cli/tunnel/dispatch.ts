/** Which client gets a public connection, and how long it waits for one. @module */
import type { Clock } from "../../core/clock.ts";
import type { ConnectionInfo, PoolStream } from "../../streams/mod.ts";

/** A client that takes public connections. */
export interface Member {
  readonly connection: ConnectionInfo;
  /** Public connections that it has, or that wait for a stream of it. */
  load: number;
}

/** Why nobody took a public connection. */
export class NobodyError extends Error {
  override readonly name = "NobodyError";
  readonly reason: "queue" | "wait";
  constructor(reason: "queue" | "wait", message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What {@linkcode createDispatcher} needs. */
export interface DispatcherOptions {
  /** An idle stream of a connection: `ServerPool.incomingGet`. */
  take(connection: ConnectionInfo, wait: { timeout: number; signal?: AbortSignal }): Promise<PoolStream>;
  /** Milliseconds. */
  wait: number;
  /** How many may wait at once. */
  queue: number;
  clock: Clock;
}

/** Hands out streams of the least loaded clients. */
export interface Dispatcher<M extends Member> {
  /** How many wait. */
  readonly waiting: number;
  readonly members: ReadonlySet<M>;
  add(member: M): void;
  remove(member: M): void;
  /**
   * A stream of the member with the least load, which is raised by one: the caller lowers it when done. Rejects with a
   * `NobodyError` or the signal's reason.
   */
  acquire(signal: AbortSignal): Promise<{ readonly member: M; readonly stream: PoolStream }>;
}

/** See {@linkcode Dispatcher}. */
export function createDispatcher<M extends Member>(options: DispatcherOptions): Dispatcher<M> {
  const { take, wait, queue, clock } = options;
  const members = new Set<M>();
  let waiting = 0;
  // Aborted when a member comes or goes: whoever waits chooses anew.
  let change = new AbortController();

  /** Undefined when this member has none, or not in time. */
  async function tryTake(member: M, timeout: number, signal?: AbortSignal): Promise<PoolStream | undefined> {
    member.load++;
    try {
      const stream = await take(member.connection, { timeout, signal });
      if (members.has(member)) return stream;
      // It takes no more, and would not hear of this one: what nobody announces, nobody serves.
      stream.abort(new Error("the client takes no more connections"));
    } catch {
      // None there, or not in time.
    }
    member.load--;
    return undefined;
  }

  function chooseAnew(): void {
    const before = change;
    change = new AbortController();
    before.abort();
  }

  async function acquireNow(): Promise<{ member: M; stream: PoolStream } | undefined> {
    for (const member of [...members].sort((a, b) => a.load - b.load)) {
      const stream = members.has(member) ? await tryTake(member, 0) : undefined;
      if (stream !== undefined) return { member, stream };
    }
    return undefined;
  }

  async function acquireLater(signal: AbortSignal): Promise<{ member: M; stream: PoolStream }> {
    const end = clock.now() + wait;
    for (;;) {
      signal.throwIfAborted();
      const left = end - clock.now();
      if (left <= 0) throw new NobodyError("wait", `no stream was there within ${wait} ms`);
      const changed = change.signal;
      const member = leastLoaded(members);
      if (member === undefined) {
        await pause(clock, left, [changed, signal]);
        continue;
      }
      const stream = await tryTake(member, left, AbortSignal.any([changed, signal]));
      if (stream !== undefined) {
        if (!signal.aborted) return { member, stream };
        member.load--;
        stream.abort(signal.reason);
      } else if (!changed.aborted && !signal.aborted && end - clock.now() > 0) {
        // Neither the time nor a change: its connection is going, which `remove` will hear of in a moment.
        members.delete(member);
      }
    }
  }

  return {
    get waiting() {
      return waiting;
    },
    members,
    add(member) {
      members.add(member);
      chooseAnew();
    },
    remove(member) {
      if (members.delete(member)) chooseAnew();
    },
    async acquire(signal) {
      if (waiting === 0) {
        const found = await acquireNow();
        if (found !== undefined) return found;
      }
      if (waiting >= queue) throw new NobodyError("queue", `${queue} public connections wait already`);
      waiting++;
      try {
        return await acquireLater(signal);
      } finally {
        waiting--;
      }
    },
  };
}

function leastLoaded<M extends Member>(members: Iterable<M>): M | undefined {
  let best: M | undefined;
  for (const member of members) if (best === undefined || member.load < best.load) best = member;
  return best;
}

/** Until the time has passed or one of the signals is aborted. */
function pause(clock: Clock, ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      for (const signal of signals) signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.timer(ms, done);
    for (const signal of signals) signal.addEventListener("abort", done);
  });
}
