/**
 * What each frame of the peer does to a session (RFC 9113 sections 5, 6 and 8). Connection errors are thrown. @module
 */
import type { ChannelHandler, Fields } from "../contract.ts";
import { writePing, writeSettingsAck } from "./control.ts";
import {
  codeName,
  COMPRESSION_ERROR,
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  guard,
  H2Error,
  INTERNAL_ERROR,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  report,
  STREAM_CLOSED,
} from "./errors.ts";
import { checkTrailers } from "./fields.ts";
import {
  ACK,
  DEFAULT_WINDOW,
  MAX_31,
  MAX_MAX_FRAME,
  MIN_MAX_FRAME,
  readUint32,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_HEADER_TABLE_SIZE,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_FRAME_SIZE,
} from "./frames.ts";
import { type HeaderBlock, HpackDecoder } from "./hpack/mod.ts";
import { FirstHeaders } from "./messages.ts";
import type { FrameSink } from "./receiver.ts";
import type { Sender } from "./sender.ts";
import type { Session } from "./session.ts";
import { CLOSED, CONNECT_REQUEST, HEAD_REQUEST, HEADED, READ_ENDED, RESPONDED, Stream } from "./stream.ts";

export class Inbound implements FrameSink {
  readonly #session: Session;
  readonly #sender: Sender;
  readonly #decoder: HpackDecoder = new HpackDecoder();
  readonly #first: FirstHeaders;
  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE as far as it has reached the streams. */
  #appliedWindow = DEFAULT_WINDOW;
  /** Whether the peer has acknowledged our SETTINGS. */
  #acknowledged = false;
  /** What streams may get beyond our window until then (section 6.9.2). */
  readonly #leniency: number;

  constructor(session: Session) {
    this.#session = session;
    this.#sender = session.sender;
    this.#first = new FirstHeaders(session.client ? "client" : "server");
    this.#leniency = Math.max(0, DEFAULT_WINDOW - session.settings.window);
  }

