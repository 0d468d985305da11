/**
 * The receiving half of a session: bytes in pieces of any size become frames (RFC 9113 section 4 and 6).
 * DATA is handed on as it arrives, by view; only heads, control frames, header blocks and padded DATA are gathered. @module
 */
import { ENHANCE_YOUR_CALM, FRAME_SIZE_ERROR, H2Error, PROTOCOL_ERROR } from "./errors.ts";
import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  GOAWAY,
  HEAD,
  HEADERS,
  PADDED,
  PING,
  PREFACE,
  PRIORITIZED,
  PRIORITY,
  PUSH_PROMISE,
  readUint31,
  readUint32,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from "./frames.ts";

/** Who gets the payload of DATA. */
export interface DataOwner {
  /** False when the piece, or a view of it, was kept. */
  deliver(chunk: Uint8Array): boolean;
  /** The frame had END_STREAM, and all of it has been delivered. */
  readEnd(): void;
  /** So many of the bytes announced are padding. */
  padding(length: number): void;
}

/** Who acts on frames. Sizes and identifiers that the frame's type alone decides have been checked. */
export interface FrameSink {
  /** A DATA frame begins, `length` bytes with its padding. Undefined: its bytes are to be dropped. */
  onDataStart(id: number, length: number): DataOwner | undefined;
  /** Its payload without padding is known. False: the bytes are to be dropped. */
  onDataLength(owner: DataOwner, payload: number, endStream: boolean): boolean;
  onHeaders(id: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void;
  onPriority(): void;
  onReset(id: number, code: number): void;
  onSettings(bytes: Uint8Array, start: number, end: number): void;
  onSettingsAck(): void;
  onPing(bytes: Uint8Array, start: number): void;
  onPingAck(bytes: Uint8Array, start: number): void;
  onGoaway(lastId: number, code: number): void;
  onWindowUpdate(id: number, increment: number): void;
  onUnknown(): void;
}

const NOTHING = new Uint8Array(0);

export class Receiver {
  /** Set when the session is over: nothing more is parsed. */
  stopped = false;

  readonly #sink: FrameSink;
  readonly #maxFrame: number;
  readonly #maxContinuations: number;
  /** Bytes of the client's preface that are still to come. */
  #preface: number;
  readonly #client: boolean;
  #first = true;
  readonly #head = new Uint8Array(HEAD);
  #headFilled = 0;
  #type = 0;
  #flags = 0;
  #id = 0;
  /** Payload of a DATA frame still to come, and who gets it. */
  #dataLeft = 0;
  #dataOwner: DataOwner | undefined;
  /** A frame that is gathered. */
  #gathered: Uint8Array | undefined;
  #gatheredFilled = 0;
  /** A header block that waits for CONTINUATION. */
  #block: Uint8Array[] | undefined;
  #blockId = 0;
  #blockEnds = false;
  /** Somebody has kept a view of the chunk that is being parsed. */
  #kept = false;

  constructor(sink: FrameSink, preface: "preface" | "none", maxFrame: number, maxContinuations: number) {
    this.#sink = sink;
    this.#client = preface === "none";
    this.#preface = preface === "preface" ? PREFACE.length : 0;
    this.#maxFrame = maxFrame;
    this.#maxContinuations = maxContinuations;
  }

  /** Whether bytes of a frame have come and the rest has not. */
  get midFrame(): boolean {
    return this.#headFilled > 0 || this.#dataLeft > 0 || this.#gathered !== undefined || this.#block !== undefined;
  }

