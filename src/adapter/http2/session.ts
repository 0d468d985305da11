/**
 * One HTTP/2 connection of either role (RFC 9113), sans I/O: bytes in by `receive`, bytes out by `takeOutput`, time by
 * `now()`. It never calls its host from within a call of the owner, but for `reset` and `destroy`, which say so. @module
 */
import {
  type ChannelFault,
  type ChannelHandler,
  ConnectionClosedError,
  type ConnectionHandler,
  type Fields,
} from "../contract.ts";
import { writeGoaway, writeGreeting, writePing, writeReset, writeWindowUpdate } from "./control.ts";
import { endError, whyNotOpen } from "./endings.ts";
import { closedBy, codeName, ENHANCE_YOUR_CALM, guard, H2Error, INTERNAL_ERROR, NO_ERROR } from "./errors.ts";
import { DEFAULT_WINDOW, MAX_31 } from "./frames.ts";
import { HpackEncoder } from "./hpack/mod.ts";
import { Inbound } from "./inbound.ts";
import { Budget, type ResolvedSettings } from "./limits.ts";
import { methodFlags } from "./messages.ts";
import { Receiver } from "./receiver.ts";
import { type HeadersEnding, Sender } from "./sender.ts";
import { END_CALLED, RESPONDED, Stream, WRITE_ENDED } from "./stream.ts";
import { StreamIds } from "./stream_ids.ts";

/** What the session needs of the world. */
export interface SessionHost {
  /** Output or news is waiting: call `takeOutput` soon, once the present call stack is done. Not repeated before that. */
  wake(): void;
  /** The peer's SETTINGS have come. Returns the owner of the connection. */
  ready(): ConnectionHandler;
  /** Nothing more will happen. What `takeOutput` still gives is to be sent, then FIN. The owner has been told. */
  over(error: Error | undefined): void;
}

/** How far the connection is on its way to an orderly end. */
type Leaving =
  | "no"
  /** Server: GOAWAY with the highest id is out, and a PING; what was under way still arrives (section 6.8). */
  | "announced"
  /** The final GOAWAY is out. */
  | "final";

/** Opaque data of the PING behind the first GOAWAY; a caller's PINGs carry another first word. */
const SHUTDOWN_PING = 0x676f6e65;
const OWN_PING = 0x68327069;

export class Session {
  readonly client: boolean;
  readonly settings: ResolvedSettings;
  readonly sender: Sender;
  readonly encoder: HpackEncoder = new HpackEncoder();
  readonly ids: StreamIds;
  readonly budget: Budget;
  readonly streams: Map<number, Stream> = new Map();
  /** The owner, once the peer's SETTINGS have come. */
  handler: ConnectionHandler | undefined = undefined;
  bytesIn = 0;
  /** What the peer may still send on all streams together. */
  connectionUnused: number;
  /** Bytes whose owners are done with them and that have not been given back to that window yet. */
  #released = 0;
  /** The peer's settings. */
  peerWindow = DEFAULT_WINDOW;
  peerMaxStreams = Infinity;
  /** `openable` has been 0 since the owner was last told otherwise. */
  full = false;
  leaving: Leaving = "no";
  /** The peer's GOAWAY. */
  wentAway: { readonly code: number; readonly lastId: number } | undefined = undefined;
  /** How the stream ended whose `channel` callback was still running. */
  orphaned: ChannelFault | undefined = undefined;
  /** The transport is to be ended once all output has been taken. */
  ending = false;
  /** The owner has been told of the end, or is being told. */
  over = false;

  readonly #host: SessionHost;
  readonly #receiver: Receiver;
  /** Inside `receive` or `takeOutput`: the host looks for output afterwards anyway. */
  #busy = true;
  #awake = false;
  /** Streams whose both sides have ended in a call of the owner, who is still to be told. */
  #finished: Stream[] = [];
  #endedBy: Error | undefined;
  /** Who waits for which PING. */
  readonly #pings: Map<number, () => void> = new Map();
  #nextPing = 0;

  constructor(role: "client" | "server", settings: ResolvedSettings, now: () => number, host: SessionHost) {
    this.client = role === "client";
    this.#host = host;
    this.settings = settings;
    this.connectionUnused = settings.connectionWindow;
    const limits = settings.limits;
    // What a client says of its streams is bounded by what its owner opens. A server's header blocks and resets answer
    // whatever the peer asks, so that they count, with room for those of every stream that may be open.
    this.sender = this.client
      ? new Sender(limits.maxQueuedControlBytes, "uncounted")
      : new Sender(limits.maxQueuedControlBytes + 256 * settings.maxStreams, "counted");
    this.ids = new StreamIds(role);
    this.budget = new Budget(limits, now);
    const preface = this.client ? "none" : "preface";
    this.#receiver = new Receiver(new Inbound(this), preface, settings.maxFrame, limits.maxContinuations);
    writeGreeting(this.sender, role, settings);
    this.#busy = false;
  }

