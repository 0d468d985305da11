/**
 * One stream: the state of RFC 9113 section 5.1 and both windows of section 5.2, as the owner's {@linkcode Channel}.
 * Ten thousand of these wait idle in a pool, so that it has few fields and makes nothing before it is needed. @module
 */
import type { Channel, ChannelFault, ChannelHandler, Fields } from "../contract.ts";
import { CANCEL, report } from "./errors.ts";
import { MAX_31 } from "./frames.ts";
import type { Session } from "./session.ts";

/** END_STREAM has been received. */
export const READ_ENDED = 1;
/** The owner called `end`. */
export const END_CALLED = 2;
/** END_STREAM has been framed. */
export const WRITE_ENDED = 4;
/** The owner has been told of the close, or is being told. */
export const CLOSED = 8;
/** Client: the final response has come. Server: from the start. The next header block is trailers. */
export const HEADED = 16;
/** Server: the response has been sent. Client: from the start. */
export const RESPONDED = 32;
/** Client: what was asked, where the answer's content-length does not say how long its body is (RFC 9110 section 8.6). */
export const HEAD_REQUEST = 64;
export const CONNECT_REQUEST = 128;

const BOTH_ENDED = READ_ENDED | WRITE_ENDED;

export class Stream implements Channel {
  readonly id: number;
  readonly session: Session;
  /** Undefined only while the owner's `channel` callback runs. */
  handler: ChannelHandler | undefined;
  flags: number;
  /** What the peer's stream window allows us to send; below zero after its SETTINGS took back (section 6.9.2). */
  credit: number;
  /** The whole receive window, what of it the peer may still use, and what was consumed and not given back yet. */
  #window: number;
  #unused: number;
  #consumed = 0;
  /** Payload that a content-length still promises; -1 without one. */
  expected = -1;
  /** The rest of a write that did not fit, and how far it has been framed. */
  pending: Uint8Array | undefined = undefined;
  offset = 0;
  /** Trailers that wait for `pending`. */
  #trailers: Fields | undefined = undefined;
  /** Neighbours in the sender's ring, while it waits there. */
  next: Stream | undefined = undefined;
  previous: Stream | undefined = undefined;

  constructor(
    session: Session,
    id: number,
    handler: ChannelHandler | undefined,
    flags: number,
    credit: number,
    window: number,
  ) {
    this.session = session;
    this.id = id;
    this.handler = handler;
    this.flags = flags;
    this.credit = credit;
    this.#window = window;
    this.#unused = window;
  }

  get readEnded(): boolean {
    return (this.flags & READ_ENDED) !== 0;
  }

  get writeEnded(): boolean {
    return (this.flags & WRITE_ENDED) !== 0;
  }

  get sendWindow(): number {
    return Math.max(0, Math.min(this.credit, this.session.sender.window));
  }

  respond(fields: Fields, body?: "none"): void {
    if ((this.flags & (RESPONDED | END_CALLED | CLOSED)) !== 0) throw this.#refusal("respond");
    this.session.sendHeaders(this, fields, body === "none" ? "end" : "body");
    this.flags |= RESPONDED;
    if (body === "none") {
      this.flags |= END_CALLED;
      this.#writeEnded();
    }
  }

  inform(fields: Fields): void {
    if ((this.flags & (RESPONDED | END_CALLED | CLOSED)) !== 0) throw this.#refusal("inform");
    this.session.sendHeaders(this, fields, "more");
  }

  write(data: Uint8Array): boolean {
    if ((this.flags & (RESPONDED | END_CALLED | CLOSED)) !== RESPONDED || this.pending !== undefined) {
      throw this.#refusal("write");
    }
    const length = data.length;
    if (length === 0) return true;
    const session = this.session;
    const placed = session.sender.place(this, data);
    session.wake();
    if (placed === length) return true;
    this.pending = data;
    this.offset = placed;
    if (this.credit > 0) session.sender.enqueue(this);
    return false;
  }

  withdraw(): number {
    const data = this.pending;
    // What `end` has been called for is a whole: without its rest the peer would take a part for it.
    if (data === undefined || (this.flags & (END_CALLED | CLOSED)) !== 0) return 0;
    const left = data.length - this.offset;
    this.session.sender.remove(this);
    this.pending = undefined;
    this.offset = 0;
    return left;
  }

  end(trailers?: Fields): void {
    if ((this.flags & (END_CALLED | CLOSED)) !== 0) return;
    if ((this.flags & RESPONDED) === 0) throw this.#refusal("end");
    this.flags |= END_CALLED;
    if (this.pending !== undefined) this.#trailers = trailers;
    else this.#sendEnd(trailers);
  }

  reset(code: number = CANCEL): void {
    if ((this.flags & CLOSED) !== 0) return;
    // Both sides have ended and only the owner does not know yet: there is nothing left to reset.
    if ((this.flags & BOTH_ENDED) === BOTH_ENDED) this.close(undefined);
    else this.session.abort(this, code);
  }

