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
import {
  closedBy,
  codeName,
  COMPRESSION_ERROR,
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  H2Error,
  INTERNAL_ERROR,
  NO_ERROR,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  report,
  STREAM_CLOSED,
} from "./errors.ts";
import { checkRequest, checkResponse, checkTrailers, contentLength } from "./fields.ts";
import {
  ACK,
  DEFAULT_WINDOW,
  GOAWAY,
  MAX_31,
  MAX_MAX_FRAME,
  MIN_MAX_FRAME,
  PING,
  PREFACE,
  readUint32,
  RST_STREAM,
  SETTINGS,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_HEADER_TABLE_SIZE,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_FRAME_SIZE,
  SETTINGS_MAX_HEADER_LIST_SIZE,
  WINDOW_UPDATE,
  writeUint32,
} from "./frames.ts";
import { type HeaderBlock, HpackDecoder, HpackEncoder } from "./hpack/mod.ts";
import { type ResolvedSettings, TokenBucket } from "./limits.ts";
import { type FrameSink, Receiver } from "./receiver.ts";
import { ResetLog } from "./reset_log.ts";
import { type HeadersEnding, Sender } from "./sender.ts";
import {
  CLOSED,
  CONNECT_REQUEST,
  END_CALLED,
  HEAD_REQUEST,
  HEADED,
  READ_ENDED,
  RESPONDED,
  Stream,
  WRITE_ENDED,
} from "./stream.ts";

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

export class Session implements FrameSink {
  readonly sender: Sender;
  readonly streams: Map<number, Stream> = new Map();
  bytesIn = 0;
  /** The transport is to be ended once all output has been taken. */
  ending = false;
  /** The owner has been told of the end. */
  over = false;

  readonly #client: boolean;
  readonly #host: SessionHost;
  readonly #settings: ResolvedSettings;
  readonly #receiver: Receiver;
  readonly #decoder = new HpackDecoder();
  readonly #encoder = new HpackEncoder();
  #handler: ConnectionHandler | undefined;
  /** Inside `receive` or `takeOutput`: the host looks for output afterwards anyway. */
  #busy = false;
  #awake = false;

  /** The next stream of ours; the highest of the peer's. */
  #nextId = 1;
  #lastPeerId = 0;
  /** Whether the peer has left out identifiers, which closes those below for ever (section 5.1.1). */
  #skippedIds = false;
  readonly #resets = new ResetLog();
  /** Streams whose both sides have ended in a call of the owner, who is still to be told. */
  #finished: Stream[] = [];
  /** How the stream ended whose `channel` callback was still running. */
  orphaned: ChannelFault | undefined;

  #peerWindow = DEFAULT_WINDOW;
  #peerMaxStreams = Infinity;
  #acknowledged = false;
  /** What streams may get beyond our window until the peer knows it (section 6.9.2). */
  #leniency: number;
  #connectionUnused = MAX_31;

  #leaving: Leaving = "no";
  #wentAway: { code: number; lastId: number } | undefined;
  /** `openable` has been 0 since the owner was last told otherwise. */
  #full = false;

  /** Who waits for which PING. */
  readonly #pings: Map<number, () => void> = new Map();
  #nextPing = 0;

  readonly #resetBucket: TokenBucket;
  readonly #pingBucket: TokenBucket;
  readonly #settingsBucket: TokenBucket;
  readonly #emptyBucket: TokenBucket;
  /** The field list checked last and its content-length: equal header blocks share one list. */
  #checked: Fields | undefined;
  #checkedLength = -1;

