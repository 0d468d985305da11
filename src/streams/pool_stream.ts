/**
 * What users hold of a stream: the {@linkcode PoolStream} over an exchange.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import type { NetAddr, TlsState } from "../adapter/contract.ts";
import { PoolDuplex } from "./duplex.ts";
import type { Exchange } from "./exchange.ts";
import type { ConnectionInfo, PoolStream } from "./types.ts";
import { ReadableSide, WritableSide } from "./web.ts";

/** The stream that a pool hands out. */
export class TakenStream implements PoolStream {
  readonly id: string;
  readonly #exchange: Exchange;
  #readable: ReadableSide | undefined;
  #writable: WritableSide | undefined;

  constructor(exchange: Exchange) {
    this.id = exchange.key;
    this.#exchange = exchange;
  }

  get connection(): ConnectionInfo {
    return this.#exchange.connection;
  }
  get localAddr(): NetAddr {
    return this.#exchange.connection.localAddr;
  }
  get remoteAddr(): NetAddr {
    return this.#exchange.connection.remoteAddr;
  }
  get tls(): TlsState {
    return this.#exchange.connection.tls;
  }
  get closed(): Promise<void> {
    return this.#exchange.closed;
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return (this.#readable ??= new ReadableSide(this.#exchange)).stream;
  }
  get writable(): WritableStream<Uint8Array> {
    return (this.#writable ??= new WritableSide(this.#exchange)).stream;
  }
  toDuplex(): Duplex {
    return new PoolDuplex(this.#exchange);
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#exchange.receiver.read(into);
  }
  write(data: Uint8Array): Promise<number> {
    return this.#exchange.sender.write(data);
  }
  closeWrite(): Promise<void> {
    return this.#exchange.sender.end();
  }
  close(): void {
    this.#exchange.close();
  }
  abort(reason?: unknown): void {
    this.#exchange.abort(reason);
  }

  setDeadline(at: Date | null): void {
    const time = this.#time(at);
    this.#exchange.receiver.setDeadline(time);
    this.#exchange.sender.setDeadline(time);
  }
  setReadDeadline(at: Date | null): void {
    this.#exchange.receiver.setDeadline(this.#time(at));
  }
  setWriteDeadline(at: Date | null): void {
    this.#exchange.sender.setDeadline(this.#time(at));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#exchange.close();
  }

  // The wall clock may be set later; how far away the deadline is now is what counts.
  #time(at: Date | null): number {
    if (at === null) return Infinity;
    const wall = at instanceof Date ? at.getTime() : NaN;
    if (Number.isNaN(wall)) throw new TypeError("Cannot set a deadline: it is neither a valid Date nor null");
    return this.#exchange.deadlines.now() + wall - Date.now();
  }
}
