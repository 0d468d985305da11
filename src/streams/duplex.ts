/**
 * A stream as a Node stream.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { Exchange } from "./exchange.ts";
import type { ReadWaiter, SideHolder } from "./receiver.ts";
import type { PendingWrite } from "./sender.ts";

type Callback = (error?: Error | null) => void;

/**
 * Both sides of a stream.
 *
 * - END_STREAM, and nothing else, is the end: every failure destroys it with the error.
 * - Destroying it resets the stream, unless both sides have ended.
 * - The stream's own `close` destroys it without an error, which nobody might listen for, and is an end in order all the same.
 */
export class PoolDuplex extends Duplex implements ReadWaiter, SideHolder {
  readonly label = "`toDuplex()`";
  readonly locked = true;
  readonly copies = false;
  readonly #exchange: Exchange;
  readonly #batch: Batch;
  #waiting = false;

  constructor(exchange: Exchange) {
    // Unread bytes stay in the stream's own queue, where small chunks do not hold large buffers; here at most one waits.
    super({ allowHalfOpen: true, readableHighWaterMark: 1, writableHighWaterMark: 65_536 });
    this.#exchange = exchange;
    this.#batch = new Batch(exchange);
    exchange.receiver.hold(this);
    try {
      exchange.sender.hold(this);
    } catch (error) {
      exchange.receiver.holder = undefined;
      throw error;
    }
  }

  override _read(): void {
    if (this.#waiting) return;
    const { receiver } = this.#exchange;
    for (let chunk = receiver.shift(); chunk !== undefined; chunk = receiver.shift()) {
      if (!this.push(asBuffer(chunk))) return;
    }
    this.#waiting = true;
    receiver.wait(this);
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: Callback): void {
    this.#batch.start([{ chunk }], callback);
  }

  override _writev(chunks: { chunk: Uint8Array }[], callback: Callback): void {
    this.#batch.start(chunks, callback);
  }

  override _final(callback: Callback): void {
    this.#exchange.sender.end().then(() => callback(), callback);
  }

  override _destroy(error: Error | null, callback: Callback): void {
    const { receiver, sender } = this.#exchange;
    receiver.forget(this);
    if (!this.#exchange.closing && !(receiver.complete && sender.ended)) this.#exchange.abort(error ?? undefined);
    callback(error);
  }

  arrived(chunk: Uint8Array): number {
    this.#waiting = false;
    this.push(asBuffer(chunk));
    return chunk.length;
  }

  ended(): void {
    this.#waiting = false;
    this.push(null);
  }

  failed(error: unknown): void {
    this.#waiting = false;
    // What had come before is read first; the error follows it.
    if (this.#exchange.receiver.size > 0) return;
    this.destroy(this.#exchange.closing ? undefined : error as Error);
  }
}

/** Chunks on their way out, one after the other: the engine gathers them, so they are not joined here. */
class Batch implements PendingWrite {
  data: Uint8Array = new Uint8Array();
  next: PendingWrite | undefined = undefined;
  readonly #exchange: Exchange;
  #chunks: { chunk: Uint8Array }[] = [];
  #at = 0;
  #callback: Callback = () => {};

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  start(chunks: { chunk: Uint8Array }[], callback: Callback): void {
    this.#chunks = chunks;
    this.#at = 0;
    this.#callback = callback;
    this.#go();
  }

  settle(error?: unknown): void {
    if (error === undefined) return this.#go();
    this.#chunks = [];
    this.#callback(error as Error);
  }

  #go(): void {
    while (this.#at < this.#chunks.length) {
      this.data = this.#chunks[this.#at++]!.chunk;
      if (!this.#exchange.sender.send(this)) return;
    }
    this.#chunks = [];
    this.#callback();
  }
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
