// Whatever a client does to a server pool: its own streams end with the right error, and other clients work on meanwhile.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect as connectTcp, type Socket } from "node:net";
import type { PoolStream, ServerPool } from "../../../src/streams/mod.ts";
import { CONTINUATION, DATA, data, END_STREAM, frame, GOAWAY, goaway, HEADERS, headers } from "../../support/frames.ts";
import { concat, PING, ping, PREFACE, PUSH_PROMISE, reset, SETTINGS, settings, uint32 } from "../../support/frames.ts";
import { utf8, windowUpdate } from "../../support/frames.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { realServer, text } from "../support.ts";
import { POST, rawClient, rawOpen, type RawPeer, type RawStream } from "./raw.ts";
import { closes, each, echoes, failure, ledger, quickClient, until, within } from "./support.ts";

const NONE = new Uint8Array();
const CODES = [0, 1, 2, 3, 5, 7, 8, 11, 13, 0xdead_beef];
const many = (n: number, bytes: Uint8Array): Uint8Array => concat(...Array.from({ length: n }, () => bytes));

/** Runs beside the faults; tells when it was disturbed. */
async function honest(t: TestContext, server: ServerPool): Promise<() => Promise<void>> {
  const client = quickClient(t, server.addr!.port);
  await client.start();
  await client.filled();
  const near = await client.incomingGet();
  const far = await server.outgoingGet(near.id, { connection: server.connections()[0]! });
  far.readable.pipeTo(far.writable).catch(() => {});
  await echoes(near);
  return async () => {
    await echoes(near);
    assertEquals([client.stats().reconnects, client.errorCount], [0, 0]);
    assert(server.connections().includes(far.connection));
    near.close();
    await closes(client);
  };
}

/** A server with an honest client, and one stream of a raw one in use. */
interface Scene {
  readonly server: ServerPool;
  readonly peer: RawPeer;
  readonly raw: RawStream;
  readonly used: PoolStream;
}

async function scene(t: TestContext, server: ServerPool): Promise<Scene> {
  const peer = await rawClient(t, server.addr!.port);
  const raw = rawOpen(peer);
  rawOpen(peer);
  rawOpen(peer);
  await peer.until(() => peer.streams.size === 3 && raw.received.length === 4 || undefined);
  const connection = server.connections().find(({ remoteAddr }) => remoteAddr.port === peer.socket.localPort)!;
  const used = await server.outgoingGet("00000000", { connection, timeout: 5_000 });
  return { server, peer, raw, used };
}

test("server: a client's reset with any code fails the stream in use, with that code, and no other", async (t) => {
  const server = await realServer(t, { keepAlive: 60_000 });
  const undisturbed = await honest(t, server);
  await each(Object.fromEntries(CODES.map((code) => [`code ${code}`, code])), async (code) => {
    const at = await scene(t, server);
    const { peer, raw, used } = at;
    const other = await server.incomingGet({ connection: used.connection });
    const reading = failure("the pending read", used.read(new Uint8Array(1)));
    const writing = failure("the pending write", used.write(new Uint8Array(300_000)));
    await peer.until(() => raw.received.length > 60_000 || undefined);
    peer.send(reset(raw.id, code));
    for (const error of [await reading, await writing]) {
      assertEquals([error.code, error.rstCode], ["ERR_STREAM_RESET", code]);
    }
    await within(1_000, "closed", used.closed);
    const last = [...peer.streams.values()][1]!;
    peer.send(data(last.id, "alive"));
    assertEquals(await text(other), "alive");
    assert(!peer.over);
  });
  ledger(server);
  await undisturbed();
  await closes(server);
});