  consume(n: number): void {
    if ((this.flags & CLOSED) !== 0) return;
    const consumed = this.#consumed + n;
    if (!(n >= 0) || this.#unused + consumed > this.#window) {
      throw new RangeError(
        `Cannot consume ${n} bytes: ${this.#window - this.#unused - this.#consumed} are outstanding`,
      );
    }
    this.#consumed = consumed;
    this.session.release(n);
    if (consumed * 2 >= this.#window && consumed > 0) this.#credit();
  }

  grow(n: number): void {
    if ((this.flags & CLOSED) !== 0) return;
    if (!(n >= 0) || this.#window + n > MAX_31) {
      throw new RangeError(`Cannot grow a window of ${this.#window} by ${n} bytes`);
    }
    this.#window += n;
    this.#consumed += n;
    if (this.#consumed > 0) this.#credit();
  }

  #credit(): void {
    // After END_STREAM nobody waits for credit, and the peer may have forgotten the stream.
    if ((this.flags & READ_ENDED) !== 0) return;
    const n = this.#consumed;
    this.#consumed = 0;
    this.#unused += n;
    this.session.sendWindowUpdate(this.id, n);
  }

  /** Charges a DATA frame to the window. False when the peer has overrun it; `leniency` is what it may not know yet. */
  charge(length: number, leniency: number): boolean {
    const unused = this.#unused - length;
    if (unused < -leniency && length > 0) return false;
    this.#unused = unused;
    return true;
  }

  /** Padding is no payload: it goes back to the window as if consumed (section 6.1). */
  padding(length: number): void {
    this.#consumed += length;
    // A stream that was closed meanwhile has released all of the frame.
    if ((this.flags & CLOSED) === 0) this.session.release(length);
    if (this.#consumed * 2 >= this.#window) this.#credit();
  }

  headers(fields: Fields, kind: "response" | "trailers"): void {
    try {
      this.handler!.headers(fields, kind);
    } catch (error) {
      report(error);
    }
  }

  informational(fields: Fields): void {
    try {
      this.handler!.informational?.(fields);
    } catch (error) {
      report(error);
    }
  }

  /** A piece of DATA. False when the owner has kept it, or a view of it. */
  deliver(chunk: Uint8Array): boolean {
    if ((this.flags & CLOSED) !== 0) return true;
    try {
      return this.handler!.data(chunk) === "used";
    } catch (error) {
      report(error);
      return false;
    }
  }

  /** END_STREAM has come and everything before it has been delivered. */
  readEnd(): void {
    if ((this.flags & CLOSED) !== 0) return;
    this.flags |= READ_ENDED;
    const both = (this.flags & BOTH_ENDED) === BOTH_ENDED;
    if (both) this.session.forget(this);
    try {
      this.handler!.end();
    } catch (error) {
      report(error);
    }
    if (both) this.close(undefined);
  }

  /** The sender has framed the last byte of `pending`. */
  flushed(): void {
    this.pending = undefined;
    this.offset = 0;
    if ((this.flags & END_CALLED) !== 0) {
      const trailers = this.#trailers;
      this.#trailers = undefined;
      this.#sendEnd(trailers);
    }
    try {
      this.handler!.accepted();
    } catch (error) {
      report(error);
    }
  }

  /** Tells the owner, once, and lets go of everything. Both ends in order when there is no fault. */
  close(fault: ChannelFault | undefined): void {
    if ((this.flags & CLOSED) !== 0) return;
    this.flags |= CLOSED;
    // What the owner has not consumed it will not.
    this.session.release(this.#window - this.#unused - this.#consumed);
    this.pending = undefined;
    this.#trailers = undefined;
    const handler = this.handler;
    if (handler === undefined) {
      this.session.orphaned = fault;
      return;
    }
    try {
      handler.close(fault);
    } catch (error) {
      report(error);
    }
  }

  #sendEnd(trailers: Fields | undefined): void {
    const session = this.session;
    if (trailers !== undefined) session.sendHeaders(this, trailers, "end");
    else {
      session.sender.endStream(this);
      session.wake();
    }
    this.#writeEnded();
  }

  #writeEnded(): void {
    this.flags |= WRITE_ENDED;
    if ((this.flags & READ_ENDED) !== 0) this.session.finish(this);
  }

  #refusal(what: string): Error {
    const flags = this.flags;
    const state = (flags & CLOSED) !== 0
      ? "closed"
      : (flags & END_CALLED) !== 0
      ? "ended"
      : what === "write" && this.pending !== undefined
      ? "still writing"
      : (flags & RESPONDED) !== 0
      ? "responding"
      : "waiting for respond()";
    return new Error(`Cannot ${what}: stream ${this.id} is ${state}`);
  }
}
