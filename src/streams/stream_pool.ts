/**
 * What {@linkcode ClientPool} and {@linkcode ServerPool} have in common.
 *
 * @module
 */
import type { ServerTls } from "../adapter/tls/material.ts";
import { Events } from "../core/events.ts";
import type { PoolState } from "../core/lifecycle.ts";
import type { WaitOptions } from "../core/wait.ts";
import type { ClientTls } from "./options.ts";
import type { Emit, StreamCore } from "./stream_core.ts";
import type { ConnectionInfo, PoolStream, StreamPoolEvents, StreamPoolStats } from "./types.ts";

/** Makes what is behind a pool; for the constructors of its two kinds. */
export let attachCore: <C extends StreamCore>(pool: StreamPool, make: (emit: Emit) => C) => C;

/**
 * A pool of idle streams on HTTP/2 connections, kept ready by a client and handed out on both sides.
 *
 * Not made itself: see `ClientPool` and `ServerPool`.
 *
 * @example
 * ```ts
 * import type { StreamPool } from "@x/h2pool";
 *
 * async function run(pool: StreamPool): Promise<void> {
 *   await pool.start();
 *   await pool.filled(5, { timeout: 10_000 });
 *   const stream = await pool.incomingGet({ timeout: 5_000 });
 *   console.log(stream.id, stream.remoteAddr.hostname);
 *   stream.close();
 *   await pool.close({ grace: 5_000 });
 * }
 * ```
 */
export abstract class StreamPool extends EventTarget implements AsyncDisposable {
  #core!: StreamCore;
  readonly #events: Events = new Events(this);

  static {
    attachCore = (pool, make) => {
      const core = make((type, detail) => pool.#events.raise(type, detail));
      pool.#core = core;
      core.heed();
      return core;
    };
  }

  /** The pool's label. */
  get name(): string {
    return this.#core.settings.name;
  }
  /** Where the pool is in its life: new, starting, ready, reconnecting (client), draining, closed. */
  get state(): PoolState {
    return this.#core.state;
  }
  /** Whether the state is `"ready"`: listening, or with a connection for new streams. */
  get ready(): boolean {
    return this.#core.state === "ready";
  }
  /** Idle streams: exactly those that can be handed out now. */
  get active(): number {
    return this.#core.members.size;
  }
  /** Idle streams that the pool aims at (client), or holds at most (server). */
  get capacity(): number {
    return this.#core.capacity;
  }
  /** Milliseconds between two rounds of creation; 0 for a server pool. */
  get interval(): number {
    return this.#core.interval;
  }
  /** What the pool saw fail in the background, and what was added by `addError`. */
  get errorCount(): number {
    return this.#core.errorCount;
  }
  /** Resolves when the pool is closed. Never rejects. */
  get closed(): Promise<void> {
    return this.#core.closed;
  }

  /**
   * Resolves when the server listens; when the client's first connection is up and has answered. Until its timeout a client retries what may
   * pass by itself, and fails at once on what will not. Once.
   *
   * Rejects with `ERR_POOL_CONNECT` (`cause` says why), `ERR_POOL_FORBIDDEN`, `ERR_POOL_OPTION` (a broken certificate),
   * `ERR_POOL_TIMEOUT`, `ERR_POOL_CLOSED`, or the signal's reason; the pool is closed then.
   */
  start(wait?: WaitOptions): Promise<void> {
    return this.#core.start(wait);
  }

  /**
   * No new streams from now on. Idle ones are ended in order; those in use get `grace` milliseconds (default 0) to finish and are
   * then cut with `ERR_POOL_CLOSED`. What streams that were closed before have written still arrives. A second call can only shorten the time.
   */
  close(options?: { grace?: number }): Promise<void> {
    return this.#core.close(options);
  }

  /**
   * Resolves when `count` (default: `capacity`) idle streams stand ready: the way to pre-warm.
   *
   * Rejects with `ERR_POOL_TIMEOUT`, `ERR_POOL_CLOSED`, `ERR_POOL_NOT_STARTED`, `ERR_POOL_OPTION`, or the signal's reason.
   */
  filled(count?: number, wait?: WaitOptions | number): Promise<void> {
    return this.#core.filled(count, wait);
  }

  /**
   * The idle stream with this id, now or when it comes; of `connection` when asked, else of the newest connection that has it.
   *
   * Rejects with `ERR_POOL_TIMEOUT`, `ERR_POOL_CLOSED`, `ERR_POOL_NOT_STARTED`, `ERR_POOL_OPTION`, `ERR_STREAM_LOST` (the `connection`
   * is gone), or the signal's reason.
   */
  outgoingGet(
    id: string,
    wait?: (WaitOptions & { connection?: ConnectionInfo }) | number,
  ): Promise<PoolStream> {
    return this.#core.outgoingGet(id, wait);
  }

  /** The oldest idle stream, now or when one comes; of `connection` when asked. Rejects as `outgoingGet` does. */
  incomingGet(wait?: (WaitOptions & { connection?: ConnectionInfo }) | number): Promise<PoolStream> {
    return this.#core.incomingGet(wait);
  }

  /** Ends all idle streams in order, and returns how many. Streams in use are untouched. */
  flush(): number {
    return this.#core.flush();
  }

  /**
   * Cuts one connection at once: its streams fail with `ERR_STREAM_LOST` on both sides, `reason` being the cause on this one. A client
   * pool makes another. False when it is not a connection of this pool, or gone already.
   */
  disconnect(connection: ConnectionInfo, reason?: Error): boolean {
    return this.#core.disconnect(connection, reason);
  }

  /** Adds one to `errorCount`. */
  addError(): void {
    this.#core.counters.errors++;
  }

  /** Sets `errorCount` to zero. */
  resetError(): void {
    this.#core.counters.errors = 0;
  }

  /** A snapshot for monitoring. */
  stats(): StreamPoolStats {
    return this.#core.stats();
  }

  /**
   * New handshakes use this certificate (a client's: its next connection); no connection is dropped. What is left out stays as it is,
   * certificate and key being one. Files are read now. Throws `ERR_POOL_OPTION` for a broken one, and the old one stays.
   */
  renewCertificate(tls: ServerTls | ClientTls): void {
    this.#core.renewCertificate(tls);
  }

  /** The pool keeps the process alive until it is closed: the default. */
  ref(): void {
    this.#core.ref();
  }

  /** The pool does not keep the process alive. */
  unref(): void {
    this.#core.unref();
  }

  /** Listens for an event of the pool; `detail` is typed. */
  override addEventListener<K extends keyof StreamPoolEvents>(
    type: K,
    listener: (event: CustomEvent<StreamPoolEvents[K]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Listens for any event. */
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: unknown,
    options?: boolean | AddEventListenerOptions,
  ): void {
    this.#events.listened(type);
    super.addEventListener(type, listener as EventListenerOrEventListenerObject | null, options);
  }

  /** `close()` without grace. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#core.close();
  }
}
