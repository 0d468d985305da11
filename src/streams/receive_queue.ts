/**
 * Bytes that have arrived and nobody has read.
 *
 * @module
 */

/** The largest block that small chunks are gathered in, bytes. */
const MAX_BLOCK = 16_384;
/** A block that has been read to its end is kept for the next bytes up to this size. */
const MAX_SPARE = 2_048;
/** Smaller chunks are copied at once: it costs less than to come back to them. */
const SMALL = 2_048;

/** The socket's buffer that chunks came from last, and the queues that keep views of it. */
let latest: ArrayBufferLike | undefined;
let keepers: ReceiveQueue[] = [];

/**
 * Chunks in arrival order.
 *
 * A chunk is a view of the buffer that the socket filled: a single byte of it would hold 16 to 512 KiB. A chunk that is most of
 * its buffer is kept as it is; a small one is copied, together with others, into a block of the queue's own. One in between
 * is mostly read within the turn, so that a copy would be for nothing: it is kept, and copied only when it is still there
 * as the next buffer comes. What unread bytes hold in memory is thereby at most about twice their number, and one
 * buffer of a socket.
 */
export class ReceiveQueue {
  /** Bytes unread. */
  size = 0;
  #first: Piece | undefined;
  #last: Piece | undefined;
  /** Read to its end and empty: the next bytes go there, so that a stream of small messages allocates nothing. */
  #spare: Piece | undefined;
  /** In `keepers`. */
  #keeping = false;

  /** Appends a chunk, which is copied or kept: the caller must not write to it any more. */
  push(chunk: Uint8Array): void {
    const { length } = chunk;
    if (length === 0) return;
    const { buffer } = chunk;
    if (buffer !== latest) nextBuffer(buffer);
    const last = this.#last ?? this.#takeSpare(length);
    if (length < SMALL && last !== undefined && last.own && last.bytes.length - last.end >= length) {
      last.bytes.set(chunk, last.end);
      last.end += length;
    } else if (length >= SMALL || length * 2 >= buffer.byteLength) {
      this.#append(new Piece(chunk, length, false));
      if (length * 2 < buffer.byteLength && !this.#keeping) {
        this.#keeping = true;
        keepers.push(this);
      }
    } else {
      // As large as what is there already: the number of blocks grows with the logarithm of the bytes, then by MAX_BLOCK.
      const block = new Uint8Array(Math.max(length, Math.min(this.size, MAX_BLOCK), 64));
      block.set(chunk);
      this.#append(new Piece(block, length, true));
    }
    this.size += length;
  }

  /** Lets go of buffers of which little is unread. Called once the turn in which they came is over. */
  release(): void {
    this.#keeping = false;
    for (let piece = this.#first; piece !== undefined;) {
      const { buffer } = piece.bytes;
      let unread = 0;
      let end: Piece | undefined = piece;
      for (; end !== undefined && end.bytes.buffer === buffer; end = end.next) unread += end.end - end.start;
      const sparse = unread * 2 < buffer.byteLength;
      for (; piece !== end; piece = piece!.next) if (sparse && !piece!.own) piece!.copy();
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

function nextBuffer(buffer: ArrayBufferLike): void {
  latest = buffer;
  if (keepers.length === 0) return;
  const queues = keepers;
  keepers = [];
  for (const queue of queues) queue.release();
}

class Piece {
  bytes: Uint8Array;
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
  copy(): void {
    this.bytes = new Uint8Array(this.view(this.bytes.length));
    this.start = 0;
    this.end = this.bytes.length;
  }
}