  constructor(role: "client" | "server", settings: ResolvedSettings, now: () => number, host: SessionHost) {
    this.#client = role === "client";
    this.#host = host;
    this.#settings = settings;
    const limits = settings.limits;
    // The header blocks of a client are bounded by what its owner opens; a server's are answers to whatever the peer asks,
    // so that they count, with room for one of every stream that may be open.
    this.sender = this.#client
      ? new Sender(limits.maxQueuedControlBytes, "uncounted")
      : new Sender(limits.maxQueuedControlBytes + 256 * settings.maxStreams, "counted");
    this.#receiver = new Receiver(this, this.#client ? "none" : "preface", settings.maxFrame, limits.maxContinuations);
    this.#resetBucket = new TokenBucket(limits.resetBurst, limits.resetsPerSecond, now);
    this.#pingBucket = new TokenBucket(limits.pingsPerSecond, limits.pingsPerSecond, now);
    this.#settingsBucket = new TokenBucket(limits.settingsPerSecond, limits.settingsPerSecond, now);
    this.#emptyBucket = new TokenBucket(limits.emptyFramesPerSecond, limits.emptyFramesPerSecond, now);
    this.#leniency = Math.max(0, DEFAULT_WINDOW - settings.window);
    this.#greet();
  }

  // ---- for the host

  /** Takes what the transport read. Output may wait afterwards. */
  receive(chunk: Uint8Array): void {
    if (this.over) return;
    this.bytesIn += chunk.length;
    this.#busy = true;
    try {
      this.#receiver.parse(chunk);
    } catch (error) {
      this.#fail(error);
    }
    this.#busy = false;
  }

  /** The next transport write, if one is due; to be asked again until there is none. `wrote` gives its buffer back. */
  takeOutput(): Uint8Array | undefined {
    this.#awake = false;
    if (!this.over) {
      this.#busy = true;
      this.sender.fill();
      this.#settle();
      this.#busy = false;
    }
    return this.over ? this.sender.takeNow() : this.sender.take();
  }

  /** The oldest output has left. More may be due now. */
  wrote(): void {
    this.sender.wrote();
  }

