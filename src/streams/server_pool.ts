/**
 * The side that listens.
 *
 * @module
 */
import type { NetAddr } from "../adapter/contract.ts";
import { PoolError } from "../core/errors.ts";
import { checkServer } from "./check.ts";
import type { ServerPoolOptions } from "./options.ts";
import { ServerCore } from "./server_core.ts";
import { attachCore, StreamPool } from "./stream_pool.ts";
import type { ConnectionInfo, PoolStream } from "./types.ts";

/**
 * Listens for any number of {@linkcode ClientPool}s and holds the idle streams that they create.
 *
 * @example
 * ```ts
 * import { ServerPool } from "@x/h2pool";
 *
 * const pool = new ServerPool({ listen: ":8443", tls: { certFile: "cert.pem", keyFile: "key.pem" } });
 *
 * async function run(): Promise<void> {
 *   await pool.start();
 *   for await (const stream of pool) {
 *     stream.readable.pipeTo(stream.writable).catch(console.error); // an echo
 *   }
 * }
 * ```
 */
export class ServerPool extends StreamPool implements AsyncIterable<PoolStream> {
  readonly #core: ServerCore;

  /** Checks the options; nothing is begun before `start`. @throws PoolError `ERR_POOL_OPTION` naming the option and its value */
  constructor(options: ServerPoolOptions) {
    super();
    const settings = checkServer(options);
    this.#core = attachCore(this, (emit) => new ServerCore(settings, emit));
  }

  /** Where it listens, once it does. */
  get addr(): NetAddr | undefined {
    return this.#core.addr;
  }

  /** The connections that are up, oldest first. */
  connections(): readonly ConnectionInfo[] {
    return this.#core.connections();
  }

  /** Takes streams as they come, without a time limit; ends when the pool closes. Several iterators share them. */
  [Symbol.asyncIterator](): AsyncIterableIterator<PoolStream> {
    const core = this.#core;
    const left = new AbortController();
    const done: IteratorReturnResult<undefined> = { done: true, value: undefined };
    const iterator: AsyncIterableIterator<PoolStream> = {
      async next() {
        if (left.signal.aborted || core.closing) return done;
        try {
          return { done: false, value: await core.incomingGet({ timeout: Infinity, signal: left.signal }) };
        } catch (error) {
          const over = left.signal.aborted || (error instanceof PoolError && error.code === "ERR_POOL_CLOSED");
          if (over) return done;
          throw error;
        }
      },
      return() {
        left.abort();
        return Promise.resolve(done);
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }
}
