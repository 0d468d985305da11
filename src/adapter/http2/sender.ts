/**
 * The sending half of a session: frames are written straight into slabs, in the order in which they go out.
 *
 * A write that finds windows, room and no other stream waiting costs one copy and nothing else. What does not fit stays with
 * its stream, which waits in a ring that is served round robin. @module
 */
import { CONTINUATION, DATA, END_HEADERS, END_STREAM, HEAD, HEADERS, MIN_MAX_FRAME, writeHead } from "./frames.ts";
import { acquireSlab, LARGE, releaseSlab, type Slab } from "./slabs.ts";
import type { Stream } from "./stream.ts";

/** Bytes that one stream may frame before the next in the ring has its turn. */
const QUANTUM = 65_536;
/** Frames above this gain nothing (measured), and every frame must fit a slab. */
const MAX_FRAME = 65_536;
/** Rather a new slab than a sliver of a frame at the end of this one. */
const SLIVER = 256;

/** What follows a header block: the end of the stream with it, a body, or more header blocks (`1xx`). */
export type HeadersEnding = "end" | "body" | "more";

export class Sender {
  /** What the peer's connection window allows. */
  window = 65_535;
  /** Control bytes queued beyond what may wait for a peer that does not read. */
  overflow = false;
  /** Bytes handed out by `take`. */
  taken = 0;
  /** Bytes of payload framed. */
  placed = 0;

  #maxFrame = MIN_MAX_FRAME;
  #slab: Slab | undefined;
  /** Filled slabs before `#slab`. Only control frames make them; data waits until they are gone. */
  #full: Slab[] = [];
  #flying: Slab[] = [];
  #control = 0;
  readonly #maxControl: number;
  /** The ring of streams that wait for room: the next to be served. Circular, doubly linked. */
  #ring: Stream | undefined;
  /** Who may go on writing past the ring, from `accepted`, until its quantum is used up: many small writes are one frame. */
  #turn: Stream | undefined;
  #turnLeft = 0;
  /** Whose frame is the last in `#slab`, where it begins, and its payload; `end` and further bytes go into it. */
  #lastOwner: Stream | undefined;
  #lastAt = 0;
  #lastLength = 0;

  readonly #countsStreams: boolean;

  constructor(maxControl: number, streamFrames: "counted" | "uncounted") {
    this.#maxControl = maxControl;
    this.#countsStreams = streamFrames === "counted";
  }

  setMaxFrame(bytes: number): void {
    this.#maxFrame = Math.min(bytes, MAX_FRAME);
  }

  /** Whether everything has been taken. */
  get empty(): boolean {
    return this.#slab === undefined && this.#full.length === 0 && this.#ring === undefined;
  }

