/** Limits, timeouts and the end of HTTP/2 connections that serve requests. @module */
import { assert, assertEquals } from "@std/assert";
import { Inflow } from "../../../../src/adapter/http/h2/inflow.ts";
import type { Channel } from "../../../../src/adapter/contract.ts";
import { fakeClock } from "../../../support/clock.ts";
import { test } from "../../../support/harness.ts";
import { later } from "../support.ts";
import { faultOf, rig, settled } from "./support.ts";

const never = { fetch: () => new Promise<Response>(() => {}) };

test("h2: a head above the limit is 431, and the connection goes on", async (t) => {
  const { ask, owner } = await rig(t, { fetch: () => new Response("ok") }, { limits: { maxHeaderBytes: 1_000 } });
  assertEquals((await ask({ "x-large": "y".repeat(1_000) })).status, 431);
  const reply = await ask({ ":method": "POST", "x-large": "y".repeat(1_000) }, new Uint8Array(60_000));
  assertEquals([reply.status, faultOf(reply)], [431, "none"]);
  assertEquals((await ask()).status, 200);
  assertEquals(owner.begun, 3);
  assertEquals(owner.outcomes.map(({ status }) => status), [431, 431, 200]);
});

test("h2: without an authority, or with a strange one, it is 400 (RFC 9113 section 8.3.1)", async (t) => {
  const { ask } = await rig(t, { fetch: ({ url }) => new Response(url) });
  assertEquals((await ask({ ":authority": "" })).status, 400);
  for (const authority of ["a/b", "a?b", "a#b", "a b", "a\\b", "a:b", "[::1", "a:80:80", "\u00e9"]) {
    const status = (await ask({ ":authority": authority })).status;
    // What the engine itself refuses is reset.
    assert(status === 400 || status === 0, `${authority}: ${status}`);
  }
  assertEquals((await ask({ ":authority": "", host: "by.host:1" })).text, "https://by.host:1/");
  assertEquals((await ask({ ":authority": "[::1]:8443" })).text, "https://[::1]:8443/");
  assertEquals((await ask({ ":path": "//evil.example/x" })).text, "https://localhost//evil.example/x");
  assertEquals((await ask({ ":method": "OPTIONS", ":path": "*" })).text, "https://localhost/*");
});

test("h2: CONNECT is refused, and TRACE where no Request can be made of it", async (t) => {
  const { ask } = await rig(t, { fetch: () => new Response("ok") });
  assertEquals((await ask({ ":method": "CONNECT", ":scheme": "", ":path": "" })).status, 501);
  assertEquals((await ask({ ":method": "TRACE" })).status, 501);
});

test("h2: without a handler it is an empty 500", async (t) => {
  const { ask, owner } = await rig(t, undefined);
  const reply = await ask();
  assertEquals([reply.status, reply.text], [500, ""]);
  assertEquals(owner.failures, []);
});

test("h2: plain HTTP shows in the URL and in what is known of the request", async (t) => {
  const { engine, owner, service } = await rig(t, undefined);
  owner.answer = () => ({ fetch: ({ url }, { tls }) => new Response(`${url} ${tls}`) });
  const listener = await engine.listen({
    hostname: "127.0.0.1",
    port: 0,
    identity: { cert: "", key: "" },
    clock: fakeClock(),
    handshakeTimeout: 1,
    maxHandshakes: 1,
    admit: () => true,
    accept: (connection) => service.accept(connection, "plain"),
    failed() {},
  });
  t.cleanup(() => listener.close());
  const client = await engine.connect({
    hostname: "127.0.0.1",
    port: listener.addr.port,
    servername: "localhost",
    trust: { mode: "insecure" },
    clock: fakeClock(),
    timeout: 1,
    handler: { channel: () => never as never, available() {}, goaway() {}, close() {} },
  });
  t.cleanup(() => client.destroy());
  const { promise, resolve } = later<string>();
  client.open([":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a"], {
    headers() {},
    data: (chunk) => resolve(new TextDecoder().decode(chunk)),
    end() {},
    accepted() {},
    close() {},
  }, "none");
  assertEquals(await promise, "http://a/ undefined");
});

test("h2: readTimeout cuts a request that does not come to its end, writeTimeout a response", async (t) => {
  const clock = fakeClock();
  const { open, owner } = await rig(t, never, { clock, limits: { readTimeout: 1_000, writeTimeout: 3_000 } });
  const slow = open({ ":method": "POST" });
  const quick = open({ ":method": "POST" });
  const unanswered = open({}, { body: "none" });
  quick.channel.end();
  await settled();
  clock.advance(999);
  await settled();
  assertEquals(owner.outcomes, []);
  clock.advance(1);
  assertEquals(faultOf(await slow.done), "reset 8 peer");
  clock.advance(2_000);
  assertEquals([faultOf(await quick.done), faultOf(await unanswered.done)], ["reset 8 peer", "reset 8 peer"]);
  assertEquals(owner.outcomes.map(({ cut, duration, status }) => [cut, duration, status]), [
    ["timeout", 1_000, 0],
    ["timeout", 3_000, 0],
    ["timeout", 3_000, 0],
  ]);
});

test("h2: a request in time is not disturbed by the limit of the one before", async (t) => {
  const clock = fakeClock();
  let respond: (response: Response) => void = () => {};
  const { open, owner } = await rig(
    t,
    { fetch: () => new Promise((resolve) => respond = resolve) },
    { clock, limits: { writeTimeout: 1_000 } },
  );
  for (let i = 0; i < 3; i++) {
    const stream = open({}, { body: "none" });
    await settled();
    clock.advance(900);
    respond(new Response("in time"));
    assertEquals((await stream.done).status, 200);
  }
  assertEquals(owner.outcomes.map(({ cut, duration }) => [cut, duration]), Array(3).fill([undefined, 900]));
});

