/** HTTP/2 requests over TLS sockets, asked by this runtime's node:http2. @module */
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test, type TestContext } from "../../../support/harness.ts";
import { certs, serve } from "../support.ts";

const secure = { tls: certs.server, protocols: ["h2", "h1"] as const };

interface Got {
  readonly headers: IncomingHttpHeaders;
  readonly length: number;
  readonly sha256: string;
}

function client(t: TestContext, port: number): ClientHttp2Session {
  const session = connect(`https://localhost:${port}`, { ca: certs.ca as string });
  session.on("error", () => {});
  t.cleanup(() => session.destroy());
  return session;
}

function ask(session: ClientHttp2Session, headers: Record<string, string>, body?: Uint8Array): Promise<Got> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":path": "/", ...headers }, { endStream: body === undefined });
    const hash = createHash("sha256");
    let got: IncomingHttpHeaders = {};
    let length = 0;
    stream.on("response", (fields) => got = fields);
    stream.on("data", (chunk: Buffer) => {
      length += chunk.length;
      hash.update(chunk);
    });
    stream.on("error", reject);
    stream.on("end", () => resolve({ headers: got, length, sha256: hash.digest("hex") }));
    // In pieces: what one write holds counts against node:http2's memory of a session.
    if (body !== undefined) Readable.from(pieces(body)).pipe(stream);
  });
}

function* pieces(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += 50_000) yield body.subarray(at, at + 50_000);
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

for (const style of ["fetch", "node"] as const) {
  test(`h2 over sockets, ${style}: 20 MB there and back, and 200 requests at once`, { timeout: 60_000 }, async (t) => {
    const { port, owner, listener } = await serve(
      t,
      style === "fetch"
        ? {
          fetch: (request) =>
            new Response(request.body ?? "none", { headers: { "x-host": new URL(request.url).host } }),
        }
        : {
          node: async (req, res) => {
            res.setHeader("x-host", req.headers.host ?? "");
            if (req.method === "GET") return void res.end("none");
            await pipeline(req, res);
          },
        },
      secure,
    );
    const session = client(t, port);
    const large = Buffer.alloc(20_000_000, "0123456789abcdef!");
    const echoed = await ask(session, { ":method": "POST" }, large);
    assertEquals([echoed.headers[":status"], echoed.length, echoed.sha256], [200, large.length, digest(large)]);
    assertEquals(echoed.headers["x-host"], `localhost:${port}`);
    const small = Array.from({ length: 200 }, (_, i) => Buffer.from(`body ${i} `.repeat(i + 1)));
    const all = await Promise.all(small.map((body) => ask(session, { ":method": "POST" }, body)));
    assertEquals(all.map(({ sha256 }) => sha256), small.map(digest));
    assertEquals((await ask(session, {})).length, 4);
    assertEquals(owner.failures, []);
    assertEquals([owner.begun, owner.outcomes.length, listener.inFlight], [202, 202, 0]);
    assert(listener.bytesIn > large.length && listener.bytesOut > large.length);
  });
}

test("h2 over sockets: close lets what is under way end, and the client leaves", async (t) => {
  let respond: (response: Response) => void = () => {};
  const { port, listener } = await serve(t, { fetch: () => new Promise((resolve) => respond = resolve) }, secure);
  const session = client(t, port);
  const answer = ask(session, {});
  while (listener.inFlight === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const closing = listener.close();
  respond(new Response("to the end"));
  assertEquals((await answer).length, 10);
  await closing;
  await listener.closed;
  assertEquals(listener.connections, 0);
});