test("server: an opening that is none: answered, counted, forgotten", async (t) => {
  type Ask = (peer: RawPeer) => void;
  const ask = (fields: readonly string[], flags = 0): Ask => (peer) => peer.send(headers(1, fields, flags));
  const without = (name: string): string[] =>
    POST.flatMap((f, i) => i % 2 === 0 && f !== name ? [f, POST[i + 1]!] : []);
  const path = (path: string): string[] => [...without(":path"), ":path", path];
  /** What becomes of stream 1: the code of a reset, or an answer. */
  const cases: Record<string, { ask: Ask; ends: number | "answered" }> = {
    "GET": { ask: ask([":method", "GET", ...without(":method")], END_STREAM), ends: "answered" },
    "GET without an end": { ask: ask([":method", "GET", ...without(":method")]), ends: "answered" },
    "another path": { ask: ask(path("/")), ends: "answered" },
    "almost the path": { ask: ask(path("/streams")), ends: "answered" },
    "no path": { ask: ask(without(":path")), ends: 1 },
    "no method": { ask: ask(without(":method")), ends: 1 },
    "upper case": { ask: ask([...POST, "X-Y", "z"]), ends: 1 },
    "connection: close": { ask: ask([...POST, "connection", "close"]), ends: 1 },
    "a pseudo-field behind the others": { ask: ask([...POST, "x", "y", ":path", "/"]), ends: 1 },
    "300 fields": { ask: ask([...POST, ...Array.from({ length: 300 }, () => ["x", "y"]).flat()]), ends: 11 },
    "END_STREAM at once": { ask: ask(POST, END_STREAM), ends: "answered" },
    "END_STREAM without a byte": {
      ask: (peer) => peer.send(headers(1, POST), data(1, NONE, END_STREAM)),
      ends: "answered",
    },
    "trailers without a byte": {
      ask: (peer) => peer.send(headers(1, POST), headers(1, ["x", "y"], END_STREAM)),
      ends: "answered",
    },
    "a first byte and the end": {
      ask: (peer) => peer.send(headers(1, POST), data(1, Uint8Array.of(0), END_STREAM)),
      ends: "answered",
    },
    "more than its content-length": {
      ask: (peer) => peer.send(headers(1, [...POST, "content-length", "1"]), data(1, "abc")),
      ends: 1,
    },
    "headers twice": { ask: (peer) => peer.send(headers(1, POST), headers(1, POST)), ends: 1 },
    "never a byte": { ask: ask(POST), ends: 8 },
    "empty frames, never a byte": { ask: (peer) => peer.send(headers(1, POST), many(5, data(1, NONE))), ends: 8 },
  };
  const server = await realServer(t, { handshakeTimeout: 500 });
  const undisturbed = await honest(t, server);
  const before = server.stats();
  await each(cases, async ({ ask, ends }) => {
    const peer = await rawClient(t, server.addr!.port);
    const raw = rawOpenFor(peer);
    ask(peer);
    await within(5_000, "an answer", peer.until(() => raw.reset !== undefined || raw.answered || undefined));
    if (ends !== "answered") assertEquals(raw.reset, ends);
    // The connection is still good.
    const fine = rawOpen(peer);
    await within(5_000, "an id", peer.until(() => fine.received.length === 4 || undefined));
    peer.send(goaway(0, 0));
    peer.socket.end();
    await peer.closed;
  });
  await until("all are gone", () => server.stats().connections === 1);
  const { failed, rejected, lastError } = server.stats();
  assert(failed + rejected > before.failed + before.rejected);
  assert(lastError instanceof Error);
  ledger(server);
  await undisturbed();
  await closes(server);
});

/** Stream 1, whose frames the test sends itself. */
function rawOpenFor(peer: RawPeer): RawStream {
  const send = peer.send;
  peer.send = () => {};
  const stream = rawOpen(peer);
  peer.send = send;
  return stream;
}

test("server: a stream that is reset while it opens leaves nothing", async (t) => {
  const answers: ((yes: boolean) => void)[] = [];
  let slow = 0;
  const server = await realServer(t, {
    authorize: ({ remoteAddr }) => remoteAddr.port !== slow || new Promise((resolve) => answers.push(resolve)),
  });
  const undisturbed = await honest(t, server);
  const peer = await rawClient(t, server.addr!.port);
  slow = peer.socket.localPort!;
  for (const code of CODES) {
    const silent = rawOpen(peer, undefined);
    const begun = rawOpen(peer);
    const ended = rawOpen(peer);
    peer.send(reset(silent.id, code), data(ended.id, NONE, END_STREAM), reset(begun.id, code));
  }
  await until("all have asked", () => answers.length === 3 * CODES.length);
  for (const answer of answers) answer(true);
  slow = 0;
  const fine = rawOpen(peer);
  await within(5_000, "an id", peer.until(() => fine.received.length === 4 || undefined));
  ledger(server);
  const connection = server.connections().find(({ remoteAddr }) => remoteAddr.port === peer.socket.localPort)!;
  assertEquals((await server.incomingGet({ connection, timeout: 0 })).id, "00000000");
  assertEquals((await failure("another", server.incomingGet({ connection, timeout: 0 }))).code, "ERR_POOL_TIMEOUT");
  peer.socket.destroy();
  await undisturbed();
  await closes(server);
});

