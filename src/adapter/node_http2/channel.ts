/**
 * One stream: a stream of the runtime and what the engine knows of it from the wire. The runtime delivers header blocks
 * and data in its own time and order; what is told, and when, is decided by what has come on the wire. @module
 */
import { setImmediate } from "node:timers";
import type { Channel, ChannelFault, ChannelHandler, Fields } from "../contract.ts";
import { CANCEL, ENHANCE_YOUR_CALM, PROTOCOL_ERROR, report } from "../http2/errors.ts";
import { checkRequest, checkResponse, checkTrailers, contentLength } from "../http2/fields.ts";
import { DATA, END_STREAM, MIN_MAX_FRAME } from "../http2/frames.ts";
import { type NativeStream, outgoing } from "./native.ts";
import { ReceiveWindow } from "./receive_window.ts";
import type { Session } from "./session.ts";

/** END_STREAM has come on the wire; it came with the first header block. */
export const IN_ENDED = 1;
export const IN_BARE = 2;
/** The owner has been told of `end`. */
export const READ_ENDED = 4;
/** The owner called `end`; the runtime was told; END_STREAM has left. */
export const END_CALLED = 8;
export const WRITE_ENDED = 16;
export const OUT_ENDED = 32;
/** The owner has been told of the close, or is being told. */
export const CLOSED = 64;
/** Client: the final response was told. Server: from the start. */
export const HEADED = 128;
/** Server: the response was handed over. Client: from the start. */
export const RESPONDED = 256;
/** Client: the answer's content-length does not say how long its body is. */
const HEAD_REQUEST = 512;
const CONNECT_REQUEST = 1024;
/** RST_STREAM is out, or waits only for a header block that the runtime has not sent yet. */
export const RESET = 2048;
/** The runtime's stream is gone. */
const NATIVE_CLOSED = 4096;
/** A header block of the peer has come on the wire. */
const SPOKEN_TO = 8192;

const NOTHING = new Uint8Array(0);

export class PlatformChannel implements Channel {
  readonly id: number;
  readonly session: Session;
  /** Undefined on a server until the runtime has told of the request, and while `channel` runs. */
  handler: ChannelHandler | undefined;
  native: NativeStream | undefined = undefined;
  flags: number;
  readonly window: ReceiveWindow;
  /** What the peer's stream window allows us to send. */
  credit: number;
  /** Handed to the runtime since its own window was filled up. */
  handed = 0;
  /** Header blocks and bytes that have come on the wire and not been told. */
  #blocksDue = 0;
  #bytesDue = 0;
  /** Trailers that the runtime has delivered before the data. */
  #blocks: Fields[] = [];
  /** Data that came before the runtime has told of the header block, and whether END_STREAM came with it. */
  #held: Uint8Array[] | undefined = undefined;
  /** What the runtime has delivered all the same, because trailers had come. */
  #early: Uint8Array[] | undefined = undefined;
  /** Header blocks that the runtime has been given and not sent. */
  #blocksOwed = 0;
  /** The code of the RST_STREAM that waits for them. */
  #owedReset: number | undefined = undefined;
  /** How it ended, to be told when everything before that was. */
  #fault: ChannelFault | undefined = undefined;
  /** Payload that a content-length still promises; -1 without one. */
  #expected = -1;
  pending: Uint8Array | undefined = undefined;
  offset = 0;
  #trailers: Fields | undefined = undefined;

  constructor(session: Session, id: number, handler: ChannelHandler | undefined, flags: number) {
    this.session = session;
    this.id = id;
    this.handler = handler;
    this.flags = flags;
    this.credit = session.peerWindow;
    this.window = new ReceiveWindow(session.settings.window);
  }

