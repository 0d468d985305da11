/**
 * The reading side of a stream in use.
 *
 * @module
 */
import type { Deadline, Deadlines, Expires } from "../core/deadlines.ts";
import { PoolError } from "../core/errors.ts";
import { ReceiveQueue } from "./receive_queue.ts";

/** What the reading side needs of its stream. */
export interface ReceiveSource {
  /** The stream's id. */
  readonly key: string;
  readonly deadlines: Deadlines;
  /** Bytes have been read: the peer may send as many more. */
  consume(n: number): void;
}

/** Who waits for bytes: one read, or a web or Node stream that wants more. Each wait ends with exactly one of these calls. */
export interface ReadWaiter {
  /** Whether `arrived` copies what it takes. */
  readonly copies: boolean;
  /** Takes what it can of the chunk now and returns how much; the rest stays unread. At least one byte. */
  arrived(chunk: Uint8Array): number;
  /** The peer ended its side, and everything has been read. */
  ended(): void;
  failed(error: unknown): void;
}

/** Why a side gives no more. Errors cost much (their stack), and streams are closed without anybody asking why: some are made late. */
export interface Failure {
  readonly error: unknown;
}

/** Who holds the reading or the writing side as a whole. */
export interface SideHolder {
  /** What the user calls it. */
  readonly label: string;
  /** Whether it is in use now. */
  readonly locked: boolean;
  /** The side has failed, and nothing of it is pending that would tell. */
  failed(error: unknown): void;
}

/**
 * Bytes from the peer on their way to the user.
 *
 * Invariants:
 * - Nobody waits while something is there to read, or after the end or a failure.
 * - Every byte that was delivered is given to `source.consume` once: when it is read, or when it is thrown away.
 * - What arrived before a failure stays readable; the failure follows it.
 */
export class Receiver implements Expires {
  /** A web or Node stream over this side. */
  holder: SideHolder | undefined = undefined;
  readonly #source: ReceiveSource;
  #queue: ReceiveQueue | undefined;
  #waiter: ReadWaiter | undefined;
  #ended = false;
  /** What reads fail with once the queue is empty. */
  #failure: Failure | undefined;
  #discarding = false;
  #deadline = Infinity;
  #timer: Deadline | undefined;

  /** With what arrived before the stream was taken. */
  constructor(source: ReceiveSource, early: ReceiveQueue | undefined) {
    this.#source = source;
    this.#queue = early;
  }

  /** Bytes that can be read now. */
  get size(): number {
    return this.#queue?.size ?? 0;
  }

  /** END_STREAM has come; some bytes may be unread. */
  get complete(): boolean {
    return this.#ended;
  }

