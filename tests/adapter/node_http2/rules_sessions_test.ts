// As `rules_test.ts`: limits, timers, requests out of time, errors that nobody listens to.
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConnectionClosedError } from "../../../src/adapter/contract.ts";
import { fakeClock } from "../../support/clock.ts";
import { test } from "../../support/harness.ts";
import { rawConnection } from "../contract/connecting.ts";
import {
  ACK,
  DATA,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  PING,
  PREFACE,
  rawClient,
  rawServer,
  request,
  RST_STREAM,
  SETTINGS,
  settings,
  settingsAck,
  words,
} from "../contract/raw_peer.ts";
import { connect, ear, ends, listen, ok, pattern, post } from "../contract/setup.ts";
import { bare, engines, is } from "./support.ts";

const limitOf = (streams: number): Uint8Array => frame(SETTINGS, 0, 0, [0, 3, ...words(streams)]);

test("A3: streams given up count on for Node's servers, which refuse as many new ones; ours takes them", async (t) => {
  assertEquals(await bare(t, "edge"), is("node22", "node24", "node26") ? "refused 11" : "taken");
  const { port, request: next } = await listen(t, engines(), { settings: { maxStreams: 50 } });
  const peer = await rawClient(t, port);
  peer.send(PREFACE, settings, settingsAck);
  const ids = Array.from({ length: 50 }, (_, i) => 1 + 2 * i);
  peer.send(...ids.map((id) => headers(id, request)));
  for (const _ of ids) (await next()).channel.respond(ok);
  peer.send(...ids.map((id) => frame(RST_STREAM, 0, id, words(8))), ...ids.map((id) => headers(id + 100, request)));
  const taken: number[] = [];
  for (const _ of ids) taken.push((await next()).channel.id);
  assertEquals(taken, ids.map((id) => id + 100));
});

test("`error` that nobody listens to ends the process, but Bun's; ours always listens", async (t) => {
  assertEquals(await bare(t, "unheard"), is("bun") ? "alive" : "died");
  const { peer, connection } = await rawConnection(t, engines());
  const handler = ear();
  connection.open(post("/"), handler);
  await peer.frame(HEADERS);
  peer.send(frame(RST_STREAM, 0, 1, words(2)));
  // An exception that nobody catches fails the test.
  assertEquals(await handler.gone, {
    kind: "reset",
    by: "peer",
    code: 2,
    message: "the peer reset the stream with INTERNAL_ERROR",
  });
});

test("PING: no duration on Deno, whole ms on Bun, ten at most, no end with a frozen peer; ours has its own clock", async (t) => {
  const duration = is("deno") ? "nothing" : is("bun") ? "whole" : "exact";
  assertEquals(await bare(t, "ping"), `${duration},10,never called`);
  const clock = fakeClock();
  const { port, next } = await rawServer(t);
  const connecting = connect(t, engines(), port, { clock });
  const peer = await next();
  peer.send(settings, settingsAck);
  const { connection } = await connecting;
  const pings = Array.from({ length: 20 }, () => connection.ping(1_000));
  const asked = [];
  for (const _ of pings) asked.push(await peer.frame(PING));
  clock.advance(2.5);
  const ten = asked.slice(0, 10);
  peer.send(...ten.map(({ payload }) => frame(PING, ACK, 0, payload)));
  assertEquals(await Promise.all(pings.slice(0, 10)), ten.map(() => 2.5));
  const frozen = Promise.allSettled(pings.slice(10));
  clock.advance(1_000);
  assertEquals((await frozen).map(({ status }) => status), ten.map(() => "rejected"));
});

test("TLS and then silence is kept for ever, whatever `unknownProtocolTimeout` says; ours has its own deadline", async (t) => {
  assertEquals(await bare(t, "silence"), "open");
  const { port, failure } = await listen(t, engines(), { handshakeTimeout: 200 });
  const peer = await rawClient(t, port);
  assertStringIncludes((await failure()).error.message, "no HTTP/2 connection within 200 ms");
  await peer.closed;
});

