/** TLS, ALPN, and both protocols on one port. @module */
import { assertEquals, assertMatch } from "@std/assert";
import { connect as connectH2 } from "node:http2";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import type { HttpRequestInfo } from "../../../src/adapter/http/contract.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { certs, raw, serve } from "./support.ts";

const show = {
  fetch: (request: Request, info: HttpRequestInfo) =>
    new Response(
      `${info.protocol} ${
        request.url.split("/")[0]
      } ${info.tls?.protocol} ${info.tls?.alpn} ${info.remoteAddr.hostname}`,
    ),
};
const LAST = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

function overTls(t: TestContext, port: number, options: ConnectionOptions): Promise<{ alpn: unknown; text: string }> {
  const socket: TLSSocket = connectTls({
    port,
    host: "127.0.0.1",
    servername: "localhost",
    ca: certs.ca as string,
    ...options,
  });
  t.cleanup(() => socket.destroy());
  let text = "";
  return new Promise((resolve, reject) => {
    socket.on("data", (chunk) => text += chunk);
    socket.on("end", () => resolve({ alpn: socket.alpnProtocol, text }));
    socket.on("error", reject);
    socket.on("secureConnect", () => socket.write(LAST));
  });
}

function overH2(t: TestContext, url: string): Promise<string> {
  const session = connectH2(url, { ca: certs.ca as string, servername: "localhost" });
  t.cleanup(() => session.destroy());
  return new Promise((resolve, reject) => {
    session.on("error", reject);
    const stream = session.request({ ":path": "/" });
    let text = "";
    stream.on("data", (chunk) => text += chunk);
    stream.on("error", reject);
    stream.on("end", () => resolve(text));
  });
}

test("ALPN: both protocols on one port, each served by its own", async (t) => {
  const { port, owner } = await serve(t, show, { tls: certs.server, protocols: ["h2", "h1"] });
  assertEquals(await overH2(t, `https://localhost:${port}`), "h2 https: TLSv1.3 h2 127.0.0.1");
  const h1 = await overTls(t, port, { ALPNProtocols: ["http/1.1"] });
  assertEquals(h1.alpn, "http/1.1");
  assertMatch(h1.text, /\r\n\r\nh1 https: TLSv1.3 http\/1.1 127.0.0.1$/);
  assertMatch((await overTls(t, port, {})).text, /\r\n\r\nh1 https: TLSv1.3 {2}127.0.0.1$/);
  assertEquals(owner.outcomes.map(({ status, cut }) => [status, cut]), Array(3).fill([200, undefined]));
});

test("TLS: 1.2 is good enough for a server of the web", async (t) => {
  const { port } = await serve(t, show, { tls: certs.server, protocols: ["h2", "h1"] });
  assertMatch((await overTls(t, port, { maxVersion: "TLSv1.2" })).text, /\r\n\r\nh1 https: TLSv1.2 /);
});

test("HTTP/2 without TLS: by prior knowledge, beside HTTP/1.1", async (t) => {
  const { port } = await serve(t, show, { protocols: ["h1", "h2"] });
  assertEquals(await overH2(t, `http://localhost:${port}`), "h2 http: undefined undefined 127.0.0.1");
  const client = await raw(t, port);
  // In pieces, since it takes some bytes to know.
  client.write("P");
  client.write(`OST${LAST.slice(3)}`);
  assertMatch(await client.end(), /\r\n\r\nh1 http: undefined undefined 127.0.0.1$/);
});

test("HTTP/2 alone, without TLS", async (t) => {
  const { port } = await serve(t, show, { protocols: ["h2"] });
  assertEquals(await overH2(t, `http://localhost:${port}`), "h2 http: undefined undefined 127.0.0.1");
});

test("close: an idle HTTP/2 connection ends, and so does one that has not said what it is", async (t) => {
  const { port, listener } = await serve(t, show, { protocols: ["h1", "h2"] });
  await overH2(t, `http://localhost:${port}`);
  const client = await raw(t, port);
  client.write("PRI");
  while (listener.connections < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await listener.close();
  await listener.closed;
  await client.end();
});
