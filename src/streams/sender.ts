/**
 * The writing side of a stream in use.
 *
 * @module
 */
import type { Channel } from "../adapter/contract.ts";
import type { Deadline, Deadlines, Expires } from "../core/deadlines.ts";
import { PoolError } from "../core/errors.ts";
import type { Failure, SideHolder } from "./receiver.ts";

/** What the writing side needs of its stream. */
export interface SendTarget {
  /** The stream's id. */
  readonly key: string;
  readonly deadlines: Deadlines;
  readonly channel: Channel;
  /** Everything written has been handed over, and END_STREAM with it. */
  sent(): void;
}

/** Bytes that wait. */
export interface PendingWrite {
  readonly data: Uint8Array;
  next: PendingWrite | undefined;
  /** All accepted (no error), or none will be any more. */
  settle(error?: unknown): void;
}

/**
 * Bytes of the user on their way to the channel, in the order of the calls.
 *
 * Invariants:
 * - `busy` says that the channel has a write that it has not accepted: `current`, or when there is none, that of the id,
 *   which was written before the stream was taken. The line behind it waits.
 * - END_STREAM is sent only after everything that was written: a write that fails takes the pending END_STREAM with it.
 */
export class Sender implements Expires {
  /** A web or Node stream over this side. */
  holder: SideHolder | undefined = undefined;
  readonly #target: SendTarget;
  #busy: boolean;
  #current: PendingWrite | undefined;
  #first: PendingWrite | undefined;
  #last: PendingWrite | undefined;
  /** Set by `end`: END_STREAM follows the line. */
  #ending: Ending | undefined;
  #ended = false;
  #failure: Failure | undefined;
  #deadline = Infinity;
  #timer: Deadline | undefined;

  /** @param busy a write of the channel is not accepted yet */
  constructor(target: SendTarget, busy: boolean) {
    this.#target = target;
    this.#busy = busy;
  }

  /** Whether a write or the end is pending. */
  get pending(): boolean {
    return this.#current !== undefined || this.#first !== undefined || this.#ending !== undefined;
  }

  /** Whether END_STREAM has been handed over. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Throws a `TypeError` when a write is pending or somebody else holds this side; else it is the holder's. */
  hold(holder: SideHolder): void {
    if (this.holder?.locked) throw this.#locked(this.holder.label);
    if (this.pending) throw this.#locked("another write");
    this.holder = holder;
  }

  /** Throws a `TypeError` when this side has gone to another holder. */
  check(holder: SideHolder): void {
    if (this.holder !== holder) throw this.#locked(this.holder?.label ?? "nobody");
  }