  /** The transport is gone; undefined for a FIN. */
  transportClosed(error: Error | undefined): void {
    if (this.over) return;
    const away = this.#wentAway;
    const orderly = this.streams.size === 0 && (this.ending || (error === undefined && (this.#leaving !== "no" || away?.code === NO_ERROR)));
    if (orderly) return this.#end(undefined);
    const code = away?.code;
    const after = code === undefined ? "" : ` after GOAWAY ${codeName(code)}`;
    const within = this.#receiver.midFrame ? " in the middle of a frame" : "";
    const message = error === undefined ? `the peer closed the connection${after}${within}` : `the connection was lost${after}: ${error.message}`;
    this.#end(new ConnectionClosedError(message, { code, cause: error }));
  }

  // ---- for the owner of the connection

  /** How many streams may be opened now. */
  get openable(): number {
    if (!this.#client || this.over || this.#wentAway !== undefined || this.#leaving !== "no") return 0;
    const ids = this.#nextId > MAX_31 ? 0 : ((MAX_31 - this.#nextId) >>> 1) + 1;
    return Math.max(0, Math.min(ids, this.#peerMaxStreams - this.streams.size));
  }

  open(fields: Fields, handler: ChannelHandler, body?: "none"): Stream {
    if (this.openable === 0) throw new ConnectionClosedError(this.#whyNot(), { code: this.#wentAway?.code });
    const block = this.#encoder.encode(fields);
    const id = this.#nextId;
    this.#nextId += 2;
    const ended = body === "none" ? END_CALLED | WRITE_ENDED : 0;
    const stream = new Stream(this, id, handler, RESPONDED | ended | methodFlags(fields), this.#peerWindow, this.#settings.window);
    this.streams.set(id, stream);
    this.sender.headers(stream, block, body === "none" ? "end" : "body");
    if (this.openable === 0) this.#full = true;
    this.wake();
    return stream;
  }

  #whyNot(): string {
    if (!this.#client) return "a server does not open streams";
    if (this.over) return "the connection is closed";
    if (this.#wentAway !== undefined) return `the peer sent GOAWAY ${codeName(this.#wentAway.code)}`;
    if (this.#leaving !== "no") return "the connection is being closed";
    return this.#nextId > MAX_31 ? "the stream identifiers are used up" : `the peer allows ${this.#peerMaxStreams} streams at once`;
  }

  /** Sends PING; `answered` is called with its ACK. Returns what `cancelPing` takes. */
  ping(answered: () => void): number {
    const number = this.#nextPing;
    this.#nextPing = (number + 1) >>> 0;
    this.#pings.set(number, answered);
    this.#writePing(0, OWN_PING, number);
    return number;
  }

  cancelPing(number: number): void {
    this.#pings.delete(number);
  }

  /** No new streams from the peer; the connection ends when the last stream does. Returns whether a PING decides when (`leaveNow`). */
  goAway(code: number): boolean {
    if (this.over || this.#leaving !== "no") return false;
    if (this.#client || code !== NO_ERROR) {
      this.#leaveWith(code);
      return false;
    }
    // Requests that are under way when GOAWAY is sent would be lost if it named the last one seen (section 6.8).
    this.#leaving = "announced";
    this.#writeGoaway(MAX_31, NO_ERROR);
    this.#writePing(0, SHUTDOWN_PING, 0);
    this.wake();
    return true;
  }

  /** The final GOAWAY, when the one that announced it has certainly arrived, or has waited long enough. */
  leaveNow(): void {
    if (this.#leaving === "announced" && !this.over) this.#leaveWith(NO_ERROR);
  }

  #leaveWith(code: number): void {
    this.#leaving = "final";
    this.#writeGoaway(this.#lastPeerId, code);
    this.wake();
  }

  /** Ends everything; the owner is told before this returns. */
  destroy(error: Error | undefined): void {
    if (this.over) return;
    this.#writeGoaway(this.#lastPeerId, error === undefined ? NO_ERROR : INTERNAL_ERROR);
    this.#end(error ?? new ConnectionClosedError("the connection was destroyed"));
  }

  // ---- for streams

  /** Output or news is waiting. */
  wake(): void {
    if (this.#awake || this.#busy || this.over) return;
    this.#awake = true;
    this.#host.wake();
  }

  sendHeaders(stream: Stream, fields: Fields, ending: HeadersEnding): void {
    this.sender.headers(stream, this.#encoder.encode(fields), ending);
    this.wake();
  }

  sendWindowUpdate(id: number, increment: number): void {
    const at = this.sender.frame(4, WINDOW_UPDATE, 0, id);
    writeUint32(this.sender.bytes, at, increment);
    this.wake();
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
    this.#sendReset(stream.id, code);
    this.#cut(stream, { kind: "aborted", code });
    this.wake();
  }

  #cut(stream: Stream, fault: ChannelFault): void {
    this.sender.remove(stream);
    this.streams.delete(stream.id);
    stream.close(fault);
  }

  #sendReset(id: number, code: number): void {
    const at = this.sender.frame(4, RST_STREAM, 0, id);
    writeUint32(this.sender.bytes, at, code);
    this.#resets.add(id, "us");
  }

  /** A stream error (section 5.4.2) that the peer has provoked. Too many of them end the connection. */
  #refuse(id: number, code: number): void {
    if (!this.#resetBucket.take()) throw new H2Error(ENHANCE_YOUR_CALM, "too many stream errors");
    this.#sendReset(id, code);
  }

  #streamError(stream: Stream, code: number, message: string): void {
    this.#refuse(stream.id, code);
    this.#cut(stream, { kind: "reset", by: "engine", code, message });
  }

  // ---- frames

  onDataStart(id: number, length: number): Stream | undefined {
    this.#chargeConnection(length);
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.#stray(id, "DATA");
      return undefined;
    }
    if ((stream.flags & READ_ENDED) !== 0) this.#streamError(stream, STREAM_CLOSED, "DATA after END_STREAM");
    else if ((stream.flags & HEADED) === 0) this.#streamError(stream, PROTOCOL_ERROR, "DATA before the response");
    else if (!stream.charge(length, this.#acknowledged ? 0 : this.#leniency)) {
      this.#streamError(stream, FLOW_CONTROL_ERROR, "DATA beyond the stream's window");
    } else return stream;
    return undefined;
  }

  onDataLength(stream: Stream, payload: number, endStream: boolean): boolean {
    if (payload === 0 && !endStream) this.#empty();
    if (stream.expected < 0) return true;
    const left = stream.expected - payload;
    stream.expected = Math.max(0, left);
    if (left === 0 || (left > 0 && !endStream)) return true;
    this.#streamError(stream, PROTOCOL_ERROR, "the body's length is not its content-length");
    return false;
  }

  onHeaders(id: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    // Decoded whatever becomes of it: the table has to stay in step (section 4.3).
    const { fields, tooLarge } = this.#decode(bytes, start, end);
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.#client || (id & 1) === 0 || id <= this.#lastPeerId) this.#stray(id, "HEADERS");
      else if (this.#leaving !== "final") this.#request(id, fields, tooLarge, endStream);
      return;
    }
    if ((stream.flags & READ_ENDED) !== 0) return this.#streamError(stream, STREAM_CLOSED, "HEADERS after END_STREAM");
    if (tooLarge) return this.#streamError(stream, ENHANCE_YOUR_CALM, "the header list is too large");
    if ((stream.flags & HEADED) === 0) this.#response(stream, fields, endStream);
    else this.#trailers(stream, fields, endStream);
  }

  #decode(bytes: Uint8Array, start: number, end: number): HeaderBlock {
    try {
      return this.#decoder.decode(bytes, start, end, this.#settings.limits);
    } catch (error) {
      throw new H2Error(COMPRESSION_ERROR, error instanceof Error ? error.message : String(error));
    }
  }

  /** A header block opens a stream (server). */
  #request(id: number, fields: Fields, tooLarge: boolean, endStream: boolean): void {
    if (id > this.#lastPeerId + 2) this.#skippedIds = true;
    this.#lastPeerId = id;
    if (this.streams.size >= this.#settings.maxStreams) {
      // Before the peer knows the limit it cannot be blamed.
      if (this.#acknowledged) this.#refuse(id, REFUSED_STREAM);
      else this.#sendReset(id, REFUSED_STREAM);
      return;
    }
    // What node:http2 answers too. nghttp2 and Go answer 431 for their owners, which would be a response nobody asked us for.
    if (tooLarge) return this.#refuse(id, ENHANCE_YOUR_CALM);
    if (this.#examine(fields) !== undefined || (endStream && this.#checkedLength > 0)) return this.#refuse(id, PROTOCOL_ERROR);
    const stream = new Stream(this, id, undefined, HEADED | (endStream ? READ_ENDED : 0), this.#peerWindow, this.#settings.window);
    stream.expected = this.#checkedLength;
    this.streams.set(id, stream);
    let handler: ChannelHandler;
    try {
      handler = this.#handler!.channel(stream, fields, endStream ? "none" : "body");
    } catch (error) {
      report(error);
      return stream.reset(INTERNAL_ERROR);
    }
    stream.handler = handler;
    if ((stream.flags & CLOSED) !== 0) {
      const fault = this.orphaned;
      this.orphaned = undefined;
      guard(() => handler.close(fault));
    } else if (endStream) stream.readEnd();
  }

  #response(stream: Stream, fields: Fields, endStream: boolean): void {
    const fault = this.#examine(fields);
    if (fault !== undefined) return this.#streamError(stream, PROTOCOL_ERROR, fault);
    const status = fields[1]!;
    if (status.startsWith("1")) {
      if (endStream) return this.#streamError(stream, PROTOCOL_ERROR, "an informational response with END_STREAM");
      return stream.informational(fields);
    }
    stream.flags |= HEADED;
    // Section 8.1.1: these have a content-length but no content.
    const bare = (stream.flags & HEAD_REQUEST) !== 0 || status === "204" || status === "304";
    stream.expected = bare ? 0 : (stream.flags & CONNECT_REQUEST) !== 0 ? -1 : this.#checkedLength;
    if (endStream && stream.expected > 0) return this.#streamError(stream, PROTOCOL_ERROR, "a content-length, but no body");
    stream.headers(fields, "response");
    if (endStream) stream.readEnd();
  }

  #trailers(stream: Stream, fields: Fields, endStream: boolean): void {
    const fault = endStream ? checkTrailers(fields) : "trailers without END_STREAM";
    if (fault !== undefined) return this.#streamError(stream, PROTOCOL_ERROR, fault);
    if (stream.expected > 0) return this.#streamError(stream, PROTOCOL_ERROR, "the body is shorter than its content-length");
    stream.headers(fields, "trailers");
    stream.readEnd();
  }

  /** Checks a first header block, and reads its content-length. Returns what is wrong with it. */
  #examine(fields: Fields): string | undefined {
    if (fields === this.#checked) return undefined;
    const fault = this.#client ? checkResponse(fields) : checkRequest(fields);
    if (fault !== undefined) return fault;
    this.#checked = fields;
    this.#checkedLength = contentLength(fields) ?? -1;
    return undefined;
  }

  onPriority(): void {
    this.#empty();
  }

  onUnknown(): void {
    this.#empty();
  }

  #empty(): void {
    if (!this.#emptyBucket.take()) throw new H2Error(ENHANCE_YOUR_CALM, "too many frames that carry nothing");
  }

  onReset(id: number, code: number): void {
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.#isIdle(id)) throw new H2Error(PROTOCOL_ERROR, `RST_STREAM on idle stream ${id}`);
      return this.#empty();
    }
    // A client's own streams bound what a server can reset.
    if (!this.#client && !this.#resetBucket.take()) throw new H2Error(ENHANCE_YOUR_CALM, "too many streams reset");
    this.#resets.add(id, "peer");
    const refused = this.#client && code === REFUSED_STREAM && (stream.flags & HEADED) === 0;
    const message = `the peer reset the stream with ${codeName(code)}`;
    this.#cut(stream, refused ? { kind: "refused", message } : { kind: "reset", by: "peer", code, message });
  }

  onSettings(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#settingsBucket.take()) throw new H2Error(ENHANCE_YOUR_CALM, "too many SETTINGS");
    for (let at = start; at < end; at += 6) {
      this.#setting((bytes[at]! << 8) | bytes[at + 1]!, readUint32(bytes, at + 2));
    }
    this.sender.frame(0, SETTINGS, ACK, 0);
    if (this.#handler === undefined) this.#greeted();
  }

  /** The first SETTINGS: there is an owner from now on. */
  #greeted(): void {
    this.#full = this.#client && this.openable === 0;
    const handler = this.#host.ready();
    if (this.over) return;
    this.#handler = handler;
  }

  #setting(name: number, value: number): void {
    switch (name) {
      case SETTINGS_HEADER_TABLE_SIZE:
        return this.#encoder.setPeerMaxTableSize(value);
      case SETTINGS_ENABLE_PUSH:
        if (value > 1 || (this.#client && value !== 0)) throw new H2Error(PROTOCOL_ERROR, `SETTINGS_ENABLE_PUSH ${value}`);
        return;
      case SETTINGS_MAX_CONCURRENT_STREAMS:
        this.#peerMaxStreams = value;
        if (this.#client && this.openable === 0) this.#full = true;
        return;
      case SETTINGS_INITIAL_WINDOW_SIZE:
        if (value > MAX_31) throw new H2Error(FLOW_CONTROL_ERROR, `SETTINGS_INITIAL_WINDOW_SIZE ${value}`);
        return this.#moveWindows(value);
      case SETTINGS_MAX_FRAME_SIZE:
        if (value < MIN_MAX_FRAME || value > MAX_MAX_FRAME) throw new H2Error(PROTOCOL_ERROR, `SETTINGS_MAX_FRAME_SIZE ${value}`);
        return this.sender.setMaxFrame(value);
    }
  }

  /** Section 6.9.2: every stream's window moves by the difference, below zero if need be. */
  #moveWindows(value: number): void {
    const difference = value - this.#peerWindow;
    this.#peerWindow = value;
    if (difference === 0) return;
    for (const stream of this.streams.values()) this.#credit(stream, difference, "the connection");
  }

  onSettingsAck(): void {
    if (this.#acknowledged && !this.#settingsBucket.take()) throw new H2Error(ENHANCE_YOUR_CALM, "too many SETTINGS");
    this.#acknowledged = true;
  }

  onPing(bytes: Uint8Array, start: number): void {
    if (!this.#pingBucket.take()) throw new H2Error(ENHANCE_YOUR_CALM, "too many PINGs");
    this.#writePing(ACK, readUint32(bytes, start), readUint32(bytes, start + 4));
  }

  onPingAck(bytes: Uint8Array, start: number): void {
    const kind = readUint32(bytes, start);
    const number = readUint32(bytes, start + 4);
    const answered = kind === OWN_PING ? this.#pings.get(number) : undefined;
    if (answered !== undefined) {
      this.#pings.delete(number);
      guard(answered);
    } else if (kind === SHUTDOWN_PING && this.#leaving === "announced") this.leaveNow();
    else if (!this.#pingBucket.take()) throw new H2Error(ENHANCE_YOUR_CALM, "too many answers to no PING");
  }

  onGoaway(lastId: number, code: number): void {
    // Each costs a walk over the streams. One announces, one follows; more than a few are no use.
    if (!this.#settingsBucket.take()) throw new H2Error(ENHANCE_YOUR_CALM, "too many GOAWAYs");
    const last = Math.min(lastId, this.#wentAway?.lastId ?? MAX_31);
    this.#wentAway = { code, lastId: last };
    guard(() => this.#handler!.goaway(code, last));
    if (!this.#client || this.over) return;
    for (const stream of [...this.streams.values()]) {
      if (stream.id <= last || (stream.flags & CLOSED) !== 0) continue;
      this.#resets.add(stream.id, "us");
      this.#cut(stream, { kind: "refused", message: `the peer sent GOAWAY ${codeName(code)} and did not look at the stream` });
    }
  }

  onWindowUpdate(id: number, increment: number): void {
    if (id === 0) {
      if (increment === 0) throw new H2Error(PROTOCOL_ERROR, "WINDOW_UPDATE of 0 on the connection");
      if ((this.sender.window += increment) > MAX_31) throw new H2Error(FLOW_CONTROL_ERROR, "the connection's window is above 2^31-1");
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.#isIdle(id)) throw new H2Error(PROTOCOL_ERROR, `WINDOW_UPDATE on idle stream ${id}`);
    } else if (increment === 0) this.#streamError(stream, PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
    else this.#credit(stream, increment, "the stream");
  }

  #credit(stream: Stream, difference: number, scope: "the stream" | "the connection"): void {
    const credit = stream.credit += difference;
    if (credit > MAX_31) {
      if (scope === "the connection") throw new H2Error(FLOW_CONTROL_ERROR, "SETTINGS raise a window above 2^31-1");
      return this.#streamError(stream, FLOW_CONTROL_ERROR, "the stream's window is above 2^31-1");
    }
    if (credit > 0 && stream.pending !== undefined) this.sender.enqueue(stream);
  }

  /** The connection's window is given back as it is used: no stream that is not read holds up another. */
  #chargeConnection(length: number): void {
    this.#connectionUnused -= length;
    if (this.#connectionUnused >= MAX_31 >>> 1) return;
    if (this.#connectionUnused < 0) throw new H2Error(FLOW_CONTROL_ERROR, "DATA beyond the connection's window");
    this.sendWindowUpdate(0, MAX_31 - this.#connectionUnused);
    this.#connectionUnused = MAX_31;
  }

  #isIdle(id: number): boolean {
    if ((id & 1) === 0) return true;
    // Above the last one of our final GOAWAY are streams that we never looked at, and do not.
    return this.#client ? id >= this.#nextId : id > this.#lastPeerId && this.#leaving !== "final";
  }

  /** A frame of a stream that is idle or closed (section 5.1). */
  #stray(id: number, what: string): void {
    if (this.#isIdle(id)) throw new H2Error(PROTOCOL_ERROR, `${what} on idle stream ${id}`);
    if (!this.#client && id > this.#lastPeerId) return;
    const ended = this.#resets.find(id);
    if (ended === "peer") this.#refuse(id, STREAM_CLOSED);
    if (ended !== "ended") return;
    const code = this.#skippedIds && what === "HEADERS" ? PROTOCOL_ERROR : STREAM_CLOSED;
    throw new H2Error(code, `${what} on closed stream ${id}`);
  }

  // ---- writing

  #greet(): void {
    const { window, maxFrame, maxStreams, limits } = this.#settings;
    if (this.#client) this.sender.raw(PREFACE);
    const values = [
      SETTINGS_MAX_CONCURRENT_STREAMS,
      this.#client ? 0 : maxStreams,
      SETTINGS_INITIAL_WINDOW_SIZE,
      window,
      SETTINGS_MAX_FRAME_SIZE,
      maxFrame,
      SETTINGS_MAX_HEADER_LIST_SIZE,
      Math.min(limits.maxHeaderBytes, MAX_31),
    ];
    if (this.#client) values.push(SETTINGS_ENABLE_PUSH, 0);
    let at = this.sender.frame(values.length * 3, SETTINGS, 0, 0);
    const bytes = this.sender.bytes;
    for (let i = 0; i < values.length; i += 2) {
      bytes[at] = 0;
      bytes[at + 1] = values[i]!;
      writeUint32(bytes, at + 2, values[i + 1]!);
      at += 6;
    }
    this.sendWindowUpdate(0, MAX_31 - DEFAULT_WINDOW);
  }

  #writePing(flags: number, first: number, second: number): void {
    const at = this.sender.frame(8, PING, flags, 0);
    writeUint32(this.sender.bytes, at, first);
    writeUint32(this.sender.bytes, at + 4, second);
    this.wake();
  }

  #writeGoaway(lastId: number, code: number): void {
    const at = this.sender.frame(8, GOAWAY, 0, 0);
    writeUint32(this.sender.bytes, at, lastId);
    writeUint32(this.sender.bytes, at + 4, code);
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
      if (this.sender.overflow) return this.#fail(new H2Error(ENHANCE_YOUR_CALM, "control frames that the peer does not read"));
      if (this.#full && this.openable > 0) {
        this.#full = false;
        guard(() => this.#handler?.available());
      }
    } while (this.#finished.length > 0);
    if (this.over || this.ending || this.streams.size > 0) return;
    if (this.#leaving === "final") this.ending = true;
    else if (this.#wentAway !== undefined) {
      this.#leaveWith(NO_ERROR);
      this.ending = true;
    }
  }

  #fail(error: unknown): void {
    if (this.over) return;
    // Anything else is a fault of this engine, and still only this connection's end.
    const known = error instanceof H2Error ? error : new H2Error(INTERNAL_ERROR, String(error));
    this.#writeGoaway(this.#lastPeerId, known.code);
    this.#end(closedBy(known));
  }

  #end(error: Error | undefined): void {
    this.over = true;
    this.#receiver.stopped = true;
    for (const stream of this.#finished) stream.close(undefined);
    if (this.streams.size > 0) {
      const fault: ChannelFault = { kind: "lost", cause: error ?? new ConnectionClosedError("the connection was closed") };
      for (const stream of [...this.streams.values()]) this.#cut(stream, fault);
    }
    this.#pings.clear();
    guard(() => this.#handler?.close(error));
    this.#host.over(error);
  }
}

function methodFlags(fields: Fields): number {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== ":method") continue;
    const method = fields[i + 1];
    return method === "HEAD" ? HEAD_REQUEST : method === "CONNECT" ? CONNECT_REQUEST : 0;
  }
  return 0;
}

function guard(call: () => void): void {
  try {
    call();
  } catch (error) {
    report(error);
  }
}
