import { assert, assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { ConnectError, type Connection } from "../../src/adapter/contract.ts";
import type { ClientPool, PoolStream } from "../../src/streams/mod.ts";
import { test } from "../support/harness.ts";
import {
  bytes,
  dials,
  giveId,
  memoryPair,
  oddHandler,
  oddServer,
  type OddStream,
  rejects,
  settled,
  text,
  turn,
  type World,
  world,
} from "./support.ts";

/** A server of the test's making, and a client for it. */
async function odd(
  t: Parameters<typeof world>[0],
  answer: (stream: OddStream, index: number) => void,
  options: Parameters<World["client"]>[1] = {},
): Promise<World & { streams: OddStream[]; connections: Connection[]; client: never; pool: ClientPool }> {
  const w = world(t);
  const streams: OddStream[] = [];
  const connections: Connection[] = [];
  const listener = await oddServer(t, w.engine, w.clock, (connection) => {
    connections.push(connection);
    return oddHandler(streams, answer);
  });
  return { ...w, streams, connections, client: undefined as never, pool: w.client(listener.addr.port, options) };
}

test("client: opens streams as the protocol says", async (t) => {
  const w = await odd(t, (stream, index) => giveId(stream, index), { headers: { Authorization: "Bearer x" } });
  await w.pool.start();
  await w.turn();
  const [first] = w.streams;
  assertEquals(first!.fields, [
    ":method",
    "POST",
    ":scheme",
    "https",
    ":authority",
    "localhost",
    ":path",
    "/stream",
    "authorization",
    "Bearer x",
  ]);
  assertEquals(first!.received, [0]);
  assert(!first!.ended);
  assertEquals(w.pool.active, 5);
});

test("client: the id may come byte by byte, and bytes after it are the stream's", async (t) => {
  const w = await odd(t, async ({ channel }, index) => {
    if (index > 0) return;
    channel.respond([":status", "200", "content-type", "text/plain"]);
    for (const byte of [0xde, 0xad, 0xbe]) {
      channel.write(Uint8Array.of(byte));
      await turn();
    }
    channel.write(new Uint8Array([0xef, ...bytes("tunnel")]));
  }, { maxCapacity: 1 });
  await w.pool.start();
  const stream = await w.pool.outgoingGet("deadbeef");
  assertEquals(await text(stream), "tunnel");
});

test("client: calls before start, and after close, reject", async (t) => {
  const w = world(t);
  const pool = w.client(1);
  assertEquals(pool.state, "new");
  await rejects(pool.incomingGet(), "ERR_POOL_NOT_STARTED");
  await rejects(pool.outgoingGet("00000000"), "ERR_POOL_NOT_STARTED");
  await rejects(pool.filled(), "ERR_POOL_NOT_STARTED");
  await pool.close();
  assertEquals(pool.state, "closed");
  await rejects(pool.incomingGet(), "ERR_POOL_CLOSED");
  await rejects(pool.filled(), "ERR_POOL_CLOSED");
  await rejects(pool.start(), "ERR_POOL_CLOSED");
  await pool.closed;
});

test("client: wrong arguments of waits reject with ERR_POOL_OPTION", async (t) => {
  const { clientPool } = await memoryPair(t);
  for (
    const call of [
      clientPool.outgoingGet("0000000"),
      clientPool.outgoingGet("DEADBEEF"),
      clientPool.outgoingGet(0 as never),
      clientPool.incomingGet(-1),
      clientPool.incomingGet({ timeout: NaN }),
      clientPool.incomingGet({ connection: "x" as never }),
      clientPool.filled(21),
      clientPool.filled(1.5),
      clientPool.start({ timeout: -1 }),
      clientPool.close({ grace: -1 }),
    ]
  ) await rejects(call, "ERR_POOL_OPTION");
});

test("lost: idle streams leave at once, the pool reconnects with back-off, asking the resolver again", async (t) => {
  const w = world(t);
  const server = await w.server();
  const asked: number[] = [];
  const pool = w.client(0, {
    address: () => {
      asked.push(w.clock.now());
      return `127.0.0.1:${server.addr!.port}`;
    },
  });
  await pool.start();
  const used = await pool.incomingGet();
  const heard: string[] = [];
  for (const type of ["disconnect", "connect", "evict"] as const) pool.addEventListener(type, () => heard.push(type));
  pool.addEventListener("disconnect", () => heard.push(pool.state));
  await w.pass(10_000);
  let down = 3;
  w.engine.dialing = () => {
    if (down-- > 0) throw new ConnectError("refused", "refused");
  };
  heard.length = 0;
  const idle = pool.active;
  assert(idle > 0);
  w.engine.links[0]!.cut(new Error("cable"));
  assertEquals(pool.active, 0);
  assertEquals(pool.state, "reconnecting");
  assert(!pool.ready);
  assertEquals(heard, [...new Array(idle).fill("evict"), "disconnect", "reconnecting"]);
  const lost = await rejects(used.read(new Uint8Array(1)), "ERR_STREAM_LOST");
  assertInstanceOf(lost.cause, Error);
  const at = w.clock.now();
  asked.length = 0;
  await w.pass(20_000);
  // It had lived for long: the first attempt is made at once, the others by gRPC's figures.
  assertEquals(asked.map((time) => time - at), [0, 1_000, 2_600, 5_160]);
  assertEquals(pool.state, "ready");
  assertEquals(pool.stats().reconnects, 1);
  assert(pool.active >= 5);
});

test("lost: a connection that dies young is not replaced at once", async (t) => {
  const w = world(t);
  const server = await w.server();
  const pool = w.client(server.addr!.port);
  await pool.start();
  const times = dials(w, () => undefined);
  const began = w.clock.now();
  for (let i = 0; i < 5; i++) {
    w.engine.links[0]!.cut();
    await w.pass(1_000);
  }
  // Opened streams each time, so that the back-off does not grow; never more often than its first step.
  assertEquals(times.map((time) => time - began), [1_000, 2_000, 3_000, 4_000, 5_000]);
});

test("GOAWAY: a new connection at once, streams in use finish on the old one", async (t) => {
  const w = await odd(t, (stream, index) => giveId(stream, index));
  await w.pool.start();
  await w.turn();
  const used = await w.pool.incomingGet();
  const oldStream = w.streams[0]!;
  const before = w.clock.now();
  w.connections[0]!.goaway();
  await w.turn();
  await w.turn();
  assertEquals(w.connections.length, 2);
  assertEquals(w.clock.now(), before);
  assertEquals(w.pool.state, "ready");
  assertEquals(w.pool.stats().connections, 2);
  const next = await w.pool.incomingGet();
  assert(next.connection !== used.connection);
  await used.write(bytes("still here"));
  await w.turn();
  assertEquals(oldStream.received.slice(1), [...bytes("still here")]);
  oldStream.channel.write(bytes("me too"));
  oldStream.channel.end();
  assertEquals(await text(used), "me too");
  assertEquals(await text(used), null);
  await used.closeWrite();
  await used.closed;
  await w.pass(31_000);
  assertEquals(w.pool.stats().connections, 1);
});

test("GOAWAY: one that comes again and again does not make it connect in a loop", async (t) => {
  const w = world(t);
  let count = 0;
  const listener = await oddServer(t, w.engine, w.clock, (connection) => {
    count++;
    const streams: OddStream[] = [];
    return oddHandler(streams, (stream, index) => {
      giveId(stream, index);
      connection.goaway();
    });
  });
  const pool = w.client(listener.addr.port);
  await pool.start();
  await w.pass(10_000);
  assert(count <= 12, `${count} connections in 10 s`);
  assert(count >= 3, `${count} connections in 10 s`);
});

test("GOAWAY before any stream was answered is met with back-off", async (t) => {
  const w = world(t);
  const times = dials(w, () => undefined);
  const listener = await oddServer(t, w.engine, w.clock, (connection) => {
    queueMicrotask(() => connection.goaway(11));
    return oddHandler([], () => {});
  });
  const pool = w.client(listener.addr.port);
  const started = rejects(pool.start({ timeout: 20_000 }), "ERR_POOL_TIMEOUT").catch((e) => e);
  await w.pass(20_000);
  await started;
  assert(times.length < 8, `${times.length} attempts in 20 s`);
});

test("refusals: 404 is a full Go server, its body no id", async (t) => {
  let full = true;
  const w = await odd(t, (stream, index) => {
    if (!full) return giveId(stream, index);
    stream.channel.respond([":status", "404", "content-type", "text/plain"]);
    stream.channel.write(bytes("404 page not found\n"));
    stream.channel.end();
  });
  await w.pool.start();
  await w.turn();
  assertEquals(w.pool.active, 0);
  assertEquals(w.pool.stats().rejected, 5);
  assertEquals(w.pool.stats().failed, 0);
  assertEquals(w.pool.errorCount, 0);
  assertEquals(w.streams.map((stream) => stream.closed), new Array(5).fill("in order"));
  const before = w.streams.length;
  await w.pass(5_000);
  assert(w.streams.length - before <= 50, "a full server is asked without end");
  full = false;
  const stream = await Promise.all([w.pool.incomingGet({ timeout: 6_000 }), w.pass(6_000)]);
  assertMatch(stream[0].id, /^[0-9a-f]{8}$/);
});

test("refusals: REFUSED_STREAM is a full server too", async (t) => {
  const w = await odd(t, ({ channel }) => channel.reset(7));
  await w.pool.start();
  assertEquals(w.pool.stats().rejected, 5);
  assertEquals(w.pool.errorCount, 0);
});

test("handshake: wrong answers count as failures with a code, and back off", async (t) => {
  const answers: ((stream: OddStream) => void)[] = [
    ({ channel }) => channel.respond([":status", "500"], "none"),
    ({ channel }) => {
      channel.respond([":status", "200"]);
      channel.write(Uint8Array.of(1, 2));
      channel.end();
    },
    ({ channel }) => channel.respond([":status", "200"], "none"),
    ({ channel }) => channel.reset(2),
    ({ channel }) => channel.respond([":status", "302", "location", "/x"], "none"),
  ];
  const w = await odd(t, (stream, index) => answers[index % 5]!(stream));
  const said: string[] = [];
  w.pool.addEventListener("error", (e) => {
    assertEquals((e.detail as { code?: string }).code, "ERR_POOL_HANDSHAKE");
    said.push(e.detail.message);
  });
  await w.pool.start();
  await w.turn();
  assertEquals(w.pool.stats().failed, 5);
  assertEquals(said.length, 5);
  assertMatch(said.join("\n"), /status 500/);
  assertMatch(said.join("\n"), /before its id/);
  assertMatch(said.join("\n"), /code 2/);
  await w.pass(10_000);
  assert(w.streams.length <= 30, `${w.streams.length} openings in 10 s`);
});

test("handshake: an id that an idle stream of the connection has is refused", async (t) => {
  const w = await odd(t, (stream, index) => giveId(stream, index < 2 ? 7 : index));
  await w.pool.start();
  await w.turn();
  assertEquals(w.pool.active, 4);
  assertEquals(w.streams.filter((stream) => typeof stream.closed === "object").length, 1);
  assertMatch(w.pool.stats().lastError!.message, /00000007 to two idle streams/);
});

test("headers: a function is asked for each stream; one that throws fails the opening only", async (t) => {
  let calls = 0;
  const w = await odd(t, (stream, index) => giveId(stream, index), {
    headers: () => {
      if (++calls === 3) throw new Error("no token");
      return { Authorization: `Bearer ${calls}` };
    },
  });
  await w.pool.start();
  await w.pass(1_100);
  assertEquals(w.streams.slice(0, 3).map((stream) => stream.fields.at(-1)), ["Bearer 1", "Bearer 2", "Bearer 4"]);
  assertMatch(w.pool.stats().lastError!.message, /no token/);
  assertEquals(w.pool.active, 5);
});

test("headers: a function that gives a promise does not go unnoticed", async (t) => {
  const w = await odd(t, (stream, index) => giveId(stream, index), {
    headers: (() => Promise.resolve({ authorization: "Bearer x" })) as never,
  });
  const started = w.pool.start({ timeout: 3_000 }).catch(() => {});
  await w.pass(3_000);
  await started;
  assertEquals(w.streams.length, 0);
  assertMatch(w.pool.stats().lastError!.message, /promise/);
});

test("connections: several are kept, and streams go to the one with the fewest", async (t) => {
  const { serverPool, clientPool, engine, pass } = await memoryPair(t, {
    client: { connections: 3, minCapacity: 9, maxCapacity: 9 },
  });
  await clientPool.filled(9);
  assertEquals(serverPool.connections().length, 3);
  const per = serverPool.connections().map((connection) => connection);
  assertEquals(clientPool.stats().connections, 3);
  engine.links[1]!.cut();
  assertEquals(clientPool.state, "ready");
  await pass(6_000);
  assertEquals(clientPool.stats().connections, 3);
  assertEquals(clientPool.active, 9);
  assertEquals(per.length, 3);
});

test("connections: the first one does not get the share of those that are being made, unless somebody waits", async (t) => {
  const w = world(t);
  const server = await w.server();
  const late: (() => void)[] = [];
  // The first connection is up at once, the others when told.
  let dials = 0;
  w.engine.dialing = () => ++dials === 1 ? undefined : new Promise<void>((resolve) => late.push(resolve));
  const client = w.client(server.addr!.port, {
    connections: 3,
    minCapacity: 9,
    maxCapacity: 9,
  });
  const idle = () => w.pass(500).then(() => client.active);
  await client.start();
  assertEquals(await idle(), 3);
  const taken = Promise.all(Array.from({ length: 20 }, () => client.incomingGet()));
  await w.turn();
  assertEquals((await taken).length, 20);
  w.engine.dialing = undefined;
  late[0]!();
  await w.turn();
  assertEquals(client.stats().connections, 2);
  late[1]!();
  assertEquals([await idle(), client.stats().connections], [9, 3]);
});

test("connections: the first fill is shared by all", async (t) => {
  const w = world(t);
  const server = await w.server();
  const client = w.client(server.addr!.port, { connections: 3, minCapacity: 9, maxCapacity: 9 });
  await client.start();
  await client.filled(9);
  w.engine.links[0]!.cut();
  assertEquals(client.active, 6);
  await w.pass(6_000);
});

test("maxStreamsPerConnection: a fresh connection takes over, the old one ends with its last stream", async (t) => {
  const { serverPool, clientPool, pass } = await memoryPair(t, {
    client: { maxStreamsPerConnection: 6, minCapacity: 4, maxCapacity: 4 },
  });
  const used: PoolStream[] = [];
  for (let i = 0; i < 10; i++) {
    const stream = await clientPool.incomingGet();
    used.push(stream);
    await pass(600);
  }
  assert(serverPool.connections().length >= 2);
  assertEquals(clientPool.errorCount, 0);
  for (const stream of used) stream.close();
  for (
    const { id, connection } of serverPool.connections().flatMap((c) => used.map((s) => ({ id: s.id, connection: c })))
  ) {
    serverPool.outgoingGet(id, { timeout: 0, connection }).then((s) => s.close(), () => {});
  }
  await pass(60_000);
  assert(clientPool.stats().connections <= 2, `${clientPool.stats().connections} connections`);
});

test("maxStreams: the peer's limit is respected, and more are opened as others end", async (t) => {
  const { serverPool, clientPool, pass } = await memoryPair(t, {
    server: { maxStreams: 8 },
    client: { minCapacity: 5 },
  });
  const used = [];
  for (let i = 0; i < 8; i++) {
    used.push(await clientPool.incomingGet({ timeout: 0 }).catch(() => undefined)), await pass(600);
  }
  assertEquals(used.filter((stream) => stream !== undefined).length, 8);
  assertEquals(clientPool.errorCount, 0);
  await rejects(clientPool.incomingGet({ timeout: 0 }), "ERR_POOL_TIMEOUT");
  const waiting = clientPool.incomingGet({ timeout: 10_000 });
  await pass(1_000);
  assert(!await settled(waiting));
  const far = await serverPool.outgoingGet(used[0]!.id);
  far.close();
  used[0]!.close();
  await waiting;
});

test("keepAlive: a frozen peer is found, and only after keepAlive plus pingTimeout", async (t) => {
  const { clientPool, engine, pass } = await memoryPair(t, {
    client: { keepAlive: 5_000, pingTimeout: 2_000 },
    server: { keepAlive: 0 },
  });
  const used = await clientPool.incomingGet();
  await pass(60_000);
  assertEquals(clientPool.state, "ready");
  const last = engine.links[0]!;
  last.freeze();
  // A PING may just have been answered: the silence begins now.
  await pass(5_000 + 2_000 + 1);
  const error = await rejects(used.read(new Uint8Array(1)), "ERR_STREAM_LOST");
  assertMatch((error.cause as Error).message, /PING/);
});

test("keepAlive: 0 is off", async (t) => {
  const { clientPool, engine, pass } = await memoryPair(t, { client: { keepAlive: 0 }, server: { keepAlive: 0 } });
  await pass(1_000);
  engine.links[0]!.freeze();
  await pass(600_000);
  assertEquals(clientPool.state, "ready");
});

test("keepAlive: PINGs go out only into silence, and measure", async (t) => {
  const w = await odd(t, (stream, index) => giveId(stream, index), {
    keepAlive: 1_000,
    maxCapacity: 1,
  });
  assertEquals(w.pool.stats().rtt, undefined);
  await w.pool.start();
  await w.turn();
  assertEquals(w.pool.stats().rtt, 0);
  const sent = w.pool.stats().bytesOut;
  for (let i = 0; i < 20; i++) {
    w.streams[0]!.channel.write(bytes("x"));
    await w.pass(500);
  }
  assertEquals(w.pool.stats().bytesOut - sent, 0, "PINGs although bytes came");
  await w.pass(3_100);
  assertEquals(w.pool.stats().bytesOut - sent, 3 * 17);
});