const DEADLY: Record<string, (peer: RawPeer) => void> = {
  "FIN": (peer) => void peer.socket.end(),
  "destroyed": (peer) => void peer.socket.destroy(),
  "garbage": (peer) => peer.send(Uint8Array.from({ length: 5_000 }, (_, i) => (i * 167 + 13) % 256)),
  "half a frame, then FIN": (peer) => {
    peer.send(ping().subarray(0, 12));
    peer.socket.end();
  },
  "a frame of 16 MB": (peer) => peer.send(Uint8Array.of(0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1)),
  "the preface again": (peer) => peer.send(PREFACE),
  "SETTINGS of 5 bytes": (peer) => peer.send(frame(SETTINGS, 0, 0, new Uint8Array(5))),
  "SETTINGS_INITIAL_WINDOW_SIZE 2^31": (peer) => peer.send(settings({ 4: 0x8000_0000 })),
  "PING of 7 bytes": (peer) => peer.send(frame(PING, 0, 0, new Uint8Array(7))),
  "GOAWAY of 4 bytes": (peer) => peer.send(frame(GOAWAY, 0, 0, new Uint8Array(4))),
  "RST_STREAM of a stream that never was": (peer) => peer.send(reset(9_999, 8)),
  "WINDOW_UPDATE of 0": (peer) => peer.send(windowUpdate(0, 0)),
  "DATA of no stream": (peer) => peer.send(data(0, "x")),
  "DATA of a stream that never was": (peer) => peer.send(data(9_999, "x")),
  "a request with an even number": (peer) => peer.send(headers(2, POST)),
  "PUSH_PROMISE": (peer) => peer.send(frame(PUSH_PROMISE, 4, 1, concat(uint32(2), Uint8Array.of(0x82)))),
  "CONTINUATION without HEADERS": (peer) => peer.send(frame(CONTINUATION, 4, 1)),
  "a header block that is none": (peer) =>
    peer.send(frame(HEADERS, 4, 99, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff))),
  "CONTINUATION without end": (peer) => peer.send(frame(HEADERS, 0, 99), many(100, frame(CONTINUATION, 0, 99))),
  "a flood of PING": (peer) => peer.send(many(2_000, ping())),
  "a flood of SETTINGS": (peer) => peer.send(many(500, settings())),
  "a flood of empty DATA": (peer) => peer.send(many(5_000, data(1, NONE))),
  "a flood of resets": (peer) => {
    for (let id = 101; id < 101 + 2 * 6_000; id += 2) peer.send(headers(id, POST), reset(id, 8));
  },
};

test("server: a client that breaks the protocol or the connection loses it, alone", async (t) => {
  const server = await realServer(t, { keepAlive: 60_000 });
  const undisturbed = await honest(t, server);
  const lost: (Error | undefined)[] = [];
  server.addEventListener("disconnect", ({ detail }) => lost.push(detail.error));
  await each(DEADLY, async (fault) => {
    const { peer, used } = await scene(t, server);
    const reading = failure("the pending read", used.read(new Uint8Array(1)));
    const writing = failure("the pending write", used.write(new Uint8Array(300_000)));
    const waiting = failure("a wait", server.outgoingGet("deadbeef", { connection: used.connection }));
    fault(peer);
    for (const error of [await reading, await writing, await waiting]) {
      assertEquals(error.code, "ERR_STREAM_LOST");
      assert(error.cause instanceof Error);
    }
    await within(1_000, "closed", used.closed);
    await within(5_000, "the connection's end", peer.closed);
    assert(!server.connections().includes(used.connection));
  });
  assertEquals(lost.length, Object.keys(DEADLY).length);
  assert(lost.every((error) => error instanceof Error));
  const { inUse, connections } = server.stats();
  assertEquals([inUse, connections], [1, 1]);
  ledger(server);
  await undisturbed();
  await closes(server);
});

test("server: a client that goes away with any code goes on with its streams in use", async (t) => {
  const server = await realServer(t);
  const undisturbed = await honest(t, server);
  await each({ "0": 0, "2": 2, "11": 11, "unknown": 0xdead_beef }, async (code) => {
    const { peer, raw, used } = await scene(t, server);
    peer.send(goaway(0, code), data(raw.id, "still here"));
    assertEquals(await text(used), "still here");
    await used.write(utf8("me too"));
    await peer.until(() => raw.received.length === 10 || undefined);
    peer.socket.end();
    await within(5_000, "closed", used.closed);
  });
  await undisturbed();
  await closes(server);
});

test("server: a client that is frozen, or stops within a frame, is found within keepAlive and pingTimeout", async (t) => {
  const halves: Record<string, Uint8Array> = {
    "nothing": NONE,
    "half a frame": ping().subarray(0, 12),
    "half a header block": frame(HEADERS, 0, 99, Uint8Array.of(0x83)),
  };
  const server = await realServer(t, { keepAlive: 400, pingTimeout: 300 });
  const undisturbed = await honest(t, server);
  await each(halves, async (half) => {
    const { peer, used } = await scene(t, server);
    const reading = failure("the pending read", used.read(new Uint8Array(1)));
    peer.send(half);
    peer.socket.pause();
    peer.send = () => {};
    const began = performance.now();
    const error = await reading;
    assertEquals(error.code, "ERR_STREAM_LOST");
    assertMatch((error.cause as Error).message, /PING within 300 ms/);
    assert(performance.now() - began < 2_700);
    peer.socket.destroy();
  });
  await undisturbed();
  await closes(server);
});

