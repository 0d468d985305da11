// A server may break the protocol, the connection or its own end of it: streams in use are lost with a cause, idle ones
// leave at once, who waits goes on waiting, and the client comes back. And what is strange but allowed harms nobody.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createServer, type Socket } from "node:net";
import type { ClientPoolOptions } from "../../../src/streams/options.ts";
import { ACK, CONTINUATION, DATA, data, frame, GOAWAY, HEADERS, headers, PING, ping } from "../../support/frames.ts";
import { concat, PRIORITY, PUSH_PROMISE, reset, RST_STREAM, SETTINGS, settings, uint32 } from "../../support/frames.ts";
import { utf8, WINDOW_UPDATE, windowUpdate } from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { text } from "../support.ts";
import { OK, type RawPeer, rawServer } from "./raw.ts";
import {
  closes,
  each,
  echoes,
  echoing,
  failure,
  ledger,
  network,
  pairOver,
  quickClient,
  recovers,
  until,
} from "./support.ts";
import { within } from "./support.ts";

type Fault = (peer: RawPeer) => void;

const send = (...parts: Uint8Array[]): Fault => (peer) => peer.send(...parts);
const many = (n: number, bytes: Uint8Array): Uint8Array => concat(...Array.from({ length: n }, () => bytes));
const stops: Fault = (peer) => void peer.socket.pause();

const DEADLY: Record<string, Fault> = {
  "FIN": (peer) => void peer.socket.end(),
  "destroyed": (peer) => void peer.socket.destroy(),
  "HTTP/1.1": send(utf8("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")),
  "garbage": send(Uint8Array.from({ length: 5_000 }, (_, i) => (i * 167 + 13) % 256)),
  "half a frame, then FIN": (peer) => {
    peer.send(ping().subarray(0, 14));
    peer.socket.end();
  },
  "a frame of 16 MB": send(Uint8Array.of(0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1)),
  "SETTINGS of 5 bytes": send(frame(SETTINGS, 0, 0, new Uint8Array(5))),
  "SETTINGS of a stream": send(frame(SETTINGS, 0, 1)),
  "SETTINGS_INITIAL_WINDOW_SIZE 2^31": send(settings({ 4: 0x8000_0000 })),
  "SETTINGS_MAX_FRAME_SIZE 1": send(settings({ 5: 1 })),
  "SETTINGS_ENABLE_PUSH 1": send(settings({ 2: 1 })),
  "PING of 7 bytes": send(frame(PING, 0, 0, new Uint8Array(7))),
  "PING of a stream": send(frame(PING, 0, 1, new Uint8Array(8))),
  "GOAWAY of 4 bytes": send(frame(GOAWAY, 0, 0, new Uint8Array(4))),
  "GOAWAY of a stream": send(frame(GOAWAY, 0, 1, new Uint8Array(8))),
  "RST_STREAM of 3 bytes": send(frame(RST_STREAM, 0, 1, new Uint8Array(3))),
  "RST_STREAM of a stream that never was": send(reset(9_999, 8)),
  "WINDOW_UPDATE of 0": send(windowUpdate(0, 0)),
  "a connection window of 2^31": send(windowUpdate(0, 0x7fff_ffff)),
  "WINDOW_UPDATE of a stream that never was": send(windowUpdate(9_999, 1)),
  "DATA of no stream": send(data(0, "x")),
  "DATA of a stream that never was": send(data(9_999, "x")),
  "DATA of a stream of the server": send(data(2, "x")),
  "padding longer than the frame": send(frame(DATA, 8, 1, Uint8Array.of(200, 1, 2))),
  "HEADERS of no stream": send(headers(0, OK)),
  "HEADERS of a stream of the server": send(headers(2, OK)),
  "PUSH_PROMISE": send(frame(PUSH_PROMISE, 4, 1, concat(uint32(2), Uint8Array.of(0x82)))),
  "CONTINUATION without HEADERS": send(frame(CONTINUATION, 4, 1)),
  "PING within a header block": send(frame(HEADERS, 0, 1, Uint8Array.of(0x88)), ping()),
  "a header block that is none": send(frame(HEADERS, 4, 1, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff))),
  "an index that does not exist": send(frame(HEADERS, 4, 1, Uint8Array.of(0xfe))),
  "CONTINUATION without end": send(frame(HEADERS, 0, 1), many(100, frame(CONTINUATION, 0, 1))),
  "a flood of PING": send(many(2_000, ping())),
  "a flood of SETTINGS": send(many(500, settings())),
  "a flood of empty DATA": send(many(5_000, data(1, ""))),
  "a flood of unknown frames": send(many(5_000, frame(99, 0, 0))),
};

