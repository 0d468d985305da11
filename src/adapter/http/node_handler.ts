/**
 * Handlers in the style of `node:http`.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/**
 * Answers a request in the style of `node:http`, over HTTP/1.1 and HTTP/2.
 *
 * @example
 * ```ts
 * import { HttpServerPool, type NodeHandler } from "@x/h2pool";
 *
 * const hello: NodeHandler = (req, res) => {
 *   res.writeHead(200, { "content-type": "text/plain" });
 *   res.end(`Hello from ${req.url}\n`);
 * };
 * new HttpServerPool({ servers: [{ listen: "127.0.0.1:8080", handler: { node: hello } }] });
 * ```
 */
export type NodeHandler = (req: IncomingMessage, res: ServerResponse) => void;

/**
 * Takes over the connection of a request that asks for another protocol, as the `upgrade` event of `node:http`: WebSocket over
 * HTTP/1.1. `head` is what was read behind the request's head.
 *
 * @example
 * ```ts
 * import { HttpServerPool, type UpgradeHandler } from "@x/h2pool";
 *
 * // With `ws`: new WebSocketServer({ noServer: true }).handleUpgrade(req, socket, head, (client) => client.send("hello"))
 * const refuse: UpgradeHandler = (_req, socket) => void socket.end("HTTP/1.1 426 Upgrade Required\r\n\r\n");
 * new HttpServerPool({
 *   servers: [{ listen: "127.0.0.1:8080" }],
 *   handler: { node: (_req, res) => void res.end("hello"), upgrade: refuse },
 * });
 * ```
 */
export type UpgradeHandler = (req: IncomingMessage, socket: Duplex, head: Uint8Array) => void;