  /** Throws a `TypeError` when a read is pending or somebody else holds this side; else it is the holder's. */
  hold(holder: SideHolder): void {
    if (this.#waiter !== undefined || this.holder?.locked) throw this.#busy();
    this.holder = holder;
  }

  /** Throws a `TypeError` when this side has gone to another holder. */
  check(holder: SideHolder): void {
    if (this.holder !== holder) throw this.#busy();
  }

  /** `PoolStream.read`. */
  read(into: Uint8Array): Promise<number | null> {
    if (!(into instanceof Uint8Array)) return Promise.reject(new TypeError("Cannot read: `into` is not a Uint8Array"));
    const { holder } = this;
    if (this.#waiter !== undefined || (holder !== undefined && holder.locked)) return Promise.reject(this.#busy());
    if (this.#deadline !== Infinity && this.#overdue()) return Promise.reject(this.#late());
    const queue = this.#queue;
    if (queue !== undefined && queue.size > 0 && into.length > 0) {
      const n = queue.take(into);
      this.#source.consume(n);
      return Promise.resolve(n);
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (into.length === 0) return Promise.resolve(0);
    if (this.#ended) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#waiter = new PendingRead(into, resolve, reject);
    });
  }

  /** The oldest bytes unread, not copied and counted as read. Undefined when there are none now. */
  shift(): Uint8Array | undefined {
    if (this.#deadline !== Infinity && this.#overdue()) return undefined;
    const chunk = this.#queue?.shift();
    if (chunk !== undefined) this.#source.consume(chunk.length);
    return chunk;
  }

  /** As much of what is unread as fits, copied. 0 when there is nothing now. */
  take(into: Uint8Array): number {
    if (this.#deadline !== Infinity && this.#overdue()) return 0;
    const n = this.#queue?.take(into) ?? 0;
    if (n > 0) this.#source.consume(n);
    return n;
  }

  /** Waits. What is there already has been taken before: `ended` and `failed` may be called within this. */
  wait(waiter: ReadWaiter): void {
    if (this.#waiter !== undefined) return waiter.failed(this.#busy());
    if (this.#deadline !== Infinity && this.#overdue()) return waiter.failed(this.#late());
    if (this.#failure !== undefined) return waiter.failed(this.#failure.error);
    if (this.#ended) return waiter.ended();
    this.#waiter = waiter;
  }

  /** Who waits does not any more. */
  forget(waiter: ReadWaiter): void {
    if (this.#waiter === waiter) this.#waiter = undefined;
  }

  /** From the channel. */
  deliver(chunk: Uint8Array): "used" | void {
    if (this.#discarding) {
      this.#source.consume(chunk.length);
      return "used";
    }
    const waiter = this.#waiter;
    if (waiter === undefined) {
      (this.#queue ??= new ReceiveQueue()).push(chunk);
      return "used";
    }
    if (chunk.length === 0) return "used";
    this.#waiter = undefined;
    const n = waiter.arrived(chunk);
    if (n < chunk.length) (this.#queue ??= new ReceiveQueue()).push(chunk.subarray(n));
    this.#source.consume(n);
    if (waiter.copies) return "used";
  }

  /** From the channel: END_STREAM. */
  end(): void {
    this.#ended = true;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.ended();
  }

  /** The channel is gone. After END_STREAM it does not concern this side. */
  fail(error: unknown): void {
    this.#timer?.cancel();
    if (!this.#ended) this.#fail({ error });
  }

  /** Nobody will read any more: what is unread and what comes is thrown away, and the peer may go on to its end. */
  discard(failure: Failure): void {
    this.#timer?.cancel();
    this.#deadline = Infinity;
    this.#discarding = true;
    const n = this.#queue?.clear() ?? 0;
    this.#queue = undefined;
    if (n > 0) this.#source.consume(n);
    this.#failure = undefined;
    this.#fail(failure);
  }

  /** The read deadline: a time of the pool's clock, `Infinity` for none. */
  setDeadline(time: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#discarding) return;
    this.#deadline = time;
    if (time === Infinity) return;
    if (this.#overdue()) this.expire();
    else this.#timer = this.#source.deadlines.schedule(this, time);
  }

  /** The read deadline has passed. */
  expire(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.failed(this.#late());
  }

  #fail(failure: Failure): void {
    this.#failure ??= failure;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter !== undefined) waiter.failed(failure.error);
    else if (this.size === 0) this.holder?.failed(failure.error);
  }

  #overdue(): boolean {
    return this.#source.deadlines.now() >= this.#deadline;
  }

  #late(): PoolError {
    return new PoolError(
      "ERR_STREAM_DEADLINE",
      `Cannot read from stream ${this.#source.key}: its read deadline has passed`,
    );
  }

  #busy(): TypeError {
    const by = this.holder?.locked ? this.holder.label : "another read";
    return new TypeError(`Cannot read from stream ${this.#source.key}: its reading side is in use by ${by}`);
  }
}

class PendingRead implements ReadWaiter {
  get copies(): boolean {
    return true;
  }
  readonly #into: Uint8Array;
  readonly #resolve: (n: number | null) => void;
  readonly #reject: (error: unknown) => void;

  constructor(into: Uint8Array, resolve: (n: number | null) => void, reject: (error: unknown) => void) {
    this.#into = into;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  arrived(chunk: Uint8Array): number {
    const into = this.#into;
    const n = Math.min(chunk.length, into.length);
    into.set(n === chunk.length ? chunk : chunk.subarray(0, n));
    this.#resolve(n);
    return n;
  }

  ended(): void {
    this.#resolve(null);
  }

  failed(error: unknown): void {
    this.#reject(error);
  }
}
