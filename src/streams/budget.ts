/**
 * The bytes that all streams of a pool may hold unread.
 *
 * @module
 */

/** A smaller piece of a larger window is not worth a frame. */
const MIN_GROWTH = 16_384;

/**
 * Windows that have been promised to peers. What is promised cannot be taken back, so that the sum of the promises, not of
 * the bytes that came, is held below the total.
 *
 * The larger windows of streams in use get at most half: many busy streams never keep new ones from being opened.
 */
export class WindowBudget {
  readonly #total: number;
  #promised = 0;
  #grown = 0;

  constructor(total: number) {
    this.#total = total;
  }

  /** Room for the window of a new stream. */
  reserve(bytes: number): boolean {
    if (this.#promised + bytes > this.#total) return false;
    this.#promised += bytes;
    return true;
  }

  /** How much a window may grow now: as much as is wanted, or what is left, or nothing. */
  grow(wanted: number): number {
    const left = Math.min(this.#total - this.#promised, Math.floor(this.#total / 2) - this.#grown);
    const bytes = Math.min(wanted, left);
    if (bytes <= 0 || (bytes < wanted && bytes < MIN_GROWTH)) return 0;
    this.#promised += bytes;
    this.#grown += bytes;
    return bytes;
  }

  /** A stream is over: its first window, and what it had grown by. */
  release(window: number, grown: number): void {
    this.#promised -= window + grown;
    this.#grown -= grown;
  }
}
