/** What the peer may still send on a stream (RFC 9113 section 5.2); the runtime's own window is never the narrower one. @module */
import { MAX_31 } from "../http2/frames.ts";

export class ReceiveWindow {
  /** The whole window, what of it the peer may still use, and what was consumed and not given back yet. */
  #size: number;
  #unused: number;
  #consumed = 0;

  constructor(size: number) {
    this.#size = size;
    this.#unused = size;
  }

  /** Returns what is to be given back to the peer now; 0 while the batch is too small to be worth a frame. */
  consume(n: number): number {
    const consumed = this.#consumed + n;
    if (!(n >= 0) || this.#unused + consumed > this.#size) {
      throw new RangeError(`Cannot consume ${n} bytes: ${this.#size - this.#unused - this.#consumed} are outstanding`);
    }
    this.#consumed = consumed;
    return consumed * 2 >= this.#size ? this.#batch() : 0;
  }

  /** The same, of bytes that nobody is told about. */
  padding(n: number): number {
    this.#consumed += n;
    return this.#consumed * 2 >= this.#size ? this.#batch() : 0;
  }

  /** Returns what is to be given to the peer now. */
  grow(n: number): number {
    if (!(n >= 0) || this.#size + n > MAX_31) {
      throw new RangeError(`Cannot grow a window of ${this.#size} by ${n} bytes`);
    }
    this.#size += n;
    this.#consumed += n;
    return this.#batch();
  }

  /** Charges a DATA frame. False when the peer has overrun the window; `leniency` is what it may not know yet. */
  charge(length: number, leniency: number): boolean {
    const unused = this.#unused - length;
    if (unused < -leniency && length > 0) return false;
    this.#unused = unused;
    return true;
  }

  #batch(): number {
    const n = this.#consumed;
    this.#consumed = 0;
    this.#unused += n;
    return n;
  }
}
