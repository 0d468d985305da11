/**
 * Stream identifiers (RFC 9113 section 5.1.1), and what is remembered of streams that are closed (section 5.1): what was
 * under way when we sent RST_STREAM is ignored, a frame after END_STREAM is an error. The memory is bounded: what is
 * forgotten is forgiven. @module
 */
import { H2Error, PROTOCOL_ERROR, STREAM_CLOSED } from "./errors.ts";
import { MAX_31 } from "./frames.ts";

/** Resets that are remembered. */
const REMEMBERED = 128;

export class StreamIds {
  /** The highest identifier that the peer has used. */
  lastPeer = 0;
  /** Our final GOAWAY is out: streams above `lastPeer` are never looked at. */
  closed = false;
  readonly #client: boolean;
  #next: number;
  /** Whether the peer has left out identifiers, which closes those below for ever. */
  #skipped = false;
  /** Streams that ended by RST_STREAM, negative where it was the peer's; made with the first of them. */
  #resets: Int32Array | undefined;
  #resetAt = 0;
  /** The highest identifier that fell out of `#resets`: up to it nothing is known for certain. */
  #forgotten = 0;

  /** @param next A client's first one. */
  constructor(role: "client" | "server", next = 1) {
    this.#client = role === "client";
    this.#next = next;
  }

  /** How many streams a client can still open. */
  get left(): number {
    return this.#next > MAX_31 ? 0 : ((MAX_31 - this.#next) >>> 1) + 1;
  }

  /** The identifier of a client's next stream. */
  take(): number {
    const id = this.#next;
    this.#next += 2;
    return id;
  }

  /** Whether a client may open this stream, by its identifier. */
  isNew(id: number): boolean {
    return !this.#client && (id & 1) === 1 && id > this.lastPeer;
  }

  /** The peer uses it. */
  used(id: number): void {
    if (id > this.lastPeer + 2) this.#skipped = true;
    this.lastPeer = id;
  }

  isIdle(id: number): boolean {
    // Even ones are a server's, for pushes, which our clients do not allow.
    if ((id & 1) === 0) return true;
    return this.#client ? id >= this.#next : id > this.lastPeer && !this.closed;
  }

  /** The stream ended by RST_STREAM. */
  reset(id: number, by: "us" | "peer"): void {
    const resets = this.#resets ??= new Int32Array(REMEMBERED);
    const old = Math.abs(resets[this.#resetAt]!);
    if (old > this.#forgotten) this.#forgotten = old;
    resets[this.#resetAt] = by === "us" ? id : -id;
    this.#resetAt = (this.#resetAt + 1) % REMEMBERED;
  }

  /** RST_STREAM has come for a closed stream. Whether it is the first one after our own. */
  crossed(id: number): boolean {
    const at = this.#resets?.indexOf(id) ?? -1;
    if (at < 0) return false;
    this.#resets![at] = -id;
    return true;
  }

  /** What a DATA or HEADERS frame means on a stream that is not open: to be ignored, or a stream error of type STREAM_CLOSED. Throws where it is the connection's error. */
  judge(id: number, frame: "DATA" | "HEADERS"): "ignore" | "refuse" {
    if (this.isIdle(id)) throw new H2Error(PROTOCOL_ERROR, `${frame} on idle stream ${id}`);
    if (!this.#client && id > this.lastPeer) return "ignore";
    const resets = this.#resets;
    if (resets !== undefined) {
      if (resets.includes(id)) return "ignore";
      if (resets.includes(-id)) return "refuse";
      if (id <= this.#forgotten) return "ignore";
    }
    const code = this.#skipped && frame === "HEADERS" ? PROTOCOL_ERROR : STREAM_CLOSED;
    throw new H2Error(code, `${frame} on closed stream ${id}`);
  }
}
