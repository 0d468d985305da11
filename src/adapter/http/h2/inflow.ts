/** The body of a request between the channel and who reads it. @module */
import type { Channel } from "../../contract.ts";

/** Who reads. */
export interface Reader {
  /** Bytes of its own. */
  deliver(bytes: Uint8Array<ArrayBuffer>): void;
  /** All of it has been delivered. */
  finish(): void;
}

/** Small pieces share a buffer of this size: a peer that sends single bytes costs no more memory than bytes. */
const PIECE = 4_096;

/**
 * Holds what has come and is not asked for. What it hands out goes back to the peer's window, and only that: a body that
 * nobody reads stays with its client.
 */
export class Inflow {
  readonly #channel: Channel;
  readonly #growth: number;
  readonly #first: (() => void) | undefined;
  #reader: Reader | undefined;
  #queue: Uint8Array<ArrayBuffer>[] = [];
  /** How much of the last piece is filled. */
  #filled = 0;
  #asked = false;
  #waiting = false;
  #ended = false;
  #stopped = false;

  /** `growth` more bytes of window as soon as it is read; `first` is called before that. */
  constructor(channel: Channel, growth: number, first: (() => void) | undefined) {
    this.#channel = channel;
    this.#growth = growth;
    this.#first = first;
  }

  /** One more delivery, or the end; at once when there is something, else as soon as it comes. */
  pull(reader: Reader): void {
    if (this.#stopped) return;
    this.#reader = reader;
    if (!this.#asked) this.#ask();
    const piece = this.#queue.shift();
    if (piece !== undefined) {
      const bytes = this.#queue.length === 0 ? piece.subarray(0, this.#filled) : piece;
      this.#hand(bytes);
    } else if (this.#ended) this.#finish();
    else this.#waiting = true;
  }

  /** From the channel; always copied, because who reads may give its buffer away. */
  push(chunk: Uint8Array): void {
    if (this.#stopped) return;
    if (this.#waiting) {
      this.#waiting = false;
      this.#hand(new Uint8Array(chunk));
      return;
    }
    const last = this.#queue.at(-1);
    if (last !== undefined && last.length - this.#filled >= chunk.length) {
      last.set(chunk, this.#filled);
      this.#filled += chunk.length;
      return;
    }
    if (last !== undefined) this.#queue[this.#queue.length - 1] = last.subarray(0, this.#filled);
    const piece = new Uint8Array(Math.max(PIECE, chunk.length));
    piece.set(chunk);
    this.#queue.push(piece);
    this.#filled = chunk.length;
  }

  end(): void {
    this.#ended = true;
    if (this.#waiting) this.#finish();
  }

  /** Nobody reads any more. */
  stop(): void {
    this.#stopped = true;
    this.#waiting = false;
    this.#queue = [];
    this.#reader = undefined;
  }

  #ask(): void {
    this.#asked = true;
    if (this.#ended || this.#channel.readEnded) return;
    this.#first?.();
    if (this.#growth > 0) this.#channel.grow(this.#growth);
  }

  #hand(bytes: Uint8Array<ArrayBuffer>): void {
    this.#channel.consume(bytes.length);
    const reader = this.#reader!;
    reader.deliver(bytes);
    // Who has the last byte need not ask for the end.
    if (this.#ended && this.#queue.length === 0 && !this.#stopped) this.#finish();
  }

  #finish(): void {
    const reader = this.#reader!;
    this.stop();
    reader.finish();
  }
}
