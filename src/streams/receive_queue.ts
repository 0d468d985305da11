/**
 * Bytes that have arrived and nobody has read.
 *
 * @module
 */

/** The largest block that small chunks are gathered in, bytes. */
const MAX_BLOCK = 16_384;
/** A block that has been read to its end is kept for the next bytes up to this size. */
const MAX_SPARE = 2_048;

/**
 * Chunks in arrival order.
 *
 * A chunk is a view of the buffer that the socket filled: a single byte of it would hold 16 to 512 KiB. So a chunk that
 * is less than half of its buffer is copied into a block of the queue's own, and small ones are gathered there; a chunk
 * that is most of its buffer is kept as it is. What the queue holds in memory is thereby at most about twice `size`.
 */
export class ReceiveQueue {
  /** Bytes unread. */
  size = 0;
  #first: Piece | undefined;
  #last: Piece | undefined;
  /** Read to its end and empty: the next bytes go there, so that a stream of small messages allocates nothing. */
  #spare: Piece | undefined;

  /** Appends a chunk, which is copied or kept: the caller must not write to it any more. */
  push(chunk: Uint8Array): void {
    const { length } = chunk;
    if (length === 0) return;
    const last = this.#last ?? this.#takeSpare(length);
    if (last !== undefined && last.own && last.bytes.length - last.end >= length) {
      last.bytes.set(chunk, last.end);
      last.end += length;
    } else if (length * 2 >= chunk.buffer.byteLength) {
      this.#append(new Piece(chunk, length, false));
    } else {
      // As large as what is there already: the number of blocks grows with the logarithm of the bytes, then by MAX_BLOCK.
      const block = new Uint8Array(Math.max(length, Math.min(this.size, MAX_BLOCK), 64));
      block.set(chunk);
      this.#append(new Piece(block, length, true));
    }
    this.size += length;
  }

  /** Copies as much as fits, and returns how much that is. */
  take(into: Uint8Array): number {
    let n = 0;
    for (let piece = this.#first; piece !== undefined && n < into.length; piece = this.#first) {
      const part = piece.view(into.length - n);
      into.set(part, n);
      n += part.length;
      piece.start += part.length;
      if (piece.start < piece.end) break;
      this.#remove(piece);
      if (piece.own && piece.bytes.length <= MAX_SPARE) {
        piece.start = piece.end = 0;
        piece.next = undefined;
        this.#spare = piece;
      }
    }
    this.size -= n;
    return n;
  }

  /** The oldest piece, not copied. It is the caller's from now on. */
  shift(): Uint8Array | undefined {
    const piece = this.#first;
    if (piece === undefined) return undefined;
    this.#remove(piece);
    const part = piece.view(piece.bytes.length);
    this.size -= part.length;
    return part;
  }

  /** Forgets everything, and returns how many bytes that was. */
  clear(): number {
    const { size } = this;
    this.size = 0;
    this.#first = this.#last = this.#spare = undefined;
    return size;
  }

  #append(piece: Piece): void {
    if (this.#last === undefined) this.#first = piece;
    else this.#last.next = piece;
    this.#last = piece;
  }

  #remove(piece: Piece): void {
    this.#first = piece.next;
    if (piece.next === undefined) this.#last = undefined;
  }

  #takeSpare(length: number): Piece | undefined {
    const spare = this.#spare;
    if (spare === undefined || spare.bytes.length < length) return undefined;
    this.#spare = undefined;
    this.#append(spare);
    return spare;
  }
}

class Piece {
  readonly bytes: Uint8Array;
  start = 0;
  end: number;
  /** Made by the queue, so that there may be room at its end. */
  readonly own: boolean;
  next: Piece | undefined = undefined;

  constructor(bytes: Uint8Array, end: number, own: boolean) {
    this.bytes = bytes;
    this.end = end;
    this.own = own;
  }

  view(max: number): Uint8Array {
    const { bytes, start } = this;
    const end = Math.min(this.end, start + max);
    return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
  }
}