  /** Frames what is possible of `data` at once, and says how many bytes that was. */
  place(stream: Stream, data: Uint8Array): number {
    if (this.#full.length > 0) return 0;
    if (this.#ring === undefined) return this.#put(stream, data, 0, LARGE);
    if (this.#turn !== stream) return 0;
    const placed = this.#put(stream, data, 0, this.#turnLeft);
    this.#turnLeft -= placed;
    return placed;
  }

  /** Lets a stream with pending bytes and a window wait for its turn. */
  enqueue(stream: Stream): void {
    if (stream.next !== undefined) return;
    const ring = this.#ring;
    if (ring === undefined) {
      this.#ring = stream.next = stream.previous = stream;
      return;
    }
    const last = ring.previous!;
    stream.next = ring;
    stream.previous = last;
    last.next = ring.previous = stream;
  }

  /** Takes a stream out of the ring, if it is in it. */
  remove(stream: Stream): void {
    const next = stream.next;
    if (next === undefined) return;
    if (next === stream) this.#ring = undefined;
    else {
      const previous = stream.previous!;
      previous.next = next;
      next.previous = previous;
      if (this.#ring === stream) this.#ring = next;
    }
    stream.next = stream.previous = undefined;
  }

  /** Marks the end of a stream: on its last frame when that is still here, else on an empty one. */
  endStream(stream: Stream): void {
    if (this.#lastOwner === stream) this.#slab!.bytes[this.#lastAt + 4]! |= END_STREAM;
    else this.#frame(0, DATA, END_STREAM, stream.id, 0);
    this.#lastOwner = undefined;
  }

  /** A control frame's head; the caller fills `bytes` from the place returned. */
  frame(length: number, type: number, flags: number, id: number): number {
    return this.#frame(length, type, flags, id, HEAD + length);
  }

  /** The same for a frame that opens, answers or resets a stream: HEADERS, CONTINUATION, RST_STREAM. */
  streamFrame(length: number, type: number, flags: number, id: number): number {
    return this.#frame(length, type, flags, id, this.#countsStreams ? HEAD + length : 0);
  }

  /** Bytes that are no frame: the preface. */
  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length, 0);
    this.bytes.set(bytes, at);
  }

  /** Where `frame` found room. */
  get bytes(): Uint8Array {
    return this.#slab!.bytes;
  }

  #frame(length: number, type: number, flags: number, id: number, counted: number): number {
    const at = this.#reserve(HEAD + length, counted);
    writeHead(this.bytes, at, length, type, flags, id);
    return at + HEAD;
  }

  /** Room in the order of sending, whatever waits before it. `counted` bytes count against the limit. */
  #reserve(length: number, counted: number): number {
    let slab = this.#room(length);
    if (slab.bytes.length - slab.used < length) {
      this.#full.push(slab);
      this.#slab = undefined;
      slab = this.#room(length);
    }
    const at = slab.used;
    slab.used += length;
    slab.control += counted;
    if ((this.#control += counted) > this.#maxControl) this.overflow = true;
    this.#lastOwner = undefined;
    return at;
  }

  /** A header block: HEADERS, and CONTINUATION where it is longer than a frame (RFC 9113 section 4.3). */
  headers(stream: Stream, block: Uint8Array, ending: HeadersEnding): void {
    const id = stream.id;
    const flags = ending === "end" ? END_STREAM : 0;
    if (block.length <= this.#maxFrame) {
      const at = this.streamFrame(block.length, HEADERS, flags | END_HEADERS, id);
      this.bytes.set(block, at);
      if (ending === "body") this.#remember(stream, at - HEAD);
      return;
    }
    for (let from = 0; from < block.length; from += this.#maxFrame) {
      const part = block.subarray(from, from + this.#maxFrame);
      const last = from + part.length === block.length ? END_HEADERS : 0;
      const at = from === 0
        ? this.streamFrame(part.length, HEADERS, flags, id)
        : this.streamFrame(part.length, CONTINUATION, last, id);
      this.bytes.set(part, at);
    }
  }

  /** An `end` that follows can be set on this HEADERS frame; it takes no data. */
  #remember(stream: Stream, at: number): void {
    this.#lastOwner = stream;
    this.#lastAt = at;
    this.#lastLength = MAX_FRAME;
  }

  /** A slab with room for `length` more bytes, or a large one that has what is left of it. */
  #room(length: number): Slab {
    const slab = this.#slab;
    if (slab === undefined) return this.#slab = acquireSlab(length);
    if (slab.bytes.length - slab.used >= length || slab.bytes.length === LARGE) return slab;
    const bigger = acquireSlab(LARGE);
    bigger.bytes.set(slab.bytes.subarray(0, slab.used));
    bigger.used = slab.used;
    bigger.control = slab.control;
    releaseSlab(slab);
    return this.#slab = bigger;
  }

  /** Frames `data` from `from` on, at most `most` bytes of it; returns where it stopped. */
  #put(stream: Stream, data: Uint8Array, from: number, most: number): number {
    let left = Math.min(data.length - from, stream.credit, this.window, most);
    if (left <= 0) return from;
    const slab = this.#room(left + HEAD);
    const bytes = slab.bytes;
    const began = from;
    if (this.#lastOwner === stream && this.#lastLength < this.#maxFrame) {
      const length = Math.min(left, this.#maxFrame - this.#lastLength, bytes.length - slab.used);
      copy(bytes, slab.used, data, from, length);
      slab.used += length;
      from += length;
      left -= length;
      const total = this.#lastLength += length;
      const at = this.#lastAt;
      bytes[at] = total >>> 16;
      bytes[at + 1] = total >>> 8;
      bytes[at + 2] = total;
    }
    while (left > 0) {
      const at = slab.used;
      const room = bytes.length - at - HEAD;
      if (room < left && room < SLIVER) break;
      const length = Math.min(left, room, this.#maxFrame);
      writeHead(bytes, at, length, DATA, 0, stream.id);
      copy(bytes, at + HEAD, data, from, length);
      slab.used = at + HEAD + length;
      from += length;
      left -= length;
      this.#lastOwner = stream;
      this.#lastAt = at;
      this.#lastLength = length;
    }
    const placed = from - began;
    stream.credit -= placed;
    this.window -= placed;
    this.placed += placed;
    return from;
  }

  /** Serves the ring while slab and connection window have room. Streams hear `accepted` from here. */
  fill(): void {
    while (this.#ring !== undefined && this.window > 0 && this.#full.length === 0) {
      const stream = this.#ring;
      if (stream.credit <= 0) { // SETTINGS has taken window back
        this.remove(stream);
        continue;
      }
      const data = stream.pending!;
      const from = stream.offset;
      const at = this.#put(stream, data, from, QUANTUM);
      if (at === from) return;
      stream.offset = at;
      if (at === data.length) {
        this.remove(stream);
        this.#turn = stream;
        this.#turnLeft = QUANTUM - (at - from);
        stream.flushed();
        this.#turn = undefined;
      } else if (stream.credit <= 0) this.remove(stream);
      else this.#ring = stream.next;
    }
  }

  /**
   * The next transport write, when one is due. It is in flight until `wrote`, and nothing else meanwhile: the wait
   * coalesces small frames, two writes that wait in a socket are joined there by one more copy, and data that is copied
   * long before it leaves has left the cache by then.
   */
  take(): Uint8Array | undefined {
    return this.#flying.length > 0 ? undefined : this.takeNow();
  }

  /** The same without regard to what is in flight: for the last words of a connection. */
  takeNow(): Uint8Array | undefined {
    let slab = this.#full.shift();
    if (slab === undefined) {
      slab = this.#slab;
      if (slab === undefined) return undefined;
      this.#slab = undefined;
      this.#lastOwner = undefined;
    }
    this.#flying.push(slab);
    this.#control -= slab.control;
    this.taken += slab.used;
    return slab.bytes.subarray(0, slab.used);
  }

  /** What `take` gave last will not be written. */
  drop(): void {
    const slab = this.#flying.pop();
    if (slab === undefined) return;
    releaseSlab(slab);
  }

  /** The oldest write has left. */
  wrote(): void {
    const slab = this.#flying.shift();
    if (slab === undefined) return;
    releaseSlab(slab);
  }
}

/** `set` on a view costs more than the bytes of a small message do. */
function copy(into: Uint8Array, at: number, from: Uint8Array, start: number, length: number): void {
  if (length <= 16) { for (let i = 0; i < length; i++) into[at + i] = from[start + i]!; }
  else into.set(length === from.length ? from : from.subarray(start, start + length), at);
}
