/**
 * node:http2 as a client, in a process of its own: it can take its process down (RUNTIMES.md, D1 and D2). Argument: JSON of
 * {port, ca, settings, options, batches}; a batch is a list of requests that run together. Prints a JSON line per batch.
 */
import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import process from "node:process";
import { digest, pattern } from "../../../support/exchange/bodies.ts";

export interface NodeRequest {
  path?: string;
  size?: number;
  seed?: number;
  headers?: Record<string, string>;
  /** Octets of further fields, in steps of 10,000. */
  headerOctets?: number;
  trailers?: Record<string, string>;
  /** Octets of a write. Default 65,536. */
  piece?: number;
}

export interface NodeAnswer {
  status?: number;
  seen?: string;
  fields?: number;
  informational: number;
  length: number;
  sha256: string;
  trailers?: Record<string, string>;
  reset: number;
  error?: string;
}

const { port, ca, settings, options, batches } = JSON.parse(process.argv[2]!) as {
  port: number;
  ca: string;
  settings: Record<string, number>;
  options: Record<string, number>;
  batches: NodeRequest[][];
};

const session = connect(`https://localhost:${port}`, {
  ca: readFileSync(ca),
  settings: { enablePush: false, ...settings },
  ...options,
});
session.on("error", () => {}); // its streams say it
await new Promise<void>((resolve) => session.once("remoteSettings", () => resolve()));
for (const batch of batches) {
  console.log(JSON.stringify(await Promise.all(batch.map((request) => exchange(session, request)))));
}
// No close(): a GOAWAY without open streams ends Deno 2.9.4 to 2.9.6 by a signal.
process.exit(0);

function exchange(session: ClientHttp2Session, request: NodeRequest): Promise<NodeAnswer> {
  const { path = "/echo", size, seed, trailers, piece = 65_536, headerOctets = 0 } = request;
  const headers: Record<string, string> = { ":method": size === undefined ? "GET" : "POST", ":path": path };
  Object.assign(headers, request.headers);
  for (let i = 0; i < headerOctets / 10_000; i++) headers[`x-large-${i}`] = "v".repeat(10_000);
  const hash = digest();
  const answer: NodeAnswer = { informational: 0, length: 0, sha256: "", reset: 0 };
  return new Promise((resolve) => {
    const stream = session.request(headers, { endStream: size === undefined, waitForTrailers: trailers !== undefined });
    if (trailers) stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.on("headers", () => answer.informational++);
    stream.on("response", (fields: IncomingHttpHeaders) => {
      answer.status = Number(fields[":status"]);
      answer.seen = fields["seen"] as string | undefined;
      answer.fields = Object.keys(fields).length;
    });
    stream.on("trailers", (fields) => answer.trailers = { ...fields } as Record<string, string>);
    stream.on("data", (chunk: Uint8Array) => {
      hash.update(chunk);
      answer.length += chunk.length;
    });
    stream.on("error", (error: Error) => answer.error = error.message);
    stream.on("close", () => {
      answer.reset = stream.rstCode;
      answer.sha256 = hash.digest("hex");
      resolve(answer);
    });
    if (size === undefined) return;
    const body = pattern(size, seed);
    let sent = 0;
    const pump = (): void => {
      while (sent < size) {
        const chunk = body.subarray(sent, sent += piece);
        if (!stream.write(chunk)) return void stream.once("drain", pump);
      }
      stream.end();
    };
    pump();
  });
}
