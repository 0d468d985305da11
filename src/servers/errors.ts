/**
 * The two error classes of the server pool: one server's, and a batch of them.
 *
 * @module
 */

/**
 * What went wrong with one server, stable over versions:
 *
 * | code | meaning |
 * |---|---|
 * | `ERR_SERVER_CONFIG` | a field has a value that cannot work here; `path` names it |
 * | `ERR_SERVER_HANDLER` | a handler threw, or cannot be loaded or found |
 * | `ERR_SERVER_LISTEN` | the port cannot be opened, or not accept; `cause` is the system's error |
 * | `ERR_SERVER_TLS` | a certificate or key is missing, cannot be read, or is broken |
 * | `ERR_SERVER_START` | not up within its time, or stopped while it started |
 * | `ERR_SERVER_STOP` | requests had to be aborted, or the port was not free in time |
 *
 * @example
 * ```ts
 * import type { ServerErrorCode } from "@x/h2pool";
 *
 * // Whether another try may work without a change.
 * function again(code: ServerErrorCode): boolean {
 *   return code === "ERR_SERVER_LISTEN" || code === "ERR_SERVER_START";
 * }
 * ```
 */
export type ServerErrorCode =
  | "ERR_SERVER_CONFIG"
  | "ERR_SERVER_HANDLER"
  | "ERR_SERVER_LISTEN"
  | "ERR_SERVER_TLS"
  | "ERR_SERVER_START"
  | "ERR_SERVER_STOP";

/**
 * Which call a {@linkcode ServerBatchError} comes from, stable over versions.
 *
 * @example
 * ```ts
 * import type { ServerBatchErrorCode } from "@x/h2pool";
 *
 * const harmless: readonly ServerBatchErrorCode[] = ["ERR_SERVERS_VALIDATE", "ERR_SERVERS_ADD", "ERR_SERVERS_RELOAD"];
 * function nothingChanged(code: ServerBatchErrorCode): boolean {
 *   return harmless.includes(code);
 * }
 * ```
 */
export type ServerBatchErrorCode =
  | "ERR_SERVERS_ADD"
  | "ERR_SERVERS_VALIDATE"
  | "ERR_SERVERS_START"
  | "ERR_SERVERS_STOP"
  | "ERR_SERVERS_RESTART"
  | "ERR_SERVERS_RELOAD"
  | "ERR_SERVERS_MONITOR";

/**
 * What a {@linkcode ServerError} carries besides its code and message.
 *
 * @example
 * ```ts
 * import { ServerError } from "@x/h2pool";
 *
 * const error = new ServerError("ERR_SERVER_HANDLER", "api", "The database is away", { cause: new Error("ECONNREFUSED") });
 * console.log(error.server, error.code, error.cause);
 * ```
 */
export interface ServerErrorOptions extends ErrorOptions {
  /** Where in the config: `"[1].tls.cert"`. */
  path?: string;
}

// Registered globally: a second copy of this package in the process finds the same marks.
const BRAND = Symbol.for("@x/h2pool.ServerError");
const BATCH_BRAND = Symbol.for("@x/h2pool.ServerBatchError");

/**
 * What went wrong with one server. Tell errors apart by `code`, which does not change.
 *
 * `instanceof ServerError` also holds for errors of another copy of this package in the same process.
 *
 * @example
 * ```ts
 * import { type HttpServer, ServerError } from "@x/h2pool";
 *
 * async function start(server: HttpServer): Promise<void> {
 *   try {
 *     await server.start({ timeout: 5_000 });
 *   } catch (error) {
 *     if (!(error instanceof ServerError && error.code === "ERR_SERVER_LISTEN")) throw error;
 *     console.error(`${error.server}: ${error.message}`);
 *   }
 * }
 * ```
 */
export class ServerError extends Error {
  /** What went wrong, stable over versions. */
  readonly code: ServerErrorCode;
  /** The server's name; empty when a config has none. */
  readonly server: string;
  /** Where in the config: `"[1].tls.cert"`. Absent when it is not about a config. */
  declare readonly path?: string;

  /** The message is a sentence for people, and may change; `cause` is what lies below. */
  constructor(code: ServerErrorCode, server: string, message: string, options?: ServerErrorOptions) {
    super(message, options);
    this.code = code;
    this.server = server;
    if (options?.path !== undefined) this.path = options.path;
  }

  /** True for every copy of this class in the process. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && BRAND in value;
  }

  static {
    Object.defineProperty(this.prototype, "name", { value: "ServerError", writable: true, configurable: true });
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }
}

/**
 * What went wrong with some servers of a call. `errors` has one entry for each problem, naming its server.
 *
 * @example
 * ```ts
 * import { ServerBatchError, validateServers } from "@x/h2pool";
 *
 * try {
 *   validateServers([{ name: "api", listen: "localhost" }, { listne: ":8080" }]);
 * } catch (error) {
 *   if (!(error instanceof ServerBatchError)) throw error;
 *   for (const { path, message } of error.errors) console.log(path, message);
 * }
 * ```
 */
export class ServerBatchError extends AggregateError {
  /** Which call failed, stable over versions. */
  readonly code: ServerBatchErrorCode;
  /** One for each problem. */
  declare readonly errors: ServerError[];

  /** The message lists those of `errors`, one on a line. */
  constructor(code: ServerBatchErrorCode, message: string, errors: readonly ServerError[], options?: ErrorOptions) {
    super([...errors], [message, ...errors.map((error) => `- ${error.message}`)].join("\n"), options);
    this.code = code;
  }

  /** True for every copy of this class in the process. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && BATCH_BRAND in value;
  }

  static {
    Object.defineProperty(this.prototype, "name", { value: "ServerBatchError", writable: true, configurable: true });
    Object.defineProperty(this.prototype, BATCH_BRAND, { value: true });
  }
}
