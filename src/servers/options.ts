/**
 * What users give: configs of servers, options of a pool and of its calls.
 *
 * @module
 */
import type { ServerTls } from "../adapter/tls/material.ts";
import type { Logger } from "../core/logger.ts";
import type { WaitOptions } from "../core/wait.ts";
import type { HandlerSource } from "./handling.ts";
import type { HttpServer } from "./types.ts";

/**
 * One server as plain data, handlers aside. Only `listen` is required.
 *
 * Durations are milliseconds, or text such as `"5s"`, `"1h30m"`; sizes are bytes. A limit that the runtime cannot honour
 * is refused when the server is added.
 *
 * @example
 * ```ts
 * import { HttpServerPool, type HttpServerConfig } from "@x/h2pool";
 *
 * const api: HttpServerConfig = {
 *   name: "api",
 *   listen: ":8443",
 *   expose: "https://api.example.com",
 *   tls: { certFile: "cert.pem", keyFile: "key.pem" },
 *   readHeaderTimeout: "5s",
 *   health: { path: "/healthz", interval: "10s" },
 *   handler: () => Response.json({ ok: true }),
 * };
 * new HttpServerPool({ servers: [api] });
 * ```
 */
export interface HttpServerConfig extends HandlerSource {
  /** Unique in a pool. Default: the listen address. */
  name?: string;
  /** `"127.0.0.1:8080"`, `"[::1]:8080"`, `"localhost:8080"`, `":8080"`; port 0 is a free one, `"127.0.0.1:8000-8100"` the first free one of these. */
  listen: string;
  /** The URL under which it is reached. Default: made of the listen address. `https` demands a certificate. */
  expose?: string;
  /** Which of `handlers` answers. */
  handlerKey?: string;
  /** Neither started nor restarted. */
  disabled?: boolean;
  /** Certificate and key; without, plain HTTP. `inheritDefault`: what is not given here is the pool's `tls`. */
  tls?: ServerTls & { inheritDefault?: boolean };
  /** Refuse plain HTTP: a certificate, the server's own or the pool's, must be there. */
  tlsMandatory?: boolean;
  /** In the order of preference. Default: `["h2", "h1"]` with a certificate, `["h1"]` without. */
  protocols?: readonly ("h1" | "h2")[];
  /** For a whole request with its body. Default 0: no limit. */
  readTimeout?: number | string;
  /** For the head of a request. Default 10_000. */
  readHeaderTimeout?: number | string;
  /** From the end of a request's head to the end of its response. Default 0: no limit. */
  writeTimeout?: number | string;
  /** Of a connection without a request. Default 120_000. */
  idleTimeout?: number | string;
  /** Of a request's head; a larger one is answered with 431. Default 65_536. */
  maxHeaderBytes?: number;
  /** HTTP/2: requests of one connection at once. Default 250. */
  maxConcurrentStreams?: number;
  /** HTTP/2: largest frame accepted, 16_384 to 16_777_215. Default 65_536. */
  maxReadFrameSize?: number;
  /** HTTP/2: bytes that the requests of one connection may hold unread. Default 16_777_216. */
  maxUploadBufferPerConnection?: number;
  /** HTTP/2: bytes that one request may hold unread. Default 1_048_576. */
  maxUploadBufferPerStream?: number;
  /** HTTP/1.1: one request for each connection. */
  disableKeepAlive?: boolean;
  /** Several processes or servers on one port (SO_REUSEPORT), all of which say so. */
  reusePort?: boolean;
  /** Check of the running server. Without: none, and a running server counts as healthy. */
  health?: ServerHealth;
  /** In a file only: the module with the handler, relative to the file. */
  module?: string;
  /** In a file only: the module's export. Default `"default"`. */
  export?: string;
  /** A folder whose files are served; in a file relative to it. */
  static?: string;
}

/**
 * How a running server is checked.
 *
 * @example A server that is restarted when it does not answer for half a minute
 * ```ts
 * import type { ServerHealth } from "@x/h2pool";
 *
 * const health: ServerHealth = { path: "/healthz", interval: "10s", timeout: "2s", fall: 3, restart: true };
 * console.log(health.path);
 * ```
 */
export interface ServerHealth {
  /** Ask for this by HTTP; a status from 200 to 399 is well. Without: whether a TCP connection is accepted. */
  path?: string;
  /** Between two checks. Default 10_000. */
  interval?: number | string;
  /** For one check. Default 5_000. */
  timeout?: number | string;
  /** Checks in a row that go well until a server that was not is `ok` again. Default 2. */
  rise?: number;
  /** Checks in a row that fail until a server is `ko`. Default 3. */
  fall?: number;
  /** Restart a `ko` server, with a growing pause between two tries. Default false. */
  restart?: boolean;
}

/**
 * How servers are stopped.
 *
 * @example
 * ```ts
 * import { HttpServerPool } from "@x/h2pool";
 *
 * const pool = new HttpServerPool();
 * await pool.stop({ grace: 30_000, signal: AbortSignal.timeout(10_000) });
 * ```
 */
export interface StopOptions {
  /** Milliseconds that requests under way get to finish; then they are aborted. Default 5_000. */
  grace?: number;
  /** Cuts the grace short. */
  signal?: AbortSignal;
}

/**
 * How a pool is started.
 *
 * @example All or none
 * ```ts
 * import { HttpServerPool } from "@x/h2pool";
 *
 * const pool = new HttpServerPool();
 * await pool.start({ timeout: 5_000, allOrNothing: true });
 * ```
 */
export interface StartOptions extends WaitOptions {
  /** When one server cannot start, stop those that this call has started. Default: they stay up. */
  allOrNothing?: boolean;
}

/**
 * Options of a pool. None is required.
 *
 * @example
 * ```ts
 * import { HttpServerPool, type HttpServerPoolOptions } from "@x/h2pool";
 *
 * const options: HttpServerPoolOptions = {
 *   name: "web",
 *   tls: { certFile: "cert.pem", keyFile: "key.pem" },
 *   servers: [{ listen: ":8443", tls: { inheritDefault: true } }, { listen: "127.0.0.1:8080" }],
 *   handler: () => new Response("hello"),
 *   logger: console,
 * };
 * new HttpServerPool(options);
 * ```
 */
export interface HttpServerPoolOptions extends HandlerSource {
  /** Label in metrics and logs. Default "servers" plus a counter. */
  name?: string;
  /** The first members. */
  servers?: Iterable<HttpServerConfig | HttpServer>;
  /** For servers that inherit it, or must have a certificate and have none of their own. */
  tls?: ServerTls;
  /** Where to log. Default: nowhere. */
  logger?: Logger;
  /** Stops the pool. */
  signal?: AbortSignal;
}