const HARMLESS: Record<string, Fault> = {
  "unknown frames": send(frame(99, 255, 0, utf8("x")), frame(200, 0, 1), frame(99, 1, 9_999)),
  "PRIORITY": send(frame(PRIORITY, 0, 1, new Uint8Array(5)), frame(PRIORITY, 0, 9_999, new Uint8Array(5))),
  "unknown settings": send(settings({ 77: 1, 8: 1, 9: 1 })),
  "ACK of no PING": send(ping(7, ACK)),
  "PING with odd flags": send(frame(PING, 0xf0, 0, new Uint8Array(8))),
  "DATA of a stream that we reset": send(),
  "a window of 0 for a while": send(settings({ 4: 0 }), settings({ 4: 65_535 })),
  "no more streams for a while": send(settings({ 3: 0 }), settings({ 3: 100 })),
  "small frames": send(settings({ 5: 16_384 })),
  "no table": send(settings({ 1: 0 })),
};

const FAST: Partial<ClientPoolOptions> = { keepAlive: 60_000 };

test("connection: what breaks the protocol loses the streams in use, and the client comes back", async (t) => {
  await each(DEADLY, async (fault) => {
    const server = await rawServer(t, { data: () => {} });
    const client = quickClient(t, server.port, FAST);
    const lost: (Error | undefined)[] = [];
    const errors: Error[] = [];
    client.addEventListener("disconnect", ({ detail }) => lost.push(detail.error));
    client.addEventListener("error", ({ detail }) => errors.push(detail));
    await client.start();
    await client.filled();
    const used = await client.outgoingGet("00000000");
    await client.filled();
    const reading = failure("the pending read", used.read(new Uint8Array(1)));
    const writing = failure("the pending write", used.write(new Uint8Array(300_000)));
    const waiting = client.outgoingGet("00020001", { timeout: 10_000 });
    const { created } = client.stats();
    fault(server.peers[0]!);
    for (const error of [await reading, await writing]) {
      assertEquals(error.code, "ERR_STREAM_LOST");
      assert(error.cause instanceof Error, "a cause");
    }
    await within(1_000, "closed", used.closed);
    const { evicted, inUse, lastError } = client.stats();
    assertEquals([evicted, inUse], [created - 1, 0], "idle streams have left");
    assertEquals(lost.length, 1);
    assert(lost[0] instanceof Error);
    assertEquals([errors, client.errorCount, lastError], [lost, 1, lost[0]]);
    ledger(client);
    server.script = {};
    // Of the second connection: who waits is not told of the first one's end.
    await echoes(await waiting);
    await recovers(client);
    assertEquals([server.peers.length, client.stats().reconnects], [2, 1]);
    await closes(client);
  });
});

test("connection: what is strange but allowed changes nothing", async (t) => {
  await each(HARMLESS, async (fault) => {
    const server = await rawServer(t);
    const client = quickClient(t, server.port, FAST);
    await client.start();
    await client.filled();
    const used = await client.outgoingGet("00000000");
    const cut = await client.incomingGet();
    cut.abort();
    const [peer] = server.peers;
    await until("the reset has come", () => [...peer!.streams.values()].some(({ reset }) => reset === 8));
    const { id } = [...peer!.streams.values()].find(({ reset }) => reset === 8)!;
    peer!.send(data(id, "late"), reset(id, 8), windowUpdate(id, 10));
    fault(peer!);
    await echoes(used);
    await recovers(client);
    assertEquals([server.peers.length, client.errorCount], [1, 0]);
    await closes(client);
  });
});

