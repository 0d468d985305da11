/**
 * What users of a server pool see besides the pool: a server, and what is told about servers.
 *
 * @module
 */
import type { ServerTls } from "../adapter/tls/material.ts";
import type { WaitOptions } from "../core/wait.ts";
import type { HandlerSource } from "./handling.ts";
import type { HttpServerConfig, StopOptions } from "./options.ts";

/**
 * A property of a server by which it can be found.
 *
 * @example
 * ```ts
 * import { HttpServerPool, type ServerField } from "@x/h2pool";
 *
 * const pool = new HttpServerPool({ servers: [{ name: "api", listen: "127.0.0.1:8080" }] });
 * const fields: readonly ServerField[] = ["name", "bind", "expose"];
 * for (const field of fields) console.log(pool.list({ field: "name", equals: "api" }, field));
 * ```
 */
export type ServerField = "name" | "bind" | "expose";

/**
 * Which servers. Either of `equals` and `matches` may match; neither given matches nothing.
 *
 * @example
 * ```ts
 * import { HttpServerPool, type ServerQuery } from "@x/h2pool";
 *
 * const pool = new HttpServerPool({ servers: [{ listen: "127.0.0.1:8080" }, { listen: ":9090" }] });
 * const local: ServerQuery = { field: "bind", matches: /^127\./ };
 * console.log(pool.filter(local).size); // 1
 * ```
 */
export interface ServerQuery {
  /** `name`; `bind`, the real address once started; `expose`, host and port of the URL. */
  field: ServerField;
  /** The whole value, in any case. */
  equals?: string;
  /** A pattern, unanchored and case-sensitive; a text is compiled, and an invalid one throws. An empty one is as good as none. */
  matches?: string | RegExp;
}

/**
 * Where a server is in its life.
 *
 * | state | meaning |
 * |---|---|
 * | `stopped` | not listening |
 * | `starting` | reading its certificate, opening its port |
 * | `running` | listening |
 * | `stopping` | not accepting any more; requests under way finish |
 * | `failed` | could not start; `error` says why |
 * | `disabled` | by its config: neither started nor restarted |
 *
 * @example
 * ```ts
 * import type { HttpServer, ServerState } from "@x/h2pool";
 *
 * const settled: readonly ServerState[] = ["stopped", "running", "failed", "disabled"];
 * function isSettled(server: HttpServer): boolean {
 *   return settled.includes(server.state);
 * }
 * ```
 */
export type ServerState = "stopped" | "starting" | "running" | "stopping" | "failed" | "disabled";

/**
 * A server of a pool: one config, its handlers, one life. Calls are serialised and idempotent: whatever is called at the same
 * time, it ends in what the last call asked for.
 *
 * @example
 * ```ts
 * import { HttpServerPool } from "@x/h2pool";
 *
 * const pool = new HttpServerPool({ handler: () => new Response("hello") });
 * const server = await pool.add({ name: "web", listen: "127.0.0.1:0" });
 * await server.start();
 * console.log(server.expose, server.uptime);
 * await server.stop({ grace: 1_000 });
 * ```
 */
export interface HttpServer {
  /** Unique in its pool. */
  readonly name: string;
  /** Where it listens: the real address once started, before that as configured. */
  readonly bind: string;
  /** The URL under which it is reached. */
  readonly expose: string;
  /** Where it is in its life. */
  readonly state: ServerState;
  /** Whether the state is `"running"`. */
  readonly running: boolean;
  /** Milliseconds since it listens; 0 when it does not. */
  readonly uptime: number;
  /** What it was made of, with the handlers and the certificate of now. */
  readonly config: Readonly<HttpServerConfig>;
  /** Why it failed; undefined in every other state. */
  readonly error: Error | undefined;
  /**
   * Resolves when it listens; at once when it does already, or is disabled. A busy port is retried briefly.
   *
   * Rejects with `ERR_SERVER_LISTEN` (`cause` is the system's error), `ERR_SERVER_TLS`, `ERR_SERVER_START`, or the signal's reason.
   */
  start(wait?: WaitOptions): Promise<void>;
  /**
   * Stops accepting, lets requests finish within `grace`, then aborts them. Resolves when the port is free; requests that
   * had to be aborted are one `error` event of the pool.
   */
  stop(options?: StopOptions): Promise<void>;
  /** Stop, then start. */
  restart(options?: StopOptions): Promise<void>;
  /** Replaces `handler` and `handlers` from the next request on. */
  handle(source: HandlerSource): void;
  /**
   * New handshakes use this certificate; no connection is dropped, and a restart keeps it. What is left out stays as it is,
   * certificate and key being one. Throws `ERR_SERVER_TLS` for a broken one, and the old one stays.
   */
  renewCertificate(tls: ServerTls): void;
  /** Checks it now. Never rejects. */
  health(): Promise<ServerMonitor>;
}

