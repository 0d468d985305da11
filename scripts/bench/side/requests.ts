/** One HTTP/2 server of `requests.ts`: `requests.ts WHO` on a free port of 127.0.0.1, whose number it writes. @module */
import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { systemClock } from "../../../src/adapter/clock.ts";
import type { Answer } from "../../../src/adapter/http/contract.ts";
import { httpAdapter } from "../../../src/adapter/http/listen.ts";
import { server as identity } from "../../../tests/support/certs.ts";

const TEXT = "hello world";
const headers = { "content-type": "text/plain" };

const ours: Record<string, Answer> = {
  "fetch": { fetch: () => new Response(TEXT, { headers }) },
  "node": { node: (_, res) => void res.writeHead(200, headers).end(TEXT) },
};
const bare: Record<string, (server: Http2SecureServer) => void> = {
  "http2-compat": (server) => server.on("request", (_, res) => void res.writeHead(200, headers).end(TEXT)),
  "http2-stream": (server) =>
    server.on("stream", (stream) => {
      stream.respond({ ":status": 200, ...headers });
      stream.end(TEXT);
    }),
};

const who = process.argv[2] ?? "";
const answer = ours[who];
if (answer !== undefined) {
  const listener = await httpAdapter.listen({
    hostname: "127.0.0.1",
    port: 0,
    reusePort: false,
    clock: systemClock,
    tls: identity,
    protocols: ["h2"],
    limits: {},
    owner: { answer: () => answer, began() {}, ended() {}, failed: (error) => console.error(error) },
  });
  console.log(listener.addr.port);
} else {
  const server = createSecureServer({
    cert: identity.cert,
    key: identity.key,
    settings: { maxConcurrentStreams: 250 },
  });
  bare[who]!(server);
  server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
}
