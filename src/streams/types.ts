/**
 * What users of stream pools see besides the pools: a stream, and what is told about pools, connections and events.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import type { NetAddr, TlsState } from "../adapter/contract.ts";
import type { PoolState } from "../core/lifecycle.ts";

/**
 * One HTTP/2 connection of a pool. The same object for all its streams.
 *
 * @example
 * ```ts
 * import type { PoolStream, ServerPool } from "@x/h2pool";
 *
 * // Another stream of the same client.
 * async function sibling(pool: ServerPool, { connection }: PoolStream): Promise<PoolStream> {
 *   return await pool.incomingGet({ connection });
 * }
 * ```
 */
export interface ConnectionInfo {
  /** Unique in the pool, for logs. */
  readonly id: string;
  /** The other side's address. */
  readonly remoteAddr: NetAddr;
  /** This side's address. */
  readonly localAddr: NetAddr;
  /** What the TLS handshake agreed on. */
  readonly tls: TlsState;
  /** When the connection was ready: TCP, TLS and SETTINGS. */
  readonly openedAt: Date;
}

/**
 * A two-way byte stream between the two pools, much like a socket. It lives on one connection together with many others
 * and none of them holds up another.
 *
 * One consumer and one producer: `read`, `readable` and `toDuplex()` each lock the reading side for as long as they are
 * used; `write`, `writable` and `toDuplex()` the writing side. A second one gets a `TypeError`.
 *
 * A stream that breaks never looks complete: reads give what had arrived before, then `ERR_STREAM_RESET` (the peer or the
 * HTTP/2 engine reset it; `rstCode` says with what), `ERR_STREAM_LOST` (its connection is gone) or `ERR_POOL_CLOSED`.
 *
 * @example
 * ```ts
 * import type { PoolStream } from "@x/h2pool";
 *
 * // Sends back what comes, to its end.
 * async function echo(stream: PoolStream): Promise<void> {
 *   const buffer = new Uint8Array(65_536);
 *   for (let n = await stream.read(buffer); n !== null; n = await stream.read(buffer)) {
 *     await stream.write(buffer.subarray(0, n));
 *   }
 *   stream.close();
 * }
 * ```
 */