  /** `PoolStream.write`. */
  write(data: Uint8Array): Promise<number> {
    const { holder } = this;
    if (holder !== undefined && holder.locked) return Promise.reject(this.#locked(holder.label));
    return this.place(data);
  }

  /** As {@linkcode write}, for the holder of this side. */
  place(data: Uint8Array): Promise<number> {
    if (!(data instanceof Uint8Array)) return Promise.reject(new TypeError("Cannot write: `data` is not a Uint8Array"));
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (!this.#busy && this.#target.channel.write(data)) return Promise.resolve(data.length);
    return new Promise((resolve, reject) => this.#wait(new PromisedWrite(data, resolve, reject)));
  }

  /** Writes without a promise. True: accepted, `write` will not be settled. False: it will be, now or later. */
  send(write: PendingWrite): boolean {
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      write.settle(refusal);
      return false;
    }
    if (!this.#busy && this.#target.channel.write(write.data)) return true;
    this.#wait(write);
    return false;
  }

  /** END_STREAM after what was written. Resolves when all of it has been handed over. */
  end(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    if (this.#ending !== undefined) return this.#ending.promise;
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (!this.#busy) {
      this.#finish();
      return Promise.resolve();
    }
    this.#ending = new Ending();
    return this.#ending.promise;
  }

  /** From the channel: its write is accepted. */
  accepted(): void {
    const done = this.#current;
    this.#current = undefined;
    this.#busy = false;
    done?.settle();
    // `settle` may have written more, or begun to end.
    for (let write = this.#first; write !== undefined && !this.#busy; write = this.#first) {
      this.#first = write.next;
      if (this.#first === undefined) this.#last = undefined;
      write.next = undefined;
      if (this.#target.channel.write(write.data)) {
        write.settle();
      } else {
        this.#current = write;
        this.#busy = true;
      }
    }
    if (!this.#busy && this.#ending !== undefined) {
      const ending = this.#ending;
      this.#ending = undefined;
      this.#finish();
      ending.resolve();
    }
  }

  /** Nothing more will be sent: pending and later writes fail. */
  fail(error: unknown): void {
    this.#timer?.cancel();
    this.#failure ??= { error };
    if (this.pending) this.#dropAll(error);
    else this.holder?.failed(error);
  }

  /** Later writes fail; what is pending goes on. Its deadline does not count any more. */
  refuse(failure: Failure): void {
    this.#timer?.cancel();
    this.#deadline = Infinity;
    this.#failure ??= failure;
  }

  /** The write deadline: a time of the pool's clock, `Infinity` for none. */
  setDeadline(time: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#failure !== undefined) return;
    this.#deadline = time;
    if (time === Infinity) return;
    if (this.#overdue()) this.expire();
    else this.#timer = this.#target.deadlines.schedule(this, time);
  }

  /** The write deadline has passed. The buffers are the users' again: what the channel has not placed is taken back. */
  expire(): void {
    if (this.#current !== undefined) {
      this.#target.channel.withdraw();
      this.#busy = false;
    }
    if (this.pending) this.#dropAll(this.#late());
  }

  #finish(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#target.channel.end();
    this.#target.sent();
  }

  // The channel has just refused it, or has another one.
  #wait(write: PendingWrite): void {
    if (!this.#busy) {
      this.#busy = true;
      this.#current = write;
    } else {
      if (this.#last === undefined) this.#first = write;
      else this.#last.next = write;
      this.#last = write;
    }
  }

  #dropAll(error: unknown): void {
    const current = this.#current;
    let write = this.#first;
    this.#current = this.#first = this.#last = undefined;
    this.#dropEnding(error);
    current?.settle(error);
    while (write !== undefined) {
      const { next } = write;
      write.next = undefined;
      write.settle(error);
      write = next;
    }
  }

  #dropEnding(error: unknown): void {
    const ending = this.#ending;
    this.#ending = undefined;
    ending?.reject(error);
  }

  #refusal(): unknown {
    if (this.#failure !== undefined) return this.#failure.error;
    const { key: id } = this.#target;
    if (this.#ended || this.#ending !== undefined) {
      return new PoolError("ERR_STREAM_CLOSED", `Cannot write to stream ${id}: its writing side is closed`);
    }
    return this.#deadline !== Infinity && this.#overdue() ? this.#late() : undefined;
  }

  #overdue(): boolean {
    return this.#target.deadlines.now() >= this.#deadline;
  }

  #late(): PoolError {
    const { key: id } = this.#target;
    return new PoolError("ERR_STREAM_DEADLINE", `Cannot write to stream ${id}: its write deadline has passed`);
  }

  #locked(by: string): TypeError {
    return new TypeError(`Cannot write to stream ${this.#target.key}: its writing side is in use by ${by}`);
  }
}

class PromisedWrite implements PendingWrite {
  readonly data: Uint8Array;
  next: PendingWrite | undefined = undefined;
  readonly #resolve: (n: number) => void;
  readonly #reject: (error: unknown) => void;

  constructor(data: Uint8Array, resolve: (n: number) => void, reject: (error: unknown) => void) {
    this.data = data;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  settle(error?: unknown): void {
    if (error === undefined) this.#resolve(this.data.length);
    else this.#reject(error);
  }
}

class Ending {
  readonly promise: Promise<void>;
  resolve!: () => void;
  reject!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}