type Dial = (t: TestContext, port: number) => Promise<Socket>;

/** Clients that never become one. */
const NO_CLIENTS: Record<string, Dial> = {
  "silent TCP": (t, port) => tcp(t, port, NONE),
  "half a TLS record": (t, port) => tcp(t, port, Uint8Array.of(22, 3, 1, 2, 0, 1, 0)),
  "garbage": (t, port) => tcp(t, port, Uint8Array.from({ length: 2_000 }, (_, i) => i * 31 % 256)),
  "HTTP/1.1 in the clear": (t, port) => tcp(t, port, utf8("GET / HTTP/1.1\r\nHost: x\r\n\r\n")),
  "HTTP/2 in the clear": (t, port) => tcp(t, port, concat(PREFACE, settings())),
  "silent TLS": (t, port) => tls(t, port, NONE),
  "half a preface": (t, port) => tls(t, port, PREFACE.subarray(0, 12)),
  "a preface and no SETTINGS": (t, port) => tls(t, port, PREFACE),
  "another preface": (t, port) => tls(t, port, utf8("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")),
  "a preface and another frame": (t, port) => tls(t, port, concat(PREFACE, ping())),
};

async function tcp(t: TestContext, port: number, says: Uint8Array): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1").on("error", () => {}).resume();
  t.cleanup(() => socket.destroy());
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  if (says.length > 0) socket.write(says);
  return socket;
}

async function tls(t: TestContext, port: number, says: Uint8Array): Promise<Socket> {
  const { socket, send } = await rawClient(t, port, "silent");
  send(says);
  return socket;
}

test("server: who is silent, half silent or speaks another language is cut in time, and ten honest clients work", async (t) => {
  const server = await realServer(t, { handshakeTimeout: 2_000, maxConnectionsPerAddress: 1_000 });
  const { port } = server.addr!;
  const sockets: [string, Socket][] = [];
  for (let i = 0; i < 3; i++) {
    for (const [name, dial] of Object.entries(NO_CLIENTS)) sockets.push([name, await dial(t, port)]);
  }
  let silent = sockets.filter(([name]) => /silent|half|no SETTINGS/.test(name)).length;
  assertEquals(silent, 15);
  const cut = Promise.all(
    sockets.map(([name, socket]) =>
      within(
        5_000,
        name,
        new Promise<void>((resolve) => socket.closed ? resolve() : socket.once("close", () => resolve())),
      )
        .then(() => void (/silent|half|no SETTINGS/.test(name) && silent--))
    ),
  );
  const done = await Promise.all(Array.from({ length: 10 }, () => honest10(t, server)));
  assertEquals(silent, 15, "the honest ones had to wait for the others");
  await cut;
  for (const stop of done) await stop();
  assertEquals(server.stats().connections, 0);
  assert(server.errorCount >= sockets.length, `${server.errorCount} errors of ${sockets.length}`);
  assert(server.stats().lastError instanceof Error);
  await closes(server);
});

async function honest10(t: TestContext, server: ServerPool): Promise<() => Promise<void>> {
  const client = quickClient(t, server.addr!.port);
  await client.start();
  await client.filled();
  const near = await client.incomingGet();
  const from = server.connections().find(({ remoteAddr }) => remoteAddr.port === near.localAddr.port)!;
  const far = await server.outgoingGet(near.id, { connection: from });
  far.readable.pipeTo(far.writable).catch(() => {});
  await echoes(near);
  return async () => {
    await echoes(near);
    assertEquals([client.stats().reconnects, client.errorCount], [0, 0]);
    near.close();
    far.close();
    await closes(client);
    await until("the server has seen it", () => !server.connections().includes(from));
  };
}

test("server: streams in every state when the client is cut, many times: nothing is left", async (t) => {
  const server = await realServer(t, { handshakeTimeout: 60_000 });
  for (let round = 0; round < 10; round++) {
    const { peer, raw, used } = await scene(t, server);
    rawOpen(peer, undefined);
    const [second] = [...peer.streams.values()].slice(1);
    const closing = await server.incomingGet({ connection: used.connection });
    closing.close();
    peer.send(data(raw.id, "half", END_STREAM), data(second!.id, "x"));
    assertEquals(await text(used), "half");
    assertEquals(await text(used), null);
    peer.socket.destroy();
    assertEquals((await failure("write", used.write(new Uint8Array(1_000_000)))).code, "ERR_STREAM_LOST");
    // It had ended: that it is lost now changes nothing for the reader.
    assertEquals(await text(used), null);
    await within(1_000, "closed", closing.closed);
  }
  await until("all are gone", () => server.stats().connections === 0);
  const { active, inUse } = server.stats();
  assertEquals([active, inUse], [0, 0]);
  await closes(server);
});
