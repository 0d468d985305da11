/** What every server of the benchmark answers: `hello, world` to GET, the body to POST. @module */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

/** Certificate and key, PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}
/** Ports of a server that runs; 0 where it does not offer the protocol. */
export interface Ports {
  /** Plain HTTP/1.1. */
  readonly h1: number;
  /** HTTP/2 over TLS. */
  readonly h2: number;
}
/** A module of this folder. */
export interface Implementation {
  serve(pair: Pair): Promise<Ports>;
}

export const HOST = "127.0.0.1";
const HELLO = "hello, world";
const HEADERS = { "content-type": "text/plain" };

/** Fetch-style. */
export function web(request: Request): Response | Promise<Response> {
  if (request.method === "GET") return new Response(HELLO, { headers: HEADERS });
  return request.arrayBuffer().then((body) => new Response(body, { headers: HEADERS }));
}

type Message = IncomingMessage | Http2ServerRequest;
type Answer = ServerResponse | Http2ServerResponse;

/** Node-style. */
export function node(req: Message, res: Answer): void {
  if (req.method === "GET") return end(res, HELLO);
  const chunks: Uint8Array[] = [];
  req.on("data", (chunk: Uint8Array) => void chunks.push(chunk));
  req.on("end", () => end(res, join(chunks)));
}

/** The bytes of all of them. */
export function join(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** GET's answer. */
export { HELLO };

function end(res: Answer, body: string | Uint8Array): void {
  (res as ServerResponse).writeHead(200, { ...HEADERS, "content-length": body.length });
  (res as ServerResponse).end(body);
}