test("h2: an idle connection is asked to leave, a busy one is not", async (t) => {
  const clock = fakeClock();
  let respond: (response: Response) => void = () => {};
  const { open, service, goaways, gone } = await rig(
    t,
    { fetch: () => new Promise((resolve) => respond = resolve) },
    { clock, limits: { idleTimeout: 10_000 } },
  );
  const stream = open({}, { body: "none" });
  await settled();
  clock.advance(25_000);
  await settled();
  assertEquals(goaways, []);
  respond(new Response("done"));
  await stream.done;
  clock.advance(9_000);
  await settled();
  assertEquals(goaways, []);
  clock.advance(1_500);
  await settled();
  assertEquals(goaways[0], 0);
  await gone;
  await settled();
  assertEquals(service.connections, 0);
});

test("h2: a client that has vanished under its requests is noticed", async (t) => {
  const clock = fakeClock();
  const { open, owner, engine, service } = await rig(t, never, { clock });
  open({}, { body: "none" });
  await settled();
  engine.links[0]!.freeze();
  for (let i = 0; i < 60 && service.connections > 0; i++) {
    clock.advance(1_000);
    await settled();
  }
  assertEquals(service.connections, 0);
  assertEquals(owner.outcomes.map(({ cut }) => cut), ["client"]);
  engine.links[0]?.cut();
});

test("h2: without an idle limit a client that has vanished is noticed too, and one that is there stays", async (t) => {
  const clock = fakeClock();
  const { engine, service } = await rig(t, never, { clock, limits: { idleTimeout: 0 } });
  for (let i = 0; i < 300; i++) {
    clock.advance(1_000);
    await settled();
  }
  assertEquals(service.connections, 1);
  engine.links[0]!.freeze();
  for (let i = 0; i < 60 && service.connections > 0; i++) {
    clock.advance(1_000);
    await settled();
  }
  assertEquals(service.connections, 0);
  engine.links[0]?.cut();
});

test("h2: leave lets requests end and then the connection, and counts to the last", async (t) => {
  let respond: (response: Response) => void = () => {};
  const { open, service, goaways, gone } = await rig(t, { fetch: () => new Promise((resolve) => respond = resolve) });
  const stream = open({}, { body: "none" });
  await settled();
  assertEquals([service.connections, service.inFlight], [1, 1]);
  service.leave();
  service.leave();
  await settled();
  assertEquals(goaways, [0, 0]);
  assertEquals(service.connections, 1);
  respond(new Response("served"));
  assertEquals((await stream.done).text, "served");
  assertEquals(await gone, undefined);
  await settled();
  assertEquals([service.connections, service.inFlight], [0, 0]);
  assert(service.bytesIn > 0 && service.bytesOut > 0);
});

test("h2: an idle connection leaves at once", async (t) => {
  const { service, gone } = await rig(t, never);
  service.leave();
  assertEquals(await gone, undefined);
});

test("h2: abort cuts everything, says how much that was, and every request is over once", async (t) => {
  const signals: AbortSignal[] = [];
  const { open, owner, service, gone } = await rig(t, {
    fetch(request) {
      signals.push(request.signal);
      return new Promise(() => {});
    },
  });
  const streams = Array.from({ length: 5 }, () => open({}, { body: "none" }));
  await settled();
  assertEquals(service.abort(), 5);
  assertEquals(signals.map(({ aborted }) => aborted), Array(5).fill(true));
  assertEquals(owner.outcomes.map(({ cut }) => cut), Array(5).fill("abort"));
  assertEquals([service.connections, service.inFlight, service.abort()], [0, 0, 0]);
  for (const stream of streams) assertEquals(faultOf(await stream.done), "lost");
  await gone;
});

test("h2: a handler that answers a request which is gone harms nobody", async (t) => {
  const answers: ((response: Response) => void)[] = [];
  const { open, ask, owner } = await rig(t, { fetch: () => new Promise((resolve) => answers.push(resolve)) });
  const stream = open({}, { body: "none" });
  await settled();
  stream.channel.reset();
  await settled();
  let cancelled = false;
  answers[0]!(new Response(new ReadableStream({ cancel: () => void (cancelled = true) })));
  await settled();
  assertEquals(cancelled, true);
  const next = ask();
  await settled();
  answers[1]!(new Response("fine"));
  assertEquals((await next).text, "fine");
  assertEquals(owner.failures, []);
});

test("h2: what comes in single bytes and is not read costs bytes", () => {
  let consumed = 0;
  const channel = { readEnded: false, consume: (n: number) => void (consumed += n), grow() {} } as unknown as Channel;
  const inflow = new Inflow(channel, 0, undefined);
  const total = 10_000;
  for (let i = 0; i < total; i++) inflow.push(Uint8Array.of(i & 0xff));
  const pieces: Uint8Array[] = [];
  let finished = 0;
  const reader = { deliver: (bytes: Uint8Array) => void pieces.push(bytes), finish: () => void finished++ };
  inflow.end();
  while (finished === 0) inflow.pull(reader);
  assert(pieces.length <= 3, `${pieces.length} pieces`);
  assertEquals(consumed, total);
  let at = 0;
  for (const piece of pieces) for (const byte of piece) assertEquals(byte, at++ & 0xff);
  assertEquals([at, finished], [total, 1]);
});