test("connection: a server that stops in the middle of a frame is found within keepAlive and pingTimeout", async (t) => {
  const halves: Record<string, Fault> = {
    "nothing at all": () => {},
    "half a frame": send(ping().subarray(0, 14)),
    "half a frame's head": send(data(1, "x").subarray(0, 5)),
    "half a header block": send(frame(HEADERS, 0, 1, Uint8Array.of(0x88))),
    "reads no more": stops,
  };
  await each(halves, async (fault, name) => {
    const server = await rawServer(t, { data: () => {} });
    const client = quickClient(t, server.port, { keepAlive: 400, pingTimeout: 300 });
    await client.start();
    await client.filled();
    const used = await client.outgoingGet("00000000");
    const reading = failure("the pending read", used.read(new Uint8Array(1)));
    server.script = { mute: true };
    const [peer] = server.peers;
    fault(peer!);
    const began = performance.now();
    const error = await reading;
    const took = performance.now() - began;
    assertEquals(error.code, "ERR_STREAM_LOST");
    assertMatch((error.cause as Error).message, /PING within 300 ms/);
    assert(took < 700 + 2_000, `${name}: found after ${Math.round(took)} ms`);
    server.script = {};
    await recovers(client);
    await closes(client);
  });
});

test("connection: of half a DATA frame the half is there, then the connection's end", async (t) => {
  const server = await rawServer(t, { data: () => {} });
  const client = quickClient(t, server.port);
  await client.start();
  const used = await client.outgoingGet("00000000");
  server.script = { mute: true };
  const [peer] = server.peers;
  peer!.send(data(1, "half of it").subarray(0, 13));
  assertEquals(await text(used), "half");
  peer!.socket.end();
  const error = await failure("read", used.read(new Uint8Array(1)));
  assertEquals(error.code, "ERR_STREAM_LOST");
  assertMatch((error.cause as Error).message, /in the middle of a frame/);
  server.script = {};
  await recovers(client);
  await closes(client);
});