test("a request after GOAWAY or `close` throws or emits; ours always throws the same", async (t) => {
  assertEquals(await bare(t, "late"), is("node24", "node26") ? "emits,emits" : "throws,throws");
  for (const how of ["goaway", "close"] as const) {
    const { peer, connection, ear: connectionEar } = await rawConnection(t, engines());
    connection.open(post("/"), ear());
    await peer.frame(HEADERS);
    if (how === "close") connection.goaway();
    else {
      peer.send(frame(GOAWAY, 0, 0, words(1, 0)));
      await connectionEar.until(() => connectionEar.goaways.length > 0);
    }
    assertEquals(connection.openable, 0);
    assertThrows(() => connection.open(post("/"), ear()), ConnectionClosedError);
  }
});

test("the peer's limit of streams is not known before its SETTINGS, on Bun 2^32-1; ours waits for them", async (t) => {
  assertEquals(await bare(t, "unknown"), is("bun") ? "4294967295,7" : "100,7");
  const { connection } = await rawConnection(t, engines(), [limitOf(7)]);
  assertEquals(connection.openable, 7);
});

test("requests beyond the peer's limit wait in silence; ours counts, and throws", async (t) => {
  assertEquals(await bare(t, "beyond"), "silence");
  const { connection } = await rawConnection(t, engines(), [limitOf(1)]);
  connection.open(post("/"), ear());
  assertEquals(connection.openable, 0);
  assertThrows(() => connection.open(post("/"), ear()), ConnectionClosedError);
});

test("a server that was not told allows 2^32-1 streams; ours always says a limit", async (t) => {
  assertEquals(await bare(t, "limit"), "none");
  const { port } = await listen(t, engines());
  const peer = await rawClient(t, port);
  peer.send(PREFACE, settings, settingsAck);
  const { payload } = await peer.frame(SETTINGS);
  const limits: number[] = [];
  for (let at = 0; at < payload.length; at += 6) {
    if (payload.readUInt16BE(at) === 3) limits.push(payload.readUInt32BE(at + 2));
  }
  assert(limits.length === 1 && limits[0]! <= 4_096, `limits: ${limits}`);
});

test("session.setTimeout is coarse on Bun; ours is the owner's clock, to the millisecond", async (t) => {
  // 200 ms: elsewhere a busy machine may need longer, too.
  const took = Number(await bare(t, "timeout"));
  assert(took >= (is("bun") ? 350 : 199), `${took} ms`);
  const clock = fakeClock();
  const { port, next } = await rawServer(t);
  const connecting = connect(t, engines(), port, { clock });
  (await next()).send(settings, settingsAck);
  const { connection } = await connecting;
  let over = false;
  const ping = connection.ping(200).catch(() => over = true);
  clock.advance(199);
  await new Promise((resolve) => setImmediate(resolve));
  assertEquals(over, false);
  clock.advance(1);
  await ping;
  assertEquals(over, true);
});

test("a client of whom no certificate was asked is authorized on Deno's servers; with ours it is not", async (t) => {
  assertEquals(await bare(t, "authorized"), String(is("deno")));
  const { server } = await ends(t, engines());
  assertEquals([server.tls.authorized, server.tls.peerCertificate], [false, undefined]);
});

test("a server that ends its side unread resets the stream, but Bun's; ours always reads", async (t) => {
  assertEquals(await bare(t, "unread"), is("bun") ? "open" : "reset 0");
  const { port, request: next } = await listen(t, engines(), { ear: { read: "keep" } });
  const peer = await rawClient(t, port);
  peer.send(PREFACE, settings, settingsAck, headers(1, request));
  const { channel, ear: handler } = await next();
  channel.respond(ok);
  channel.end();
  while (((await peer.frame(DATA)).flags & END_STREAM) === 0);
  peer.send(frame(DATA, 0, 1, pattern(100)), frame(DATA, END_STREAM, 1, pattern(100)));
  assertEquals(await handler.gone, undefined);
  assertEquals([handler.received, handler.log], [200, ["data", "end", "close"]]);
});

test("EADDRINUSE has another `errno` on Bun; ours looks at `code`", async (t) => {
  assertEquals(await bare(t, "errno"), is("bun") ? "EADDRINUSE,98" : "EADDRINUSE,-98");
  const { port } = await listen(t, engines());
  const error = await listen(t, engines(), { port }).then(() => undefined, (error: Error & { code?: string }) => error);
  assertEquals(error?.code, "EADDRINUSE");
});
