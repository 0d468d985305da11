/**
 * A stream in use: both sides, and how they end.
 *
 * @module
 */
import type { ChannelFault } from "../adapter/contract.ts";
import type { Deadline, Expires } from "../core/deadlines.ts";
import { PoolError } from "../core/errors.ts";
import type { ReceiveQueue } from "./receive_queue.ts";
import { type Failure, Receiver, type ReceiveSource } from "./receiver.ts";
import { Sender, type SendTarget } from "./sender.ts";
import type { ConnectionInfo } from "./types.ts";

/** What a stream in use needs of its place in the pool. */
export interface ExchangeSeat extends ReceiveSource, Omit<SendTarget, "sent"> {
  readonly connection: ConnectionInfo;
  /** Milliseconds from `close` to the reset. */
  readonly closeTimeout: number;
  /** The user has closed it, and what was written has been handed over: it only goes on to its end. */
  released(): void;
  /** The writing side has ended. */
  sent(): void;
}

/** In what state a stream is taken. */
export interface Taken {
  /** What had arrived. */
  readonly early: ReceiveQueue | undefined;
  /** END_STREAM had arrived too. */
  readonly complete: boolean;
  /** A write of the channel is not accepted yet. */
  readonly busy: boolean;
}

/** RFC 9113 section 7: the stream is not needed any more. */
const CANCEL = 8;

/** Both sides of a stream that somebody has taken. */
export class Exchange implements Expires, SendTarget {
  readonly receiver: Receiver;
  readonly sender: Sender;
  readonly #seat: ExchangeSeat;
  #over = false;
  #closing = false;
  #released = false;
  #ended: Promise<void> = Promise.resolve();
  /** Nobody reads any more: once our side has ended too, the peer has `closeTimeout` to end its own. */
  #readingOver = false;
  #timer: Deadline | undefined;
  #aborted: PoolError | undefined;
  #closed: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(seat: ExchangeSeat, taken: Taken) {
    this.#seat = seat;
    this.receiver = new Receiver(seat, taken.early);
    this.sender = new Sender(this, taken.busy);
    if (taken.complete) this.receiver.end();
  }

  get key(): string {
    return this.#seat.key;
  }
  get channel(): SendTarget["channel"] {
    return this.#seat.channel;
  }
  get deadlines(): SendTarget["deadlines"] {
    return this.#seat.deadlines;
  }
  get connection(): ConnectionInfo {
    return this.#seat.connection;
  }

  /** Whether the user has closed it. */
  get closing(): boolean {
    return this.#closing;
  }

  /** Whether the seat has heard `released`. */
  get released(): boolean {
    return this.#released;
  }

  /** `PoolStream.closed`. */
  get closed(): Promise<void> {
    if (this.#closed === undefined) {
      let resolve!: () => void;
      const promise = this.#over ? Promise.resolve() : new Promise<void>((done) => resolve = done);
      this.#closed = { promise, resolve };
    }
    return this.#closed.promise;
  }

  /** `PoolStream.close`. Returns when this side's end has been handed over, or cannot be any more. */
  close(): Promise<void> {
    if (this.#over) return Promise.resolve();
    if (!this.#closing) {
      const failure = new Closed(`Stream ${this.key} is closed`);
      this.sender.setDeadline(Infinity);
      this.#ended = this.sender.end().catch(() => {});
      this.#closing = true;
      this.sender.refuse(failure);
      this.receiver.discard(failure);
      this.#arm();
      if (this.sender.ended) this.#release();
    }
    return this.#ended;
  }

  /** Nobody will read any more; the writing side goes on. */
  stopReading(): void {
    if (this.#over || this.#closing || this.#readingOver) return;
    this.#readingOver = true;
    this.receiver.discard(new Closed(`The reading side of stream ${this.key} is cancelled`));
    if (this.sender.ended) this.#arm();
  }

  /** `PoolStream.abort`. */
  abort(reason?: unknown): void {
    if (this.#over) return;
    this.#aborted ??= new PoolError(
      "ERR_STREAM_CLOSED",
      `Stream ${this.key} was aborted`,
      reason === undefined ? undefined : { cause: reason },
    );
    this.channel.reset(CANCEL);
  }

  /** The writing side has ended. */
  sent(): void {
    if (this.#readingOver) this.#arm();
    if (this.#closing) this.#release();
    this.#seat.sent();
  }

  /** `closeTimeout` is over: the peer has not read what we wrote, or not ended its side. */
  expire(): void {
    if (this.#over) return;
    this.#aborted ??= new PoolError(
      "ERR_STREAM_CLOSED",
      `Stream ${this.key} was reset: not over within ${this.#seat.closeTimeout} ms after it was closed`,
    );
    this.channel.reset(CANCEL);
  }

  /** The channel is gone. `instead` is the error when the pool itself ended it. */
  finish(fault: ChannelFault | undefined, instead: PoolError | undefined): void {
    this.#over = true;
    this.#timer?.cancel();
    if (fault !== undefined) {
      const error = this.#aborted ?? instead ?? streamError(this.key, fault);
      this.receiver.fail(error);
      this.sender.fail(error);
    }
    this.#closed?.resolve();
  }

  #release(): void {
    if (this.#over || this.#released) return;
    this.#released = true;
    this.#seat.released();
  }

  #arm(): void {
    if (this.#over || this.#timer !== undefined) return;
    const { deadlines, closeTimeout } = this.#seat;
    this.#timer = deadlines.schedule(this, deadlines.now() + closeTimeout);
  }
}

/** The user's own doing. */
class Closed implements Failure {
  readonly #message: string;
  #error: PoolError | undefined;

  constructor(message: string) {
    this.#message = message;
  }

  get error(): PoolError {
    return this.#error ??= new PoolError("ERR_STREAM_CLOSED", this.#message);
  }
}

/** What a user of the stream is told. */
export function streamError(id: string, fault: ChannelFault): PoolError {
  switch (fault.kind) {
    case "lost":
      return new PoolError("ERR_STREAM_LOST", `Stream ${id} is lost with its connection: ${fault.cause.message}`, {
        cause: fault.cause,
      });
    case "reset":
      return new PoolError(
        "ERR_STREAM_RESET",
        `Stream ${id} was reset ${fault.by === "peer" ? "by the peer" : "by the HTTP/2 engine"} (code ${fault.code})${
          fault.message === "" ? "" : `: ${fault.message}`
        }`,
        { rstCode: fault.code },
      );
    case "refused":
      return new PoolError("ERR_STREAM_RESET", `Stream ${id} was refused by the peer: ${fault.message}`, {
        rstCode: 7,
      });
    case "aborted":
      return new PoolError("ERR_STREAM_CLOSED", `Stream ${id} was reset on this side (code ${fault.code})`);
  }
}
