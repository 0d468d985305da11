/**
 * Bytes that have arrived and nobody has read.
 *
 * @module
 */

/** A block for bulk, bytes: shared by all queues, one after the other. */
const BLOCK = 16_384;
/** How many of them wait for the next queue: 16 MiB. */
const KEEP_BLOCKS = 1_024;
/** A block of a smaller size that has been read to its end is kept for the next bytes up to this size. */
const MAX_SPARE = 2_048;

/** Empty blocks of the size BLOCK. */
const blocks: Piece[] = [];

/**
 * Chunks in arrival order, copied.
 *
 * A chunk is a view of the buffer that the socket filled: a single byte of it would hold 16 to 512 KiB. And a buffer that
 * somebody keeps is left to the garbage collector, which costs more than a copy into memory that is in the cache.
 * Blocks are about as large as what is unread, up to BLOCK; those are never left to the collector but used again. What a
 * queue holds in memory is thereby at most about twice `size`.
 */
export class ReceiveQueue {
  /** Bytes unread. */
  size = 0;
  #first: Piece | undefined;
  #last: Piece | undefined;
  /** Read to its end and empty: the next bytes go there, so that a stream of small messages allocates nothing. */
  #spare: Piece | undefined;

  /** Appends a copy. */
  push(chunk: Uint8Array): void {
    const { length } = chunk;
    for (let from = 0; from < length;) {
      const piece = this.#room(length - from);
      const n = Math.min(length - from, piece.bytes.length - piece.end);
      piece.bytes.set(n === length ? chunk : chunk.subarray(from, from + n), piece.end);
      piece.end += n;
      from += n;
      this.size += n;
    }
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
      this.#recycle(piece);
    }
    this.size -= n;
    return n;
  }

  /** The oldest piece. It is the caller's from now on. */
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
    for (let piece = this.#first; piece !== undefined;) {
      const { next } = piece;
      this.#recycle(piece);
      piece = next;
    }
    this.#first = this.#last = this.#spare = undefined;
    return size;
  }

  /** A block that is not full. As large as what is there already, at least: their number grows with the logarithm of the bytes first. */
  #room(wanted: number): Piece {
    const last = this.#last;
    if (last !== undefined && last.end < last.bytes.length) return last;
    let piece = this.#spare;
    this.#spare = undefined;
    if (piece === undefined || piece.bytes.length < wanted) {
      const size = Math.max(wanted, Math.min(this.size, BLOCK), 64);
      piece = size > BLOCK / 2 ? blocks.pop() ?? new Piece(BLOCK) : new Piece(size);
    }
    if (last === undefined) this.#first = piece;
    else last.next = piece;
    return this.#last = piece;
  }

  #remove(piece: Piece): void {
    this.#first = piece.next;
    if (piece.next === undefined) this.#last = undefined;
  }

  #recycle(piece: Piece): void {
    piece.start = piece.end = 0;
    piece.next = undefined;
    const { length } = piece.bytes;
    if (length <= MAX_SPARE) this.#spare = piece;
    else if (length === BLOCK && blocks.length < KEEP_BLOCKS) blocks.push(piece);
  }
}

class Piece {
  readonly bytes: Uint8Array;
  start = 0;
  end = 0;
  next: Piece | undefined = undefined;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  view(max: number): Uint8Array {
    const { bytes, start } = this;
    const end = Math.min(this.end, start + max);
    return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
  }
}
