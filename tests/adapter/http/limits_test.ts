/** Limits of HTTP/1.1 connections; time stands still but where it is moved. @module */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fakeClock } from "../../support/clock.ts";
import { test } from "../../support/harness.ts";
import { certs, exchange, later, raw, serve, statuses, tcp } from "./support.ts";

const GET = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const hello = { fetch: () => new Response("hello") };

test("readHeaderTimeout: a connection that says nothing ends without a word, one in the middle of a head with 408", async (t) => {
  const clock = fakeClock();
  const { port, listener } = await serve(t, hello, { clock, limits: { readHeaderTimeout: 1_000 } });
  const silent = await raw(t, port), slow = await raw(t, port);
  slow.write(GET.slice(0, 10));
  while (listener.bytesIn < 10 || listener.connections < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  clock.advance(999);
  assertEquals([silent.ended, slow.ended], [false, false]);
  clock.advance(1);
  assertEquals(await silent.end(), "");
  assertMatch(await slow.end(), /^HTTP\/1.1 408 [^]*connection: close/i);
});

test("readHeaderTimeout: a later head has no more than twice its time, and silence is no head", async (t) => {
  const clock = fakeClock();
  const { port, listener } = await serve(t, hello, {
    clock,
    limits: { readHeaderTimeout: 1_000, idleTimeout: 60_000 },
  });
  const idle = await raw(t, port), slow = await raw(t, port);
  for (const client of [idle, slow]) {
    client.write(GET);
    await client.until("hello");
  }
  while (listener.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  clock.advance(900);
  slow.write(GET.slice(0, 10));
  while (listener.bytesIn < 2 * GET.length + 10) await new Promise((resolve) => setTimeout(resolve, 5));
  clock.advance(100);
  assertEquals(slow.ended, false);
  clock.advance(1_000);
  assertEquals(statuses(await slow.end()), [200, 408]);
  clock.advance(20_000);
  idle.write(GET);
  await idle.until(/hello[^]*hello/);
});

test("readHeaderTimeout: a TLS handshake that is not finished ends", async (t) => {
  const clock = fakeClock();
  const { port } = await serve(t, hello, { clock, tls: certs.server, limits: { readHeaderTimeout: 1_000 } });
  const client = await tcp(t, port);
  client.write("\x16\x03\x01");
  while (clock.pending === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  clock.advance(1_000);
  assertEquals(await client.end(), "");
});

test("idleTimeout: a connection without a request ends", async (t) => {
  const clock = fakeClock();
  const { port, listener } = await serve(t, hello, { clock, limits: { idleTimeout: 5_000 } });
  const client = await raw(t, port);
  client.write(GET);
  await client.until("hello");
  while (listener.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  clock.advance(4_999);
  client.write(GET);
  await client.until(/hello[^]*hello/);
  while (listener.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  clock.advance(4_999);
  assertEquals(client.ended, false);
  clock.advance(1);
  assertEquals(statuses(await client.end()), [200, 200]);
});

test("readTimeout: a request whose body does not come is cut", async (t) => {
  const clock = fakeClock();
  const failed = later<unknown>();
  const { port, owner } = await serve(t, {
    async fetch(request) {
      await request.text().catch(failed.resolve);
      return new Response();
    },
  }, { clock, limits: { readTimeout: 3_000 } });
  const client = await raw(t, port);
  client.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhe");
  while (owner.begun === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  clock.advance(3_000);
  assertEquals(await client.end(), "");
  assertMatch(String(await failed.promise), /TimeoutError/);
  assertEquals((await owner.outcome()).cut, "timeout");
});

test("readTimeout: is not about the response", async (t) => {
  const clock = fakeClock();
  const go = later<void>();
  const { port, owner } = await serve(t, {
    async fetch() {
      await go.promise;
      return new Response("hello");
    },
  }, { clock, limits: { readTimeout: 3_000 } });
  const client = await raw(t, port);
  client.write(GET);
  while (owner.begun === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  clock.advance(10_000);
  go.resolve();
  await client.until("hello");
});

test("writeTimeout: a response that is not over is cut, and its request's signal aborts", async (t) => {
  const clock = fakeClock();
  let reason: unknown;
  const { port, owner } = await serve(t, {
    fetch(request) {
      request.signal.addEventListener("abort", () => reason = request.signal.reason);
      return new Promise(() => {});
    },
  }, { clock, limits: { writeTimeout: 3_000 } });
  const client = await raw(t, port);
  client.write(GET);
  while (owner.begun === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  clock.advance(3_000);
  assertEquals(await client.end(), "");
  assertMatch(String(reason), /TimeoutError/);
  assertEquals((await owner.outcome()).cut, "timeout");
});

test("limits: no timer is left when the last connection is gone", async (t) => {
  const clock = fakeClock();
  const { port, listener } = await serve(t, hello, { clock, limits: { readTimeout: 3_000, writeTimeout: 3_000 } });
  await exchange(t, port, GET.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"));
  await listener.close();
  await listener.closed;
  for (let i = 0; clock.pending > 0 && i < 200; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(clock.pending, 0);
});

for (
  const [what, sent] of [
    ["one long value", `x: ${"a".repeat(5_000)}\r\n`],
    ["many fields", "a: b\r\n".repeat(150)],
    ["much more than that", `x: ${"a".repeat(500_000)}\r\n`],
  ] as const
) {
  test(`maxHeaderBytes: ${what} get 431`, async (t) => {
    const { port, owner } = await serve(t, hello, { limits: { maxHeaderBytes: 4_000 } });
    const text = await exchange(t, port, `GET / HTTP/1.1\r\nhost: a\r\n${sent}\r\n`);
    assertEquals([statuses(text), owner.begun], [[431], 0]);
  });
}

test("maxHeaderBytes: a large head that is allowed, and every field of it", async (t) => {
  const { port } = await serve(t, { node: (req, res) => void res.end(`<${req.rawHeaders.length}>`) }, {
    limits: { maxHeaderBytes: 0 },
  });
  const fields = Array.from({ length: 2_500 }, (_, i) => `x-${i}: ${"b".repeat(20)}\r\n`).join("");
  assertMatch(await exchange(t, port, `GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${fields}\r\n`), /<5004>/);
});

test("disableKeepAlive: every response is the last one", async (t) => {
  const { port } = await serve(t, hello, { limits: { disableKeepAlive: true } });
  const text = await exchange(t, port, GET);
  assertEquals(statuses(text), [200]);
  assert(/connection: close/i.test(text), text);
});
