/**
 * Which closed streams ended by RST_STREAM: what the peer had under way when one of ours was sent is to be ignored for a
 * while, a frame after END_STREAM is an error (RFC 9113 section 5.1). Bounded: what is forgotten is forgiven. @module
 */

const SIZE = 128;

export class ResetLog {
  /** Identifiers, negative where the reset was the peer's; made with the first reset. */
  #ids: Int32Array | undefined;
  #next = 0;
  /** The highest identifier that fell out: of those up to it nothing is known for certain. */
  #forgotten = 0;

  add(id: number, by: "us" | "peer"): void {
    const ids = this.#ids ??= new Int32Array(SIZE);
    const old = Math.abs(ids[this.#next]!);
    if (old > this.#forgotten) this.#forgotten = old;
    ids[this.#next] = by === "us" ? id : -id;
    this.#next = (this.#next + 1) % SIZE;
  }

  /** How a closed stream ended; "unknown" where that may have been forgotten. */
  find(id: number): "us" | "peer" | "ended" | "unknown" {
    const ids = this.#ids;
    if (ids === undefined) return "ended";
    if (ids.includes(id)) return "us";
    if (ids.includes(-id)) return "peer";
    return id <= this.#forgotten ? "unknown" : "ended";
  }
}
