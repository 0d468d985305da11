/** Two ends of a pooled stream, in memory: what the tunnel uses of one. @module */
import type { PoolStream } from "../../../src/streams/mod.ts";

/** One direction. */
class Pipe {
  readonly #capacity: number;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #ended = false;
  #fault: unknown;
  #wake = new Set<() => void>();
  /** The most it ever held. */
  peak = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  async write(data: Uint8Array): Promise<number> {
    for (let at = 0; at < data.length;) {
      if (this.#fault !== undefined) throw this.#fault;
      if (this.#ended) throw new TypeError("written after the end");
      const room = this.#capacity - this.#held;
      if (room === 0) {
        await this.#change();
        continue;
      }
      const part = data.slice(at, at + room);
      at += part.length;
      this.#chunks.push(part);
      this.#held += part.length;
      this.peak = Math.max(this.peak, this.#held);
      this.#changed();
    }
    return data.length;
  }

  async read(into: Uint8Array): Promise<number | null> {
    for (;;) {
      if (this.#fault !== undefined) throw this.#fault;
      const chunk = this.#chunks[0];
      if (chunk !== undefined) {
        const n = Math.min(into.length, chunk.length);
        into.set(chunk.subarray(0, n));
        if (n === chunk.length) this.#chunks.shift();
        else this.#chunks[0] = chunk.subarray(n);
        this.#held -= n;
        this.#changed();
        return n;
      }
      if (this.#ended) return null;
      await this.#change();
    }
  }

  end(): void {
    this.#ended = true;
    this.#changed();
  }

  fail(error: unknown): void {
    this.#fault ??= error;
    this.#changed();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.add(resolve));
  }

  #changed(): void {
    const woken = this.#wake;
    this.#wake = new Set();
    for (const wake of woken) wake();
  }
}

/** An end, and what a test asks about it. */
export interface FakeStream extends PoolStream {
  readonly aborted: unknown;
  /** The read deadline set last. */
  readonly deadline: Date | null;
  /** The most bytes that waited to be read here. */
  readonly peak: number;
}

/** Two ends; each direction holds `capacity` bytes at most. */
export function streamPair(id = "00000001", capacity = 64 * 1024): [FakeStream, FakeStream] {
  const there = new Pipe(capacity), back = new Pipe(capacity);
  let over = 0;
  let close = (): void => {};
  const closed = new Promise<void>((resolve) => close = resolve);
  const side = (incoming: Pipe, outgoing: Pipe): FakeStream => {
    let ended = false;
    let aborted: unknown;
    let deadline: Date | null = null;
    const end = (): void => {
      if (ended) return;
      ended = true;
      outgoing.end();
      if (++over === 2) close();
    };
    const stream: Partial<FakeStream> = {
      id,
      closed,
      get aborted() {
        return aborted;
      },
      get deadline() {
        return deadline;
      },
      get peak() {
        return incoming.peak;
      },
      read: (into) => incoming.read(into),
      write: (data) => outgoing.write(data),
      closeWrite: () => Promise.resolve(end()),
      setReadDeadline: (at) => void (deadline = at),
      abort(reason = new Error("aborted")) {
        aborted = reason;
        incoming.fail(reason);
        outgoing.fail(new Error("reset by the other side"));
        close();
      },
    };
    return stream as FakeStream;
  };
  return [side(back, there), side(there, back)];
}
