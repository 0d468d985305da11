/** What the runtime's session takes for its socket: bytes go through the engine's hands in both directions. @module */
import type { Buffer } from "node:buffer";
import { Duplex } from "node:stream";

/** Takes what the runtime's session sends. */
export type WireSink = (bytes: Uint8Array) => void;

/** The Duplex under a session of the runtime. */
export class Wire extends Duplex {
  readonly #sink: WireSink;

  constructor(sink: WireSink) {
    super({ decodeStrings: true, emitClose: true });
    this.#sink = sink;
    // For the whole life: an error without a listener ends the process.
    this.on("error", () => {});
  }

  /** Gives the session bytes to read. */
  feed(bytes: Uint8Array): void {
    if (!this.destroyed) this.push(bytes);
  }

  override _read(): void {}

  // What may be under way at a time is bounded before it gets here, so that nothing is held back.
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#sink(chunk);
    done();
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    for (const { chunk } of chunks) this.#sink(chunk);
    done();
  }

  override _final(done: (error?: Error | null) => void): void {
    done();
  }

  override _destroy(_error: Error | null, done: (error?: Error | null) => void): void {
    done(null);
  }
}
