/** Bare `node:http` and `node:http2`; "bare-compat": HTTP/2 by way of requests and responses instead of streams. @module */
import { createServer } from "node:http";
import { createSecureServer } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { HELLO, HOST, type Implementation, join, node, type Pair, type Ports } from "./shape.ts";

export function styled(style: string | undefined): Implementation {
  return { serve: (pair) => serve(pair, style) };
}

async function serve(pair: Pair, style: string | undefined): Promise<Ports> {
  const h2 = createSecureServer(pair);
  if (style === "compat") h2.on("request", node);
  else h2.on("stream", take);
  return { h1: style === "compat" ? 0 : await listen(createServer(node)), h2: await listen(h2) };
}

type Stream = Parameters<Parameters<ReturnType<typeof createSecureServer>["on"]>[1]>[0];

function take(stream: Stream, headers: Record<string, unknown>): void {
  if (headers[":method"] === "GET") return answer(stream, HELLO);
  const chunks: Uint8Array[] = [];
  stream.on("data", (chunk: Uint8Array) => void chunks.push(chunk));
  stream.on("end", () => answer(stream, join(chunks)));
}

function answer(stream: Stream, body: string | Uint8Array): void {
  stream.respond({ ":status": 200, "content-type": "text/plain", "content-length": body.length });
  stream.end(body);
}

function listen(server: Server | ReturnType<typeof createSecureServer>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}