  // ---- for the host

  /** Takes what the transport read. Output may wait afterwards. False when somebody has kept a view of the chunk. */
  receive(chunk: Uint8Array): boolean {
    if (this.over) return true;
    this.bytesIn += chunk.length;
    this.#busy = true;
    let used = false;
    try {
      used = this.#receiver.parse(chunk);
    } catch (error) {
      this.#fail(error);
    }
    this.#busy = false;
    return used;
  }

  /** The next transport write, if one is due; to be asked again until there is none. `wrote` gives its buffer back. */
  takeOutput(): Uint8Array | undefined {
    this.#awake = false;
    this.prepare();
    return this.over ? this.sender.takeNow() : this.sender.take();
  }

  /** Frames what waits for room, as far as there is some, and tells the owners. */
  prepare(): void {
    if (this.over) return;
    this.#busy = true;
    this.sender.fill();
    this.#settle();
    this.#busy = false;
  }

  /** The oldest output has left. More may be due now. */
  wrote(): void {
    this.sender.wrote();
  }

  /** The transport is gone; undefined for a FIN. */
  transportClosed(error: Error | undefined): void {
    if (this.over) return;
    this.#end(endError({
      away: this.wentAway,
      open: this.streams.size,
      ending: this.ending,
      leaving: this.leaving !== "no",
      midFrame: this.#receiver.midFrame,
      error,
    }));
  }

  /** The first SETTINGS have come: there is an owner from now on. */
  greeted(): void {
    this.full = this.client && this.openable === 0;
    const handler = this.handler = this.#host.ready();
    // Destroyed by its owner before we knew the owner.
    if (this.over) guard(() => handler.close(this.#endedBy));
  }

  /** GOAWAY came instead of the first SETTINGS. */
  refused(code: number): void {
    this.#end(new ConnectionClosedError(`the peer refused the connection with GOAWAY ${codeName(code)}`, { code }));
  }

  // ---- for the owner of the connection

  /** How many streams may be opened now. */
  get openable(): number {
    if (!this.client || this.over || this.wentAway !== undefined || this.leaving !== "no") return 0;
    return Math.max(0, Math.min(this.ids.left, this.peerMaxStreams - this.streams.size));
  }

  open(fields: Fields, handler: ChannelHandler, body?: "none"): Stream {
    if (this.openable === 0) throw new ConnectionClosedError(whyNotOpen(this), { code: this.wentAway?.code });
    const block = this.encoder.encode(fields);
    const id = this.ids.take();
    const ended = body === "none" ? END_CALLED | WRITE_ENDED : 0;
    const stream = new Stream(
      this,
      id,
      handler,
      RESPONDED | ended | methodFlags(fields),
      this.peerWindow,
      this.settings.window,
    );
    this.streams.set(id, stream);
    this.sender.headers(stream, block, body === "none" ? "end" : "body");
    if (this.openable === 0) this.full = true;
    this.wake();
    return stream;
  }

  /** Sends PING; `answered` is called with its ACK. Returns what `cancelPing` takes. */
  ping(answered: () => void): number {
    const number = this.#nextPing;
    this.#nextPing = (number + 1) >>> 0;
    this.#pings.set(number, answered);
    writePing(this.sender, 0, OWN_PING, number);
    this.wake();
    return number;
  }

  cancelPing(number: number): void {
    this.#pings.delete(number);
  }

  /** An ACK. False when nobody waits for it. */
  pingAnswered(kind: number, number: number): boolean {
    if (kind === SHUTDOWN_PING && this.leaving === "announced") {
      this.leaveNow();
      return true;
    }
    const answered = kind === OWN_PING ? this.#pings.get(number) : undefined;
    if (answered === undefined) return false;
    this.#pings.delete(number);
    guard(answered);
    return true;
  }

  /** No new streams from the peer; the connection ends when the last stream does. Returns whether a PING decides when (`leaveNow`). */
  goAway(code: number): boolean {
    if (this.over || this.leaving !== "no") return false;
    if (this.client || code !== NO_ERROR) {
      this.#leaveWith(code);
      return false;
    }
    // Requests that are under way when GOAWAY is sent would be lost if it named the last one seen (section 6.8).
    this.leaving = "announced";
    writeGoaway(this.sender, MAX_31, NO_ERROR);
    writePing(this.sender, 0, SHUTDOWN_PING, 0);
    this.wake();
    return true;
  }

  /** The final GOAWAY, when the one that announced it has certainly arrived, or has waited long enough. */
  leaveNow(): void {
    if (this.leaving === "announced" && !this.over) this.#leaveWith(NO_ERROR);
  }

  #leaveWith(code: number): void {
    this.leaving = "final";
    this.ids.closed = true;
    writeGoaway(this.sender, this.ids.lastPeer, code);
    this.wake();
  }

  /** Ends everything; the owner is told before this returns. */
  destroy(error: Error | undefined): void {
    if (this.over) return;
    writeGoaway(this.sender, this.ids.lastPeer, error === undefined ? NO_ERROR : INTERNAL_ERROR);
    this.#end(error ?? new ConnectionClosedError("the connection was destroyed"));
  }

  // ---- for streams and frames

  /** Output or news is waiting. */
  wake(): void {
    if (this.#awake || this.#busy || this.over) return;
    this.#awake = true;
    this.#host.wake();
  }

  sendHeaders(stream: Stream, fields: Fields, ending: HeadersEnding): void {
    this.sender.headers(stream, this.encoder.encode(fields), ending);
    this.wake();
  }

  sendWindowUpdate(id: number, increment: number): void {
    writeWindowUpdate(this.sender, id, increment);
    this.wake();
  }

  /** Bytes of DATA that nobody holds any more. Without a bound the connection's window does not wait for that. */
  release(n: number): void {
    const { connectionWindow } = this.settings;
    if (connectionWindow === MAX_31 || this.over) return;
    const released = this.#released += n;
    if (released * 2 < connectionWindow) return;
    this.#released = 0;
    this.connectionUnused += released;
    this.sendWindowUpdate(0, released);
  }

  /** Both sides have ended: the protocol knows the stream no more. */
  forget(stream: Stream): void {
    this.streams.delete(stream.id);
  }

  /** The same, in a call of the owner, who hears of it later. */
  finish(stream: Stream): void {
    this.streams.delete(stream.id);
    this.#finished.push(stream);
    this.wake();
  }

  /** RST_STREAM by the owner. */
  abort(stream: Stream, code: number): void {
    this.sendReset(stream.id, code);
    this.cut(stream, { kind: "aborted", code });
    this.wake();
  }

  cut(stream: Stream, fault: ChannelFault): void {
    this.sender.remove(stream);
    this.streams.delete(stream.id);
    stream.close(fault);
  }

  sendReset(id: number, code: number): void {
    writeReset(this.sender, id, code);
    this.ids.reset(id, "us");
  }

  /** A stream error (section 5.4.2) that the peer has provoked. Too many of them end the connection. */
  refuse(id: number, code: number): void {
    this.budget.reset();
    this.sendReset(id, code);
  }

  streamError(stream: Stream, code: number, message: string): void {
    this.refuse(stream.id, code);
    this.cut(stream, { kind: "reset", by: "engine", code, message });
  }

  // ---- the end

  /** Tells what the owner could not be told from within its own calls, and looks whether the end has come. */
  #settle(): void {
    do {
      while (this.#finished.length > 0) {
        const finished = this.#finished;
        this.#finished = [];
        for (const stream of finished) stream.close(undefined);
      }
      if (this.over) return;
      if (this.sender.overflow) {
        return this.#fail(new H2Error(ENHANCE_YOUR_CALM, "control frames that the peer does not read"));
      }
      if (this.full && this.openable > 0) {
        this.full = false;
        guard(() => this.handler?.available());
      }
    } while (this.#finished.length > 0);
    if (this.over || this.ending || this.streams.size > 0) return;
    if (this.leaving === "final") this.ending = true;
    else if (this.wentAway !== undefined) {
      this.#leaveWith(NO_ERROR);
      this.ending = true;
    }
  }

  #fail(error: unknown): void {
    if (this.over) return;
    // Anything else is a fault of this engine, and still only this connection's end.
    const known = error instanceof H2Error ? error : new H2Error(INTERNAL_ERROR, String(error));
    writeGoaway(this.sender, this.ids.lastPeer, known.code);
    this.#end(closedBy(known));
  }

  #end(error: Error | undefined): void {
    this.over = true;
    this.#receiver.stopped = true;
    const streams = [...this.#finished, ...this.streams.values()];
    if (streams.length > 0) {
      const cause = error ?? new ConnectionClosedError("the connection was closed");
      const fault: ChannelFault = { kind: "lost", cause };
      for (const stream of streams) this.cut(stream, fault);
    }
    this.#pings.clear();
    this.#endedBy = error;
    guard(() => this.handler?.close(error));
    this.#host.over(error);
  }
}