  // ---- for the owner

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
    if (body === "none") this.session.pings.endOwed(this);
    this.handOver(() =>
      this.#serverStream().respond(outgoing(fields), {
        endStream: body === "none",
        waitForTrailers: body !== "none",
        // A field of the owner's, if at all.
        ...{ sendDate: false },
      })
    );
    this.flags |= RESPONDED;
    if (body === "none") this.flags |= END_CALLED | WRITE_ENDED;
  }

  inform(fields: Fields): void {
    if ((this.flags & (RESPONDED | END_CALLED | CLOSED)) !== 0) throw this.#refusal("inform");
    this.handOver(() => this.#serverStream().additionalHeaders(outgoing(fields)));
  }

  write(data: Uint8Array): boolean {
    if ((this.flags & (RESPONDED | END_CALLED | CLOSED)) !== RESPONDED || this.pending !== undefined) {
      throw this.#refusal("write");
    }
    if (data.length === 0) return true;
    return this.session.sender.write(this, data);
  }

  withdraw(): number {
    const data = this.pending;
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
    this.#trailers = trailers;
    if (this.pending === undefined) this.#end();
  }

  reset(code: number = CANCEL): void {
    if ((this.flags & CLOSED) !== 0) return;
    // Both sides have ended and only the owner does not know yet.
    if ((this.flags & READ_ENDED) !== 0 && (this.flags & OUT_ENDED) !== 0) {
      this.session.forget(this);
      this.close(undefined);
    } else this.session.abort(this, code);
  }

  consume(n: number): void {
    if ((this.flags & CLOSED) === 0) this.#credit(this.window.consume(n));
  }

  grow(n: number): void {
    if ((this.flags & CLOSED) === 0) this.#credit(this.window.grow(n));
  }

  #credit(n: number): void {
    // After END_STREAM nobody waits for credit, and the peer may have forgotten the stream.
    if (n > 0 && (this.flags & IN_ENDED) === 0) this.session.sendWindowUpdate(this.id, n);
  }

  // ---- from the wire

  padding(length: number): void {
    this.#credit(this.window.padding(length));
  }

  blockArrived(ends: boolean): void {
    this.#blocksDue++;
    this.flags |= SPOKEN_TO;
    if (ends) this.flags |= IN_ENDED;
  }

  /**
   * Data for the runtime, and with it perhaps the end. What came before the header block was told waits: Node, Deno and
   * Bun would deliver it before the block, and Deno ends the whole connection over a wrong content-length.
   */
  dataArrived(chunk: Uint8Array, ends: boolean): void {
    this.#bytesDue += chunk.length;
    if (ends) this.flags |= IN_ENDED;
    if (this.#told) this.#feed(chunk, ends);
    else if (chunk.length > 0 || ends) (this.#held ??= []).push(chunk);
  }

  /** Gives the runtime what was held. Before trailers it has to go, told or not: header blocks keep their order. */
  feedHeld(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    for (let i = 0; i < held.length && (this.flags & CLOSED) === 0; i++) {
      this.#feed(held[i]!, i === held.length - 1 && (this.flags & IN_ENDED) !== 0);
    }
    this.session.wake();
  }

  /** Whether the first header block has been told, so that the content-length is known. */
  get #told(): boolean {
    return (this.flags & HEADED) !== 0 && this.handler !== undefined;
  }

  #feed(chunk: Uint8Array, ends: boolean): void {
    if (this.#expected >= 0 && this.#told) {
      this.#expected -= chunk.length;
      if (this.#expected < 0 || (ends && this.#expected > 0)) {
        return this.session.streamError(this, PROTOCOL_ERROR, "the body's length is not its content-length");
      }
    }
    const feed = this.session.feed;
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + MIN_MAX_FRAME);
      at += piece.length;
      feed.head(piece.length, DATA, ends && at === chunk.length ? END_STREAM : 0, this.id);
      feed.payload(piece);
    }
    if (ends && chunk.length === 0) feed.frame(0, DATA, END_STREAM, this.id);
  }

  /** The peer, or the connection, has ended it: to be told after what came before. */
  ended(fault: ChannelFault): void {
    if (this.#fault !== undefined || (this.flags & CLOSED) !== 0) return;
    this.#fault = fault;
    this.session.sender.remove(this);
  }

  /** Whether a header block of the peer has come. */
  get hasHeaders(): boolean {
    return (this.flags & SPOKEN_TO) !== 0;
  }

  /** END_STREAM came with the first header block. */
  holdEnd(): void {
    (this.#held ??= []).push(NOTHING);
  }

  get owesReset(): boolean {
    return this.#owedReset !== undefined;
  }

  get faulty(): boolean {
    return this.#fault !== undefined;
  }

  /** Whether all that came on the wire has been told. */
  get toldAll(): boolean {
    return this.#blocksDue === 0 && this.#bytesDue === 0 &&
      ((this.flags & IN_ENDED) === 0 || (this.flags & READ_ENDED) !== 0);
  }

  /** Tells of the fault, whatever the runtime still owes us. */
  tellFault(): void {
    const fault = this.#fault;
    if (fault === undefined) return;
    if (fault.kind === "reset" && fault.by === "engine") this.session.reset(this, fault.code);
    this.session.cut(this, fault);
  }

  blockLeft(ends: boolean): void {
    if (this.#blocksOwed > 0) this.#blocksOwed--;
    if (ends) this.outEnded();
    if (this.#owedReset === undefined || this.#blocksOwed > 0) return;
    this.session.writeReset(this.id, this.#owedReset);
    this.#owedReset = undefined;
    this.release();
  }

  outEnded(): void {
    this.flags |= OUT_ENDED;
    this.session.pings.endSettled(this);
    if ((this.flags & READ_ENDED) !== 0) this.session.finish(this);
  }

  // ---- from the runtime

  /** Gives it its stream. */
  attach(native: NativeStream): void {
    this.native = native;
    // Every one of these from the first turn: an error without a listener ends the process.
    native.on("error", () => {});
    native.on("data", (chunk: Uint8Array) => this.#data(chunk));
    native.on("trailers", (_: unknown, _flags: unknown, raw: Fields) => this.#block(raw));
    native.on("wantTrailers", () => this.#sendTrailers());
    native.on("close", () => {
      this.flags |= NATIVE_CLOSED;
      this.session.nativeClosed(this);
    });
    if (!this.session.client) return;
    native.on("response", (_: unknown, _flags: unknown, raw: Fields) => this.#block(raw));
    native.on("headers", (_: unknown, _flags: unknown, raw: Fields) => this.#block(raw));
  }

  /** Client: what the request says about the answer's length. */
  asked(fields: Fields): void {
    const method = fields[fields.indexOf(":method") + 1];
    if (method === "HEAD") this.flags |= HEAD_REQUEST;
    else if (method === "CONNECT") this.flags |= CONNECT_REQUEST;
  }

  /** Server: the request's fields. What makes it malformed, if anything. */
  requested(fields: Fields): { readonly code: number; readonly message: string } | undefined {
    this.#blocksDue--;
    if (this.session.tooLarge(fields)) return { code: ENHANCE_YOUR_CALM, message: "the header list is too large" };
    const message = checkRequest(fields);
    if (message !== undefined) return { code: PROTOCOL_ERROR, message };
    this.#expected = contentLength(fields) ?? -1;
    if ((this.flags & IN_BARE) !== 0 && this.#expected > 0) {
      return { code: PROTOCOL_ERROR, message: "a content-length, but no body" };
    }
    return undefined;
  }

  #block(fields: Fields): void {
    if ((this.flags & CLOSED) !== 0) return;
    this.#blocks.push([...fields]);
    this.advance();
  }

  #data(chunk: Uint8Array): void {
    if ((this.flags & CLOSED) !== 0) return;
    if (!this.#told) return void (this.#early ??= []).push(chunk);
    this.#deliver(chunk);
    if ((this.flags & IN_ENDED) !== 0 || this.#fault !== undefined) this.advance();
  }

  #deliver(chunk: Uint8Array): void {
    this.#bytesDue -= chunk.length;
    try {
      this.handler!.data(chunk);
    } catch (error) {
      report(error);
    }
  }

  /** Tells what can be told in the order of the wire. */
  advance(): void {
    if (this.handler === undefined) return;
    while ((this.flags & (HEADED | CLOSED)) === 0 && this.#blocks.length > 0) this.#response(this.#blocks.shift()!);
    if ((this.flags & (HEADED | CLOSED)) !== HEADED) return;
    this.feedHeld();
    if (this.#early !== undefined) {
      const early = this.#early;
      this.#early = undefined;
      for (const chunk of early) if ((this.flags & CLOSED) === 0) this.#deliver(chunk);
    }
    if ((this.flags & CLOSED) !== 0 || this.#bytesDue > 0) return;
    if (this.#blocks.length > 0) this.#trailing(this.#blocks.shift()!);
    if ((this.flags & (IN_ENDED | READ_ENDED | CLOSED)) === IN_ENDED && this.#blocksDue === 0) this.#readEnd();
    if (this.#fault !== undefined && this.toldAll) this.tellFault();
  }

  #response(fields: Fields): void {
    this.#blocksDue--;
    if (this.session.tooLarge(fields)) {
      return this.session.streamError(this, ENHANCE_YOUR_CALM, "the header list is too large");
    }
    const fault = checkResponse(fields);
    if (fault !== undefined) return this.session.streamError(this, PROTOCOL_ERROR, fault);
    const status = fields[1]!;
    if (status.startsWith("1")) {
      if ((this.flags & IN_ENDED) !== 0 && this.#blocksDue === 0) {
        return this.session.streamError(this, PROTOCOL_ERROR, "an informational response with END_STREAM");
      }
      try {
        this.handler!.informational?.(fields);
      } catch (error) {
        report(error);
      }
      return;
    }
    this.flags |= HEADED;
    // Section 8.1.1: these have a content-length but no content.
    const bare = (this.flags & HEAD_REQUEST) !== 0 || status === "204" || status === "304";
    this.#expected = bare ? 0 : (this.flags & CONNECT_REQUEST) !== 0 ? -1 : contentLength(fields) ?? -1;
    this.#headers(fields, "response");
  }

  #trailing(fields: Fields): void {
    this.#blocksDue--;
    if (this.session.tooLarge(fields)) {
      return this.session.streamError(this, ENHANCE_YOUR_CALM, "the header list is too large");
    }
    const fault = (this.flags & IN_ENDED) === 0 ? "trailers without END_STREAM" : checkTrailers(fields);
    if (fault !== undefined) return this.session.streamError(this, PROTOCOL_ERROR, fault);
    this.#headers(fields, "trailers");
  }

  #headers(fields: Fields, kind: "response" | "trailers"): void {
    try {
      this.handler!.headers(fields, kind);
    } catch (error) {
      report(error);
    }
  }

  #readEnd(): void {
    if (this.#expected > 0) {
      return this.session.streamError(this, PROTOCOL_ERROR, "the body's length is not its content-length");
    }
    this.flags |= READ_ENDED;
    const both = (this.flags & OUT_ENDED) !== 0;
    if (both) this.session.forget(this);
    try {
      this.handler!.end();
    } catch (error) {
      report(error);
    }
    if (both) this.close(undefined);
  }

  // ---- the way out

  /** Gives the next `n` bytes of `data` to the runtime, which may keep what it gets. */
  hand(data: Uint8Array, from: number, n: number): void {
    this.credit -= n;
    this.handed += n;
    this.native!.write(data.slice(from, from + n));
  }

  /** The last byte of `pending` was handed over. */
  flushed(): void {
    this.pending = undefined;
    this.offset = 0;
    if ((this.flags & END_CALLED) !== 0) this.#end();
    try {
      this.handler!.accepted();
    } catch (error) {
      report(error);
    }
  }

  #end(): void {
    this.flags |= WRITE_ENDED;
    this.session.pings.endOwed(this);
    const native = this.native!;
    if (this.session.rules.end === "at once") native.end();
    else setImmediate(() => native.end());
  }

  #sendTrailers(): void {
    // Reset meanwhile: a header block must not follow RST_STREAM.
    if ((this.flags & (CLOSED | RESET)) !== 0) return;
    const trailers = this.#trailers;
    // Without any it is an empty DATA frame with END_STREAM, no header block.
    if (trailers === undefined) this.native!.sendTrailers({});
    else this.handOver(() => this.native!.sendTrailers(outgoing(trailers)));
  }

  /** Gives the runtime a header block, which Deno and Bun send before `give` returns. */
  handOver(give: () => void): void {
    this.#blocksOwed++;
    try {
      give();
    } catch (error) {
      this.#blocksOwed--;
      // Its end is on its way to the owner, who cannot know yet.
      if (this.native?.destroyed !== true && this.native?.closed !== true) throw error;
    }
  }

  /** RST_STREAM, once the header blocks that the runtime still has are out: none may follow it. */
  sendReset(code: number): void {
    if ((this.flags & RESET) !== 0) return;
    this.flags |= RESET;
    if (this.#blocksOwed > 0) this.#owedReset = code;
    else this.session.writeReset(this.id, code);
  }

  /** Lets go of the runtime's stream, unless it has still to send a header block. */
  release(): void {
    const native = this.native;
    if (native === undefined || (this.flags & NATIVE_CLOSED) !== 0 || this.#owedReset !== undefined) return;
    if (this.session.rules.destroy === "at once") native.destroy();
    else setImmediate(() => native.destroy());
  }

  get nativeClosed(): boolean {
    return (this.flags & NATIVE_CLOSED) !== 0;
  }

  /** Tells the owner, once. Both sides ended in order when there is no fault. */
  close(fault: ChannelFault | undefined): void {
    if ((this.flags & CLOSED) !== 0) return;
    this.flags |= CLOSED;
    this.pending = undefined;
    this.#early = undefined;
    this.#held = undefined;
    this.#blocks = [];
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

  #serverStream(): Extract<NativeStream, { respond: unknown }> {
    return this.native as Extract<NativeStream, { respond: unknown }>;
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
