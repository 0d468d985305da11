/**
 * What the runtime's session is given to read: frames in the order of the wire, DATA no further than the session's own
 * connection window. So that window can stay at its default, whatever the engine's allows the peer. @module
 */
import type { FrameSpace } from "../http2/control.ts";
import { DATA, END_STREAM, HEAD, MIN_MAX_FRAME, writeHead } from "../http2/frames.ts";

/** Data of a stream, and how much of it the session has. */
interface Body {
  readonly id: number;
  readonly chunk: Uint8Array;
  readonly flags: number;
  given: number;
}

export class Feed implements FrameSpace {
  /** Where the last `frame` is. */
  bytes: Uint8Array = new Uint8Array(0);
  /** What the session's connection window allows it to be given. */
  window: number;
  #queue: (Uint8Array | Body)[] = [];
  /** What of the queue is to come. */
  #next = 0;

  constructor(window: number) {
    this.window = window;
  }

  /** Whether something waits for the session to give back its window. */
  get behind(): boolean {
    return this.#queue.length > 0;
  }

  frame(length: number, type: number, flags: number, id: number): number {
    const bytes = this.bytes = new Uint8Array(HEAD + length);
    writeHead(bytes, 0, length, type, flags, id);
    this.#queue.push(bytes);
    return HEAD;
  }

  streamFrame(length: number, type: number, flags: number, id: number): number {
    return this.frame(length, type, flags, id);
  }

  raw(bytes: Uint8Array): void {
    this.#queue.push(bytes);
  }

  /** `chunk` is kept. */
  data(id: number, chunk: Uint8Array, ends: boolean): void {
    this.#queue.push({ id, chunk, flags: ends ? END_STREAM : 0, given: 0 });
  }

  /** All that may go, as one buffer of its own. */
  take(): Uint8Array | undefined {
    const queue = this.#queue;
    const pieces: Uint8Array[] = [];
    let length = 0;
    for (; this.#next < queue.length; this.#next++) {
      const item = queue[this.#next]!;
      if (item instanceof Uint8Array) {
        pieces.push(item);
        length += item.length;
        continue;
      }
      length += this.#give(item, pieces);
      if (item.given < item.chunk.length) break;
    }
    if (this.#next === queue.length) {
      this.#queue = [];
      this.#next = 0;
    } else if (this.#next * 2 > queue.length) {
      this.#queue = queue.slice(this.#next);
      this.#next = 0;
    }
    if (length === 0) return undefined;
    const all = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  /** As much of it as the window allows. */
  #give(body: Body, pieces: Uint8Array[]): number {
    const { id, chunk, flags } = body;
    let length = 0;
    do {
      const n = Math.min(MIN_MAX_FRAME, chunk.length - body.given, this.window);
      if (n <= 0 && chunk.length > 0) return length;
      const head = new Uint8Array(HEAD);
      const piece = chunk.subarray(body.given, body.given + n);
      body.given += n;
      this.window -= n;
      writeHead(head, 0, n, DATA, body.given === chunk.length ? flags : 0, id);
      pieces.push(head, piece);
      length += HEAD + n;
    } while (body.given < chunk.length);
    return length;
  }
}
