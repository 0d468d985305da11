/**
 * Handlers in the style of `node:http`.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";

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