  /** False when somebody has kept a view of the chunk. Throws an `H2Error` on what ends the connection. */
  parse(chunk: Uint8Array): boolean {
    const end = chunk.length;
    this.#kept = false;
    let at = this.#preface > 0 ? this.#skipPreface(chunk) : 0;
    while (at < end && !this.stopped) {
      if (this.#dataLeft > 0) {
        const length = Math.min(this.#dataLeft, end - at);
        this.#dataLeft -= length;
        if (this.#dataOwner?.deliver(length === end ? chunk : chunk.subarray(at, at + length)) === false) {
          this.#kept = true;
        }
        at += length;
        if (this.#dataLeft === 0) this.#dataEnd();
        continue;
      }
      if (this.#gathered !== undefined) {
        at = this.#gather(chunk, at, end);
        continue;
      }
      if (this.#headFilled > 0 || end - at < HEAD) {
        const length = Math.min(HEAD - this.#headFilled, end - at);
        for (let i = 0; i < length; i++) this.#head[this.#headFilled + i] = chunk[at + i]!;
        this.#headFilled += length;
        at += length;
        if (this.#headFilled < HEAD) break;
        this.#headFilled = 0;
        at = this.#begin(this.#head, 0, chunk, at, end);
      } else at = this.#begin(chunk, at, chunk, at + HEAD, end);
    }
    return !this.#kept;
  }

  #skipPreface(chunk: Uint8Array): number {
    const length = Math.min(this.#preface, chunk.length);
    const from = PREFACE.length - this.#preface;
    for (let i = 0; i < length; i++) {
      if (chunk[i] !== PREFACE[from + i]) throw new H2Error(PROTOCOL_ERROR, "the client's preface is wrong");
    }
    this.#preface -= length;
    return length;
  }

  /** Acts on a frame's head, and on its payload when all of it is here; returns where the next frame begins. */
  #begin(head: Uint8Array, from: number, chunk: Uint8Array, at: number, end: number): number {
    const length = (head[from]! << 16) | (head[from + 1]! << 8) | head[from + 2]!;
    const type = this.#type = head[from + 3]!;
    const flags = this.#flags = head[from + 4]!;
    const id = this.#id = readUint31(head, from + 5);
    if (length > this.#maxFrame) {
      throw new H2Error(FRAME_SIZE_ERROR, `a frame of ${length} bytes: SETTINGS_MAX_FRAME_SIZE is ${this.#maxFrame}`);
    }
    if (this.#block !== undefined && (type !== CONTINUATION || id !== this.#blockId)) {
      throw new H2Error(PROTOCOL_ERROR, "a header block was interrupted by another frame");
    }
    if (this.#first) {
      // A server that refuses a client may say so at once.
      if ((type !== SETTINGS || (flags & ACK) !== 0) && (type !== GOAWAY || !this.#client)) {
        throw new H2Error(PROTOCOL_ERROR, "the first frame is not SETTINGS");
      }
      this.#first = false;
    }
    if (type === DATA) {
      if (id === 0) throw new H2Error(PROTOCOL_ERROR, "DATA on stream 0");
      if ((flags & PADDED) === 0) {
        const stream = this.#sink.onDataStart(id, length);
        if (stream !== undefined) this.#dataBegin(stream, length);
        this.#dataLeft = length;
        if (length === 0) this.#dataEnd();
        return at;
      }
    }
    if (end - at >= length) {
      this.#frame(chunk, at, at + length);
      return at + length;
    }
    if (length === 0) {
      this.#frame(NOTHING, 0, 0);
      return at;
    }
    this.#gathered = new Uint8Array(length);
    this.#gatheredFilled = 0;
    return at;
  }

  #dataBegin(stream: DataOwner, payload: number): void {
    this.#dataOwner = this.#sink.onDataLength(stream, payload, (this.#flags & END_STREAM) !== 0) ? stream : undefined;
  }

  #dataEnd(): void {
    const stream = this.#dataOwner;
    this.#dataOwner = undefined;
    if (stream !== undefined && (this.#flags & END_STREAM) !== 0) stream.readEnd();
  }

  #gather(chunk: Uint8Array, at: number, end: number): number {
    const into = this.#gathered!;
    const length = Math.min(into.length - this.#gatheredFilled, end - at);
    into.set(chunk.subarray(at, at + length), this.#gatheredFilled);
    this.#gatheredFilled += length;
    if (this.#gatheredFilled === into.length) {
      this.#gathered = undefined;
      this.#frame(into, 0, into.length);
    }
    return at + length;
  }

  /** A whole frame: its payload is `bytes` from `start` to `end`. */
  #frame(bytes: Uint8Array, start: number, end: number): void {
    const id = this.#id;
    const flags = this.#flags;
    const sink = this.#sink;
    const length = end - start;
    switch (this.#type) {
      case DATA:
        return this.#paddedData(bytes, start, end);
      case HEADERS:
        if (id === 0) throw new H2Error(PROTOCOL_ERROR, "HEADERS on stream 0");
        return this.#headers(bytes, start, end);
      case PRIORITY:
        if (id === 0) throw new H2Error(PROTOCOL_ERROR, "PRIORITY on stream 0");
        // A stream error by section 6.3; nothing here keeps priorities, so that the connection's end is the simpler answer (5.4.2 allows it).
        if (length !== 5) throw new H2Error(FRAME_SIZE_ERROR, "PRIORITY of another size than 5");
        return sink.onPriority();
      case RST_STREAM:
        if (id === 0) throw new H2Error(PROTOCOL_ERROR, "RST_STREAM on stream 0");
        if (length !== 4) throw new H2Error(FRAME_SIZE_ERROR, "RST_STREAM of another size than 4");
        return sink.onReset(id, readUint32(bytes, start));
      case SETTINGS:
        if (id !== 0) throw new H2Error(PROTOCOL_ERROR, "SETTINGS on a stream");
        if ((flags & ACK) !== 0) {
          if (length !== 0) throw new H2Error(FRAME_SIZE_ERROR, "SETTINGS with ACK and a payload");
          return sink.onSettingsAck();
        }
        if (length % 6 !== 0) throw new H2Error(FRAME_SIZE_ERROR, "SETTINGS of a size that is no multiple of 6");
        return sink.onSettings(bytes, start, end);
      case PUSH_PROMISE:
        // A client cannot push (8.4), and our client forbids it with SETTINGS_ENABLE_PUSH 0.
        throw new H2Error(PROTOCOL_ERROR, "PUSH_PROMISE, which is not allowed");
      case PING:
        if (id !== 0) throw new H2Error(PROTOCOL_ERROR, "PING on a stream");
        if (length !== 8) throw new H2Error(FRAME_SIZE_ERROR, "PING of another size than 8");
        return (flags & ACK) !== 0 ? sink.onPingAck(bytes, start) : sink.onPing(bytes, start);
      case GOAWAY:
        if (id !== 0) throw new H2Error(PROTOCOL_ERROR, "GOAWAY on a stream");
        if (length < 8) throw new H2Error(FRAME_SIZE_ERROR, "GOAWAY of less than 8 bytes");
        return sink.onGoaway(readUint31(bytes, start), readUint32(bytes, start + 4));
      case WINDOW_UPDATE:
        if (length !== 4) throw new H2Error(FRAME_SIZE_ERROR, "WINDOW_UPDATE of another size than 4");
        return sink.onWindowUpdate(id, readUint31(bytes, start));
      case CONTINUATION:
        return this.#continuation(bytes, start, end);
      default:
        return sink.onUnknown();
    }
  }

  #paddedData(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length === 0) throw new H2Error(FRAME_SIZE_ERROR, "padded DATA without a pad length");
    const padding = bytes[start]! + 1;
    if (padding > length) throw new H2Error(PROTOCOL_ERROR, "DATA with more padding than payload");
    const stream = this.#sink.onDataStart(this.#id, length);
    if (stream === undefined) return;
    stream.padding(padding);
    this.#dataBegin(stream, length - padding);
    if (length > padding && this.#dataOwner?.deliver(bytes.subarray(start + 1, end - padding + 1)) === false) {
      this.#kept = true;
    }
    this.#dataEnd();
  }

  #headers(bytes: Uint8Array, start: number, end: number): void {
    const flags = this.#flags;
    if ((flags & PADDED) !== 0) {
      if (start === end) throw new H2Error(FRAME_SIZE_ERROR, "padded HEADERS without a pad length");
      end -= bytes[start++]!;
    }
    if ((flags & PRIORITIZED) !== 0) start += 5;
    if (start > end) throw new H2Error(PROTOCOL_ERROR, "HEADERS with more padding than payload");
    const ends = (flags & END_STREAM) !== 0;
    if ((flags & END_HEADERS) !== 0) return this.#sink.onHeaders(this.#id, bytes, start, end, ends);
    this.#blockId = this.#id;
    this.#blockEnds = ends;
    // Views: what was read is never written to again, and the number of pieces is bounded.
    this.#block = [bytes.subarray(start, end)];
    this.#kept = true;
  }

  #continuation(bytes: Uint8Array, start: number, end: number): void {
    const block = this.#block;
    if (block === undefined) throw new H2Error(PROTOCOL_ERROR, "CONTINUATION without HEADERS");
    if (block.length > this.#maxContinuations) {
      throw new H2Error(ENHANCE_YOUR_CALM, `a header block of more than ${this.#maxContinuations} CONTINUATION frames`);
    }
    block.push(bytes.subarray(start, end));
    this.#kept = true;
    if ((this.#flags & END_HEADERS) === 0) return;
    this.#block = undefined;
    const whole = join(block);
    this.#sink.onHeaders(this.#blockId, whole, 0, whole.length, this.#blockEnds);
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
