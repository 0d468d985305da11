/** Frames on their way out, in the order in which they go; copied together so that a turn is one write. @module */
import { HEAD, writeHead } from "../http2/frames.ts";
import type { FrameSpace } from "../http2/control.ts";

export class FrameWriter implements FrameSpace {
  /** Where the last `frame` is. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Bytes that wait for `take`. */
  waiting = 0;
  #pieces: Uint8Array[] = [];
  /** Payload that is still to come of a frame whose head is out: nothing else may be said before. */
  #open = 0;
  #held: Uint8Array[] = [];
  /** Nothing goes before what `begin` says. */
  #gated: boolean;

  constructor(start: "open" | "gated" = "open") {
    this.#gated = start === "gated";
  }

  /** Says the first words, and then what was said too early. */
  begin(first: () => void): void {
    const held = this.#held;
    this.#held = [];
    this.#gated = false;
    first();
    this.#pieces.push(...held);
  }

  /** A frame whose payload is written by the caller, into `bytes` from what this returns. */
  frame(length: number, type: number, flags: number, id: number): number {
    const bytes = this.bytes = new Uint8Array(HEAD + length);
    writeHead(bytes, 0, length, type, flags, id);
    this.raw(bytes);
    return HEAD;
  }

  streamFrame(length: number, type: number, flags: number, id: number): number {
    return this.frame(length, type, flags, id);
  }

  raw(bytes: Uint8Array): void {
    this.waiting += bytes.length;
    (this.#gated || this.#open > 0 ? this.#held : this.#pieces).push(bytes);
  }

  /** The head of a frame whose payload comes by `payload`. */
  head(length: number, type: number, flags: number, id: number): void {
    this.frame(0, type, flags, id);
    writeHead(this.bytes, 0, length, type, flags, id);
    this.#open = length;
  }

  /** The next piece of it, which is not written to before `take`. */
  payload(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.waiting += piece.length;
    this.#open -= piece.length;
    if (this.#open > 0 || this.#held.length === 0) return;
    this.#pieces.push(...this.#held);
    this.#held = [];
  }

  /** All that may go, as one buffer of its own. */
  take(): Uint8Array | undefined {
    const pieces = this.#pieces;
    if (pieces.length === 0) return undefined;
    let length = 0;
    for (const piece of pieces) length += piece.length;
    const all = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    this.waiting -= length;
    return all;
  }
}