  onDataStart(id: number, length: number): Stream | undefined {
    this.#chargeConnection(length);
    const stream = this.#session.streams.get(id);
    if (stream === undefined) {
      this.#session.release(length);
      this.#stray(id, "DATA");
      return undefined;
    }
    if ((stream.flags & READ_ENDED) !== 0) this.#session.streamError(stream, STREAM_CLOSED, "DATA after END_STREAM");
    else if ((stream.flags & HEADED) === 0) {
      this.#session.streamError(stream, PROTOCOL_ERROR, "DATA before the response");
    } else if (!stream.charge(length, this.#acknowledged ? 0 : this.#leniency)) {
      this.#session.streamError(stream, FLOW_CONTROL_ERROR, "DATA beyond the stream's window");
    } else return stream;
    this.#session.release(length);
    return undefined;
  }

  onDataLength(stream: Stream, payload: number, endStream: boolean): boolean {
    if (payload === 0 && !endStream) this.#session.budget.empty();
    if (stream.expected < 0) return true;
    const left = stream.expected - payload;
    stream.expected = Math.max(0, left);
    if (left === 0 || (left > 0 && !endStream)) return true;
    this.#session.streamError(stream, PROTOCOL_ERROR, "the body's length is not its content-length");
    return false;
  }

  onHeaders(id: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    // Decoded whatever becomes of it: the table has to stay in step (section 4.3).
    const { fields, tooLarge } = this.#decode(bytes, start, end);
    const stream = this.#session.streams.get(id);
    if (stream === undefined) {
      if (!this.#session.ids.isNew(id)) this.#stray(id, "HEADERS");
      else if (this.#session.leaving !== "final") this.#request(id, fields, tooLarge, endStream);
      return;
    }
    if ((stream.flags & READ_ENDED) !== 0) {
      return this.#session.streamError(stream, STREAM_CLOSED, "HEADERS after END_STREAM");
    }
    if (tooLarge) return this.#session.streamError(stream, ENHANCE_YOUR_CALM, "the header list is too large");
    if ((stream.flags & HEADED) === 0) this.#response(stream, fields, endStream);
    else this.#trailers(stream, fields, endStream);
  }

  #decode(bytes: Uint8Array, start: number, end: number): HeaderBlock {
    try {
      return this.#decoder.decode(bytes, start, end, this.#session.settings.limits);
    } catch (error) {
      throw new H2Error(COMPRESSION_ERROR, error instanceof Error ? error.message : String(error));
    }
  }

  /** A header block opens a stream (server). */
  #request(id: number, fields: Fields, tooLarge: boolean, endStream: boolean): void {
    this.#session.ids.used(id);
    if (this.#session.streams.size >= this.#session.settings.maxStreams) {
      // Before the peer knows the limit it cannot be blamed.
      if (this.#acknowledged) this.#session.refuse(id, REFUSED_STREAM);
      else this.#session.sendReset(id, REFUSED_STREAM);
      return;
    }
    const owner = this.#session.handler!;
    // Without a word of its owner: what node:http2 answers too.
    if (tooLarge && owner.oversized === undefined) return this.#session.refuse(id, ENHANCE_YOUR_CALM);
    if (!tooLarge && (this.#first.check(fields) !== undefined || (endStream && this.#first.length > 0))) {
      return this.#session.refuse(id, PROTOCOL_ERROR);
    }
    const stream = new Stream(
      this.#session,
      id,
      undefined,
      HEADED | (endStream ? READ_ENDED : 0),
      this.#session.peerWindow,
      this.#session.settings.window,
    );
    stream.expected = tooLarge ? -1 : this.#first.length;
    this.#session.streams.set(id, stream);
    const body = endStream ? "none" : "body";
    let handler: ChannelHandler;
    try {
      handler = tooLarge ? owner.oversized!(stream, body) : owner.channel(stream, fields, body);
    } catch (error) {
      report(error);
      stream.reset(INTERNAL_ERROR);
      this.#session.orphaned = undefined;
      return;
    }
    stream.handler = handler;
    if ((stream.flags & CLOSED) !== 0) {
      const fault = this.#session.orphaned;
      this.#session.orphaned = undefined;
      guard(() => handler.close(fault));
    } else if (endStream) stream.readEnd();
  }

  #response(stream: Stream, fields: Fields, endStream: boolean): void {
    const fault = this.#first.check(fields);
    if (fault !== undefined) return this.#session.streamError(stream, PROTOCOL_ERROR, fault);
    const status = fields[1]!;
    if (status.startsWith("1")) {
      if (endStream) {
        return this.#session.streamError(stream, PROTOCOL_ERROR, "an informational response with END_STREAM");
      }
      return stream.informational(fields);
    }
    stream.flags |= HEADED;
    // Section 8.1.1: these have a content-length but no content.
    const bare = (stream.flags & HEAD_REQUEST) !== 0 || status === "204" || status === "304";
    stream.expected = bare ? 0 : (stream.flags & CONNECT_REQUEST) !== 0 ? -1 : this.#first.length;
    if (endStream && stream.expected > 0) {
      return this.#session.streamError(stream, PROTOCOL_ERROR, "a content-length, but no body");
    }
    stream.headers(fields, "response");
    if (endStream) stream.readEnd();
  }

  #trailers(stream: Stream, fields: Fields, endStream: boolean): void {
    const fault = endStream ? checkTrailers(fields) : "trailers without END_STREAM";
    if (fault !== undefined) return this.#session.streamError(stream, PROTOCOL_ERROR, fault);
    if (stream.expected > 0) {
      return this.#session.streamError(stream, PROTOCOL_ERROR, "the body is shorter than its content-length");
    }
    stream.headers(fields, "trailers");
    stream.readEnd();
  }

  onPriority(): void {
    this.#session.budget.empty();
  }

  onUnknown(): void {
    this.#session.budget.empty();
  }

  onReset(id: number, code: number): void {
    const stream = this.#session.streams.get(id);
    if (stream === undefined) {
      if (this.#session.ids.isIdle(id)) throw new H2Error(PROTOCOL_ERROR, `RST_STREAM on idle stream ${id}`);
      // Ours and the peer's have crossed: many streams that both sides give up are no flood.
      if (!this.#session.ids.crossed(id)) this.#session.budget.lateReset();
      return;
    }
    // The server answered, and the client has waited for it: that costs no more than a stream which ends in order, and many
    // users who give up must not cost all others their connection. A client counts none: its own streams bound them.
    if ((stream.flags & RESPONDED) === 0) this.#session.budget.reset();
    this.#session.ids.reset(id, "peer");
    const refused = this.#session.client && code === REFUSED_STREAM && (stream.flags & HEADED) === 0;
    const message = `the peer reset the stream with ${codeName(code)}`;
    this.#session.cut(stream, refused ? { kind: "refused", message } : { kind: "reset", by: "peer", code, message });
  }

  onSettings(bytes: Uint8Array, start: number, end: number): void {
    this.#session.budget.settings();
    for (let at = start; at < end; at += 6) {
      this.#setting((bytes[at]! << 8) | bytes[at + 1]!, readUint32(bytes, at + 2));
    }
    // Once for the frame, however many values it has: the walk over the streams is what costs.
    this.#moveWindows();
    writeSettingsAck(this.#sender);
    if (this.#session.handler === undefined) this.#session.greeted();
  }

  #setting(name: number, value: number): void {
    switch (name) {
      case SETTINGS_HEADER_TABLE_SIZE:
        return this.#session.encoder.setPeerMaxTableSize(value);
      case SETTINGS_ENABLE_PUSH:
        if (value > 1 || (this.#session.client && value !== 0)) {
          throw new H2Error(PROTOCOL_ERROR, `SETTINGS_ENABLE_PUSH ${value}`);
        }
        return;
      case SETTINGS_MAX_CONCURRENT_STREAMS:
        this.#session.peerMaxStreams = value;
        if (this.#session.client && this.#session.openable === 0) this.#session.full = true;
        return;
      case SETTINGS_INITIAL_WINDOW_SIZE:
        if (value > MAX_31) throw new H2Error(FLOW_CONTROL_ERROR, `SETTINGS_INITIAL_WINDOW_SIZE ${value}`);
        this.#session.peerWindow = value;
        return;
      case SETTINGS_MAX_FRAME_SIZE:
        if (value < MIN_MAX_FRAME || value > MAX_MAX_FRAME) {
          throw new H2Error(PROTOCOL_ERROR, `SETTINGS_MAX_FRAME_SIZE ${value}`);
        }
        return this.#sender.setMaxFrame(value);
    }
  }

  /** Section 6.9.2: every stream's window moves with the setting, below zero if need be. */
  #moveWindows(): void {
    const difference = this.#session.peerWindow - this.#appliedWindow;
    this.#appliedWindow = this.#session.peerWindow;
    if (difference === 0) return;
    for (const stream of this.#session.streams.values()) this.#credit(stream, difference, "the connection");
  }

  onSettingsAck(): void {
    if (this.#acknowledged) this.#session.budget.settings();
    this.#acknowledged = true;
  }

  onPing(bytes: Uint8Array, start: number): void {
    this.#session.budget.ping();
    writePing(this.#sender, ACK, readUint32(bytes, start), readUint32(bytes, start + 4));
  }

  onPingAck(bytes: Uint8Array, start: number): void {
    if (!this.#session.pingAnswered(readUint32(bytes, start), readUint32(bytes, start + 4))) {
      this.#session.budget.ping();
    }
  }

  onGoaway(lastId: number, code: number): void {
    if (this.#session.handler === undefined) return this.#session.refused(code);
    // Each costs a walk over the streams. One announces, one follows; more than a few are no use.
    this.#session.budget.settings();
    const last = Math.min(lastId, this.#session.wentAway?.lastId ?? MAX_31);
    this.#session.wentAway = { code, lastId: last };
    guard(() => this.#session.handler!.goaway(code, last));
    if (!this.#session.client || this.#session.over) return;
    for (const stream of [...this.#session.streams.values()]) {
      if (stream.id <= last || (stream.flags & CLOSED) !== 0) continue;
      this.#session.ids.reset(stream.id, "us");
      this.#session.cut(stream, {
        kind: "refused",
        message: `the peer sent GOAWAY ${codeName(code)} and did not look at the stream`,
      });
    }
  }

  onWindowUpdate(id: number, increment: number): void {
    if (id === 0) {
      if (increment === 0) throw new H2Error(PROTOCOL_ERROR, "WINDOW_UPDATE of 0 on the connection");
      if ((this.#sender.window += increment) > MAX_31) {
        throw new H2Error(FLOW_CONTROL_ERROR, "the connection's window is above 2^31-1");
      }
      return;
    }
    const stream = this.#session.streams.get(id);
    if (stream === undefined) {
      if (this.#session.ids.isIdle(id)) throw new H2Error(PROTOCOL_ERROR, `WINDOW_UPDATE on idle stream ${id}`);
    } else if (increment === 0) this.#session.streamError(stream, PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
    else this.#credit(stream, increment, "the stream");
  }

  #credit(stream: Stream, difference: number, scope: "the stream" | "the connection"): void {
    const credit = stream.credit += difference;
    if (credit > MAX_31) {
      if (scope === "the connection") throw new H2Error(FLOW_CONTROL_ERROR, "SETTINGS raise a window above 2^31-1");
      return this.#session.streamError(stream, FLOW_CONTROL_ERROR, "the stream's window is above 2^31-1");
    }
    if (credit > 0 && stream.pending !== undefined) this.#sender.enqueue(stream);
  }

  /** Without a bound the connection's window is given back as it is used: no stream that is not read holds up another. */
  #chargeConnection(length: number): void {
    const session = this.#session;
    const unused = session.connectionUnused -= length;
    if (unused < 0) throw new H2Error(FLOW_CONTROL_ERROR, "DATA beyond the connection's window");
    if (session.settings.connectionWindow !== MAX_31 || unused >= MAX_31 >>> 1) return;
    session.sendWindowUpdate(0, MAX_31 - unused);
    session.connectionUnused = MAX_31;
  }

  /** A frame of a stream that is idle or closed (section 5.1). */
  #stray(id: number, frame: "DATA" | "HEADERS"): void {
    if (this.#session.ids.judge(id, frame) === "refuse") this.#session.refuse(id, STREAM_CLOSED);
  }
}