export interface PoolStream extends AsyncDisposable {
  /** Eight lower-case hex digits; both sides know the stream by it. Unique on its connection. */
  readonly id: string;
  /** The connection that it came on. */
  readonly connection: ConnectionInfo;
  /** This side's address of the connection. */
  readonly localAddr: NetAddr;
  /** The other side's address of the connection. */
  readonly remoteAddr: NetAddr;
  /** What the connection's TLS handshake agreed on. */
  readonly tls: TlsState;
  /**
   * The reading side as a byte stream (BYOB readers work). Locks the reading side while it has a reader. Cancelling it throws away
   * what still comes; the writing side goes on.
   */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The writing side. Locks it while it has a writer. Closing it is `closeWrite`, aborting it is `abort`. */
  readonly writable: WritableStream<Uint8Array>;
  /**
   * Bytes into `into`: how many, at least one, or `null` when the peer has ended its side and all of it has been read. One read at a time.
   * Rejects with `ERR_STREAM_RESET`, `ERR_STREAM_LOST`, `ERR_STREAM_CLOSED`, `ERR_STREAM_DEADLINE` or `ERR_POOL_CLOSED`.
   */
  read(into: Uint8Array): Promise<number | null>;
  /**
   * Resolves with `data.length` when all of it is accepted under flow control: the buffer is the caller's again. Writes that
   * are not awaited go out in the order of the calls. Rejects as `read` does; how much was sent is not known then.
   */
  write(data: Uint8Array): Promise<number>;
  /** Ends this side after what was written: the peer reads `null`, and may go on writing. Resolves when all of it is handed over. */
  closeWrite(): Promise<void>;
  /**
   * Ends both directions: this side after what was written, and what the peer still sends is thrown away. What has not ended
   * within `closeTimeout` is reset.
   */
  close(): void;
  /** Resets the stream at once (CANCEL); what was not sent yet is lost. `reason` becomes the `cause` of this side's errors. */
  abort(reason?: unknown): void;
  /** Sets both deadlines. */
  setDeadline(at: Date | null): void;
  /** A passed one fails the pending and later reads with `ERR_STREAM_DEADLINE` until it is moved, or cleared with `null`. The stream stays open. */
  setReadDeadline(at: Date | null): void;
  /** The same for writes. Of a write that fails this way a part may have been sent; its buffer is the caller's again. */
  setWriteDeadline(at: Date | null): void;
  /** Resolves when both directions are over, in whichever way. Never rejects. */
  readonly closed: Promise<void>;
  /** A Node stream over both sides, which it locks. A half-close stays one; destroying it resets the stream. */
  toDuplex(): Duplex;
  /** `close()`, and waits until what was written has been handed over. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A snapshot of a pool.
 *
 * @example
 * ```ts
 * import { ClientPool } from "@x/h2pool";
 *
 * const pool = new ClientPool({ address: "server.example:8443" });
 * const { state, active, waiting, lastError } = pool.stats();
 * console.log({ state, active, waiting, lastError });
 * ```
 */
export interface StreamPoolStats {
  /** The pool's label. */
  readonly name: string;
  /** Where it is in its life. */
  readonly state: PoolState;
  /** Idle streams: exactly those that can be handed out now. */
  readonly active: number;
  /** Streams handed out that are not over. */
  readonly inUse: number;
  /** Calls that wait for a stream. */
  readonly waiting: number;
  /** Idle streams that the pool aims at (client) or holds at most (server). */
  readonly capacity: number;
  /** Milliseconds between two rounds of creation. 0 for a server pool, which creates none. */
  readonly interval: number;
  /** Connections that are up. */
  readonly connections: number;
  /** Client: connections made after the first of each kept one. */
  readonly reconnects: number;
  /** Streams that became ready to be handed out. */
  readonly created: number;
  /** Streams handed out. */
  readonly delivered: number;
  /** Idle streams that left without being handed out: ended by the other side, lost, flushed. */
  readonly evicted: number;
  /** Turned away: streams by a limit or `authorize` (on a client: by the server), connections by `allow` or a limit. */
  readonly rejected: number;
  /** Streams that failed while they were opened. */
  readonly failed: number;
  /** The pool's `errorCount`. */
  readonly errors: number;
  /** Received on all connections so far, HTTP/2 framing included, TLS not. */
  readonly bytesIn: number;
  /** Sent on all connections so far, HTTP/2 framing included, TLS not. */
  readonly bytesOut: number;
  /** Milliseconds: the last PING's round trip; undefined before the first. */
  readonly rtt: number | undefined;
  /** What failed last in the background. */
  readonly lastError: Error | undefined;
}

/**
 * The `detail` of each event of a stream pool. None is needed to use a pool; an `error` that nobody listens for does nothing.
 *
 * @example
 * ```ts
 * import { ClientPool } from "@x/h2pool";
 *
 * const pool = new ClientPool({ address: "server.example:8443" });
 * pool.addEventListener("disconnect", ({ detail: { connection, error } }) => {
 *   console.warn(`lost ${connection.remoteAddr.hostname}: ${error?.message ?? "it left"}`);
 * });
 * pool.addEventListener("error", ({ detail }) => console.warn(detail.message));
 * ```
 */
export interface StreamPoolEvents {
  /** A connection is up. */
  connect: ConnectionInfo;
  /** A connection is gone; with an error unless it ended in order. */
  disconnect: { connection: ConnectionInfo; error?: Error };
  /** A stream became ready to be handed out. */
  stream: { id: string };
  /** An idle stream left without being handed out. */
  evict: { id: string; reason: string };
  /** Capacity or interval changed. */
  resize: { capacity: number; interval: number };
  /** Something failed in the background. */
  error: Error;
  /** The pool is closed. */
  close: undefined;
}