/**
 * How a server does.
 *
 * @example
 * ```ts
 * import { HttpServerPool } from "@x/h2pool";
 *
 * const pool = new HttpServerPool({ servers: [{ listen: "127.0.0.1:8080" }] });
 * for (const { name, status, message } of await pool.monitor({ version: "1.2.3" })) console.log(name, status, message);
 * ```
 */
export interface ServerMonitor {
  /** The server's name. */
  readonly name: string;
  /** `warn`: on its way up or down, disabled, or checks have begun to fail. `ko`: not running, or checks fail. */
  readonly status: "ok" | "warn" | "ko";
  /** Why, in one sentence. */
  readonly message: string;
  /** Milliseconds that the last check took; undefined when there was none. */
  readonly latency: number | undefined;
  /** Milliseconds since it is well; 0 when it is not. */
  readonly uptime: number;
  /** Milliseconds since it is not; 0 when it is. */
  readonly downtime: number;
  /** More about it: state, addresses, version. */
  readonly info: Readonly<Record<string, string>>;
}

/**
 * What a reload did, by the servers' names.
 *
 * @example
 * ```ts
 * import { HttpServerPool } from "@x/h2pool";
 *
 * const pool = new HttpServerPool({ servers: [{ name: "a", listen: ":8080" }] });
 * const { added, removed, changed, kept } = await pool.reload([{ name: "a", listen: ":8080" }, { name: "b", listen: ":8081" }]);
 * console.log(added, removed, changed, kept); // ["b"] [] [] ["a"]
 * ```
 */
export interface ReloadReport {
  /** New ones. */
  readonly added: string[];
  /** Those that are gone. */
  readonly removed: string[];
  /** Those whose config is another. */
  readonly changed: string[];
  /** Untouched ones. */
  readonly kept: string[];
}

/**
 * How long requests took, as Prometheus counts: each bucket holds all that took at most so long.
 *
 * @example
 * ```ts
 * import type { DurationHistogram } from "@x/h2pool";
 *
 * function mean({ sum, count }: DurationHistogram): number {
 *   return count === 0 ? 0 : sum / count;
 * }
 * ```
 */
export interface DurationHistogram {
  /** Upper bounds in milliseconds, and how many requests took at most so long. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
  /** Milliseconds of all requests. */
  readonly sum: number;
  /** All requests that are over. */
  readonly count: number;
}

/**
 * A snapshot of one server.
 *
 * @example
 * ```ts
 * import { HttpServerPool } from "@x/h2pool";
 *
 * const pool = new HttpServerPool({ servers: [{ listen: "127.0.0.1:8080" }] });
 * for (const { name, requests, inFlight } of pool.stats().servers) console.log(name, requests, inFlight);
 * ```
 */
export interface HttpServerStats {
  /** The server's name. */
  readonly name: string;
  /** Where it is in its life. */
  readonly state: ServerState;
  /** Where it listens. */
  readonly bind: string;
  /** Milliseconds since it listens. */
  readonly uptime: number;
  /** Open connections. */
  readonly connections: number;
  /** Requests begun so far. */
  readonly requests: number;
  /** Requests under way. */
  readonly inFlight: number;
  /** What failed so far: handlers that threw, starts, requests that had to be aborted. */
  readonly errors: number;
  /** Starts after the first. */
  readonly restarts: number;
  /** Received so far, TLS not counted. */
  readonly bytesIn: number;
  /** Sent so far, TLS not counted. */
  readonly bytesOut: number;
  /** Requests that are over by the class of their status, `"2xx"`, and `"cut"` for those that did not end in order. */
  readonly responses: Readonly<Record<string, number>>;
  /** How long they took. */
  readonly duration: DurationHistogram;
  /** What its checks say, or what its state does where there are none. */
  readonly health: ServerMonitor["status"];
}

/**
 * A snapshot of a pool.
 *
 * @example
 * ```ts
 * import { HttpServerPool } from "@x/h2pool";
 *
 * const pool = new HttpServerPool({ name: "web" });
 * const { name, servers } = pool.stats();
 * console.log(name, servers.length);
 * ```
 */
export interface HttpServerPoolStats {
  /** The pool's label. */
  readonly name: string;
  /** Its servers, in their order. */
  readonly servers: readonly HttpServerStats[];
}

/**
 * The `detail` of each event of a server pool. None is needed to use a pool; an `error` that nobody listens for does nothing.
 *
 * @example
 * ```ts
 * import { HttpServerPool } from "@x/h2pool";
 *
 * const pool = new HttpServerPool();
 * pool.addEventListener("state", ({ detail: { server, state } }) => console.log(server, state));
 * pool.addEventListener("error", ({ detail: { server, error } }) => console.warn(server, error.message));
 * ```
 */
export interface HttpServerPoolEvents {
  /** A server's state is another. */
  state: { server: string; state: ServerState };
  /** What a server's checks say is another. */
  health: ServerMonitor;
  /** The pool has other servers. */
  reload: ReloadReport;
  /** Something failed in the background: a handler threw, requests had to be aborted. */
  error: { server: string; error: Error };
}