test("connection: a server that sends bytes all the time, but answers no PING, is alive", async (t) => {
  const server = await rawServer(t, { data: () => {}, ping: () => {} });
  const client = quickClient(t, server.port, { keepAlive: 100, pingTimeout: 400 });
  await client.start();
  await client.filled();
  const used = await client.outgoingGet("00000000");
  const buffer = new Uint8Array(1);
  const [peer] = server.peers;
  const began = performance.now();
  while (performance.now() - began < 900) {
    peer!.send(data(1, "x"));
    assertEquals(await used.read(buffer), 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertEquals(client.stats().reconnects, 0);
  server.script = {};
  await recovers(client);
  await closes(client);
});

test("connection: cut, reset or frozen on the way: both sides find out, and have what they need again", async (t) => {
  const keepAlive = { keepAlive: 500, pingTimeout: 400 };
  await each({ cut: "cut", reset: "reset", freeze: "freeze" } as const, async (how) => {
    const { net, server, client } = await pairOver(t, { client: keepAlive, server: keepAlive });
    const near = await client.incomingGet();
    const far = await server.outgoingGet(near.id);
    const [old] = server.connections();
    const heard = new Promise<Error | undefined>((resolve) =>
      server.addEventListener("disconnect", ({ detail }) => resolve(detail.error), { once: true })
    );
    const waits = [failure("read", near.read(new Uint8Array(1))), failure("read", far.read(new Uint8Array(1)))];
    const ofOld = failure("a wait for that connection", server.outgoingGet("deadbeef", { connection: old! }), 5_000);
    const began = performance.now();
    net[how]();
    for (const wait of waits) {
      const error = await wait;
      assertEquals(error.code, "ERR_STREAM_LOST");
      assert(error.cause instanceof Error);
    }
    assertEquals((await ofOld).code, "ERR_STREAM_LOST");
    assert(performance.now() - began < 900 + 2_000);
    assert(await heard instanceof Error);
    await until("the old one is gone", () => !server.connections().includes(old!));
    ledger(server);
    echoing(server);
    await recovers(client);
    ledger(server);
    await closes(client);
    await until("the server has seen it", () => server.stats().connections === 0);
    assertEquals([server.active, server.stats().inUse], [0, 0]);
    await closes(server);
  });
});

test("connection: a network that is down for a while: attempts fail, waits go on, all is well afterwards", async (t) => {
  const { net, server, client } = await pairOver(t);
  echoing(server);
  net.down();
  net.cut();
  await until("attempts have failed", () => client.errorCount >= 4);
  assertEquals([client.state, client.ready, client.active], ["reconnecting", false, 0]);
  assertEquals((client.stats().lastError as { code?: string }).code, "ERR_POOL_CONNECT");
  assertEquals((await failure("a wait of no time", client.incomingGet(0))).code, "ERR_POOL_TIMEOUT");
  assertEquals((await failure("a short wait", client.incomingGet(50))).code, "ERR_POOL_TIMEOUT");
  const waiting = client.incomingGet({ timeout: 10_000 });
  const filling = client.filled(undefined, { timeout: 10_000 });
  net.up();
  await echoes(await waiting);
  await filling;
  await recovers(client);
  await closes(client);
});

test("connection: what answers is no TLS, no HTTP/2, or nothing: attempts end in time, with what was wrong", async (t) => {
  type Play = (socket: Socket) => void;
  const plays: Record<string, { play: Play; says: RegExp; kind: string }> = {
    "garbage": { play: (s) => void s.write(new Uint8Array(500).fill(42)), says: /TLS/, kind: "tls" },
    "HTTP/1.1": { play: (s) => void s.write("HTTP/1.1 400 Bad Request\r\n\r\n"), says: /TLS/, kind: "tls" },
    "SSH": { play: (s) => void s.write("SSH-2.0-OpenSSH_9.2\r\n"), says: /TLS/, kind: "tls" },
    "nothing": { play: () => {}, says: /within/, kind: "timeout" },
    "FIN": { play: (s) => void s.end(), says: /closed/, kind: "reset" },
    "RST": { play: (s) => void s.resetAndDestroy(), says: /closed/, kind: "reset" },
    "half a record": {
      play: (s) => void s.write(Uint8Array.of(22, 3, 3, 1, 0, 2, 0)),
      says: /within/,
      kind: "timeout",
    },
  };
  await each(plays, async ({ play, says, kind }) => {
    const sockets = new Set<Socket>();
    const odd = createServer((socket) => {
      sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
      socket.resume();
      play(socket);
    });
    await new Promise<void>((resolve) => odd.listen(0, "127.0.0.1", resolve));
    t.cleanup(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => odd.close(resolve));
    });
    const { port } = odd.address() as { port: number };
    const client = quickClient(t, port, { connectTimeout: 400 });
    const began = performance.now();
    const error = await failure("start", client.start({ timeout: 700 }));
    assertEquals(error.code, "ERR_POOL_CONNECT");
    assertMatch(error.message, says);
    assertEquals((error.cause as { kind?: string }).kind, kind);
    if (kind === "tls") assert(performance.now() - began < 650, "will not pass, but was tried again");
    await closes(client);
  });
});

test("connection: TLS and then nothing, or no HTTP/2: attempts end in time, and the next server is taken", async (t) => {
  const plays: Record<string, Fault> = {
    "nothing": () => {},
    "half of SETTINGS": send(settings({ 3: 100 }).subarray(0, 10)),
    "HTTP/1.1": send(utf8("HTTP/1.1 400 Bad Request\r\n\r\n")),
    "another frame first": send(ping()),
    "GOAWAY first": send(frame(GOAWAY, 0, 0, concat(uint32(0), uint32(11)))),
    "WINDOW_UPDATE first": send(frame(WINDOW_UPDATE, 0, 0, uint32(1)), settings()),
    "FIN": (peer) => void peer.socket.end(),
  };
  await each(plays, async (play) => {
    const server = await rawServer(t, { greet: play, mute: true });
    const net = await network(t, server.port);
    const client = quickClient(t, net.port, { connectTimeout: 400 });
    const started = client.start();
    const errors: Error[] = [];
    client.addEventListener("error", ({ detail }) => errors.push(detail));
    await until("two attempts have failed", () => errors.length >= 2);
    for (const error of errors) assertEquals((error as { code?: string }).code, "ERR_POOL_CONNECT");
    assertEquals(client.state, "starting");
    server.script = {};
    await started;
    await recovers(client);
    await closes(client);
    await until("nothing of the others is left", () => net.size === 0);
  });
});
