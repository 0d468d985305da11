/**
 * Who answers requests: the types of handlers.
 *
 * @module
 */
import type { NetAddr, TlsState } from "../adapter/contract.ts";
import type { NodeHandler, UpgradeHandler } from "../adapter/http/node_handler.ts";

/**
 * What a handler is told of a request besides itself.
 *
 * @example
 * ```ts
 * import type { FetchHandler } from "@x/h2pool";
 *
 * const whoAmI: FetchHandler = (_request, { remoteAddr, protocol, tls, server }) =>
 *   Response.json({ address: remoteAddr.hostname, protocol, cipher: tls?.cipher, server });
 * ```
 */
export interface RequestInfo {
  /** The client's address. */
  readonly remoteAddr: NetAddr;
  /** This side's address. */
  readonly localAddr: NetAddr;
  /** Undefined over plain HTTP. */
  readonly tls: TlsState | undefined;
  /** HTTP/1.1 or HTTP/2. */
  readonly protocol: "h1" | "h2";
  /** Name of the server that it came to. */
  readonly server: string;
}

/**
 * Answers a request. Bodies stream both ways; `request.signal` aborts when the client goes away, and when a stop runs out
 * of grace. One that throws gives an empty 500 and one `error` event of the pool.
 *
 * @example
 * ```ts
 * import { type FetchHandler, HttpServerPool } from "@x/h2pool";
 *
 * const hello: FetchHandler = (request) => new Response(`Hello from ${new URL(request.url).pathname}\n`);
 * new HttpServerPool({ servers: [{ listen: "127.0.0.1:8080", handler: hello }] });
 * ```
 */
export type FetchHandler = (request: Request, info: RequestInfo) => Response | Promise<Response>;

/**
 * A function is fetch-style; `{ fetch }` is what Hono, itty-router and others export; `{ node }` takes Express, Fastify,
 * connect, and with `upgrade` WebSockets over HTTP/1.1.
 *
 * @example
 * ```ts
 * import type { Handler } from "@x/h2pool";
 *
 * const one: Handler = () => new Response("fetch-style");
 * const two: Handler = { fetch: () => new Response("an application") };
 * const three: Handler = { node: (_req, res) => void res.end("Node-style") };
 * console.log(typeof one, typeof two, typeof three);
 * ```
 */
export type Handler =
  | FetchHandler
  | { readonly fetch: FetchHandler }
  | { readonly node: NodeHandler; readonly upgrade?: UpgradeHandler };

/**
 * Handlers of a server, or shared ones of a pool. They are looked up anew for every request.
 *
 * First hit wins: the server's `handler`; its `handlers[handlerKey]`, or without a key `handlers["default"]`, then
 * `handlers[""]`; then the pool's in the same order; else an empty 500.
 *
 * @example
 * ```ts
 * import { HttpServerPool } from "@x/h2pool";
 *
 * new HttpServerPool({
 *   handlers: { api: () => Response.json({}), admin: () => new Response("admin") },
 *   servers: [{ listen: ":8080", handlerKey: "api" }, { listen: "127.0.0.1:9000", handlerKey: "admin" }],
 * });
 * ```
 */
export interface HandlerSource {
  /** Answers every request. */
  handler?: Handler;
  /** Handlers by key. */
  handlers?: Readonly<Record<string, Handler>>;
}
