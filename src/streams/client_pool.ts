/**
 * The side that connects and creates streams.
 *
 * @module
 */
import { checkClient } from "./check.ts";
import { ClientCore } from "./client_core.ts";
import type { ClientPoolOptions } from "./options.ts";
import { attachCore, StreamPool } from "./stream_pool.ts";

/**
 * Connects to a {@linkcode ServerPool} and keeps idle streams ready on the connection, more or fewer of them as they are needed.
 * Connects again, with back-off, when the connection is lost.
 *
 * @example
 * ```ts
 * import { ClientPool } from "@x/h2pool";
 *
 * const pool = new ClientPool({ address: "server.example:8443", minCapacity: 5, maxCapacity: 20 });
 *
 * async function ask(id: string, question: string): Promise<string> {
 *   const stream = await pool.outgoingGet(id, { timeout: 5_000 });
 *   await stream.write(new TextEncoder().encode(question));
 *   await stream.closeWrite();
 *   return await new Response(stream.readable).text();
 * }
 *
 * async function run(): Promise<void> {
 *   await pool.start();
 *   console.log(await ask("00000000", "how are you?"));
 *   await pool.close({ grace: 5_000 });
 * }
 * ```
 */
export class ClientPool extends StreamPool {
  /** Checks the options; nothing is begun before `start`. @throws PoolError `ERR_POOL_OPTION` naming the option and its value */
  constructor(options: ClientPoolOptions) {
    super();
    const settings = checkClient(options);
    attachCore(this, (emit) => new ClientCore(settings, emit));
  }
}
