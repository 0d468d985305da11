// The sentences of API.md about pools, one by one, where no other test says them.
import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import { ClientPool, type ConnectionInfo, PoolError, ServerPool } from "../../../src/streams/mod.ts";
import type { PoolState } from "../../../src/core/lifecycle.ts";
import type { StreamPool } from "../../../src/streams/stream_pool.ts";
import * as certs from "../../support/certs.ts";
import { concat, data, headers, parseFrames, ping, PREFACE, SETTINGS, settings } from "../../support/frames.ts";
import { WINDOW_UPDATE } from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { currentRuntime } from "../../support/runtime.ts";
import { spawnRuntime } from "../../support/spawn.ts";
import { clientTls, memoryPair, realPair, realServer, serverTls, settled, world } from "../support.ts";
import { POST, rawClient, rawServer } from "./raw.ts";
import {
  closes,
  echoing,
  failure,
  ledger,
  network,
  pairOver,
  QUICK,
  quickClient,
  recovers,
  until,
  within,
} from "./support.ts";

test("waits: 30 seconds when nothing is said, absolute, whatever happens meanwhile", async (t) => {
  const { serverPool, clientPool, engine, pass } = await memoryPair(t);
  for (const pool of [serverPool, clientPool]) {
    const waiting = failure("outgoingGet", pool.outgoingGet("deadbeef"));
    let over = false;
    waiting.then(() => over = true);
    await pass(10_000);
    // A connection that is lost and comes back gives no more time.
    engine.links.at(-1)!.cut();
    await pass(19_999);
    assert(!over, "too early");
    await pass(1);
    assertEquals((await waiting).code, "ERR_POOL_TIMEOUT");
    assertMatch((await waiting).message, /deadbeef.*30000 ms/);
  }
});

test("waits: 0 is what is there now, a number is a timeout, Infinity has no end", async (t) => {
  const { serverPool, clientPool, pass } = await memoryPair(t, {
    client: { maxCapacity: 2, minCapacity: 2, minInterval: 5_000 },
  });
  assertEquals((await clientPool.outgoingGet("00000000", 0)).id, "00000000");
  assertEquals((await failure("gone", clientPool.outgoingGet("00000000", { timeout: 0 }))).code, "ERR_POOL_TIMEOUT");
  assertEquals((await failure("too many", clientPool.filled(2, 0))).code, "ERR_POOL_TIMEOUT");
  await clientPool.filled(1, 0);
  await clientPool.filled(0, 0);
  const short = failure("short", serverPool.outgoingGet("deadbeef", 1_000));
  const endless = serverPool.outgoingGet("deadbeef", Infinity);
  assertEquals(serverPool.stats().waiting, 2);
  await pass(1_000);
  assertEquals((await short).code, "ERR_POOL_TIMEOUT");
  await pass(86_400_000);
  assert(!await settled(endless));
  const over = failure("closed", endless);
  const closing = serverPool.close();
  assertEquals((await over).code, "ERR_POOL_CLOSED");
  await pass(5_000);
  await closing;
});

test("waits: a signal ends them with its reason, and nothing of them stays", async (t) => {
  const { serverPool, clientPool } = await memoryPair(t);
  const reason = new Error("changed my mind");
  for (const pool of [serverPool, clientPool] as StreamPool[]) {
    const abort = new AbortController();
    const { signal } = abort;
    while (pool.active > 0) await pool.incomingGet(0);
    const waits = [pool.outgoingGet("deadbeef", { signal }), pool.filled(pool === clientPool ? 20 : 1_000, { signal })];
    const failed = waits.map((wait) => wait.catch((error) => error));
    assertEquals(pool.stats().waiting, 1);
    abort.abort(reason);
    assertEquals(await Promise.all(failed), [reason, reason]);
    assertEquals(pool.stats().waiting, 0);
    for (const wait of [pool.incomingGet({ signal }), pool.outgoingGet("00000000", { signal, timeout: 0 })]) {
      assertStrictEquals(await wait.catch((error) => error), reason, "an aborted one takes nothing");
    }
  }
});

test("waits: first come, first served; of one connection only that one's; of no connection of this pool: an error", async (t) => {
  const w = world(t);
  const server = await w.server();
  const other = await w.server();
  const client = w.client(server.addr!.port, { minCapacity: 1, maxCapacity: 3, minInterval: 100 });
  const stranger = w.client(other.addr!.port);
  await client.start();
  await stranger.start();
  await w.turn();
  await server.incomingGet(0);
  const order: number[] = [];
  const waits = [0, 1, 2].map((i) => server.incomingGet().then(() => order.push(i)));
  for (let i = 0; i < 3; i++) await client.incomingGet(0).catch(() => {}), await w.pass(1_000);
  await Promise.all(waits);
  assertEquals(order, [0, 1, 2]);
  const [foreign] = other.connections();
  for (const connection of [foreign!, {} as ConnectionInfo]) {
    const error = await failure("a foreign connection", server.incomingGet({ connection }));
    assertEquals(error.code, "ERR_POOL_OPTION");
    assertMatch(error.message, /`connection`/);
  }
});

test("filled: resolves when so many stand ready, not before, and asks for them", async (t) => {
  const { serverPool, clientPool, pass } = await memoryPair(t, { client: { minCapacity: 2, maxCapacity: 12 } });
  await clientPool.filled();
  assertEquals(clientPool.active, clientPool.capacity);
  assert(clientPool.active < 12);
  const filling = clientPool.filled(12).then(() => assertEquals(clientPool.active, 12));
  const there = serverPool.filled(12).then(() => assertEquals(serverPool.active, 12));
  await pass(1_000);
  await filling;
  await there;
  assertEquals([clientPool.active, serverPool.active], [12, 12]);
  assertEquals((await failure("too many", clientPool.filled(13))).code, "ERR_POOL_OPTION");
});

/** The states that a pool goes through, each once. */
function states(pool: StreamPool, seen: PoolState[]): () => void {
  return () => {
    if (seen.at(-1) !== pool.state) seen.push(pool.state);
  };
}

test("state: new, starting, ready, reconnecting, ready, draining, closed; ready is one of them", async (t) => {
  const server = echoing(await realServer(t));
  const net = await network(t, server.addr!.port);
  const client = quickClient(t, net.port);
  const seen: PoolState[] = [];
  const look = states(client, seen);
  for (const type of ["connect", "disconnect", "evict", "stream", "close", "error"]) {
    client.addEventListener(type, look);
  }
  look();
  assert(!client.ready);
  const starting = client.start();
  look();
  assert(!client.ready);
  await starting;
  look();
  assert(client.ready);
  await client.filled();
  net.cut();
  await until("it is seen", () => client.state !== "ready");
  look();
  assert(!client.ready);
  await recovers(client);
  look();
  const used = await client.incomingGet();
  const closing = client.close({ grace: 5_000 });
  look();
  assertEquals([client.state, client.ready], ["draining", false]);
  used.close();
  await closing;
  look();
  assertEquals(seen, ["new", "starting", "ready", "reconnecting", "ready", "draining", "closed"]);

  const pool = new ServerPool({ listen: "127.0.0.1:0", tls: serverTls });
  assertEquals([pool.state, pool.addr, pool.connections()], ["new", undefined, []]);
  const begins = pool.start();
  assertEquals(pool.state, "starting");
  await begins;
  assertEquals([pool.state, pool.ready, pool.addr!.transport, pool.addr!.hostname], [
    "ready",
    true,
    "tcp",
    "127.0.0.1",
  ]);
  await closes(pool);
});

test("events: each is a CustomEvent with its detail, in the order in which things happen", async (t) => {
  const { net, server, client } = await pairOver(t, { client: { minCapacity: 2, maxCapacity: 6 } });
  const told: [string, unknown][] = [];
  const types = ["connect", "disconnect", "stream", "evict", "resize", "error", "close"] as const;
  for (const type of types) {
    client.addEventListener(type, (event: Event) => {
      assert(event instanceof CustomEvent);
      assertStrictEquals(event.target, client);
      told.push([type, event.detail]);
    });
  }
  const of = (type: string): unknown[] => told.filter(([kind]) => kind === type).map(([, detail]) => detail);

  const before = client.active;
  await client.filled(6);
  assertEquals(of("stream").length, 6 - before);
  for (const { id } of of("stream") as { id: string }[]) assertEquals((await client.outgoingGet(id, 0)).id, id);
  const sizes = of("resize") as { capacity: number; interval: number }[];
  assert(sizes.length > 0);
  assertEquals(sizes.at(-1), { capacity: client.capacity, interval: client.interval });

  await client.filled();
  told.length = 0;
  const idle = client.active;
  const [connection] = [(await client.incomingGet()).connection];
  net.reset();
  await until("it is back", () => of("connect").length === 1);
  const evicted = of("evict") as { id: string; reason: string }[];
  assertEquals(evicted.length, idle - 1);
  for (const { id, reason } of evicted) assert(/^[0-9a-f]{8}$/.test(id) && reason.length > 0);
  const [{ connection: gone, error }] = of("disconnect") as [{ connection: ConnectionInfo; error: Error }];
  assertStrictEquals(gone, connection);
  assert(error instanceof Error);
  assertStrictEquals(of("error")[0], error);
  assertStrictEquals(client.stats().lastError, error);
  assert(of("connect")[0] !== connection);
  const kinds = told.map(([type]) => type).filter((type) => ["evict", "disconnect", "connect"].includes(type));
  assertEquals(kinds, [...evicted.map(() => "evict"), "disconnect", "connect"]);

  await client.filled();
  told.length = 0;
  await closes(client);
  // The platform makes null of undefined.
  assertEquals(of("close").map((detail) => detail ?? undefined), [undefined]);
  const [parting] = of("disconnect") as [{ error?: Error }];
  assertEquals(parting!.error, undefined, "an end in order");
  assertEquals(told.at(-1)![0], "close");
  await closes(server);
});

test("events: once, signal, objects and removal work as on every EventTarget; an error that nobody hears is nothing", async (t) => {
  const { server, client } = await pairOver(t);
  await client.filled();
  const heard: string[] = [];
  const removed = (): void => void heard.push("removed");
  const left = new AbortController();
  client.addEventListener("evict", () => heard.push("once"), { once: true });
  client.addEventListener("evict", removed);
  client.removeEventListener("evict", removed);
  client.addEventListener("evict", () => heard.push("left"), { signal: left.signal });
  client.addEventListener("evict", { handleEvent: () => void heard.push("object") });
  left.abort();
  const n = client.flush();
  assert(n >= 2);
  assertEquals(heard.filter((what) => what === "once").length, 1);
  assertEquals(heard.filter((what) => what === "object").length, n);
  assertEquals(heard.length, n + 1);
  server.disconnect(server.connections()[0]!, new Error("nobody hears"));
  await until("it is counted", () => server.errorCount === 1);
  client.addError();
  client.addError();
  const before = client.errorCount;
  assert(before >= 2);
  assertEquals(client.stats().errors, before);
  client.resetError();
  assertEquals([client.errorCount, client.stats().errors], [0, 0]);
});

test("events: a listener, a logger, an authorize that throw: uncaught or a no, and the pools work on", async (t) => {
  const child = spawnRuntime(t, currentRuntime(), new URL("./throwing_program.ts", import.meta.url));
  const [, line] = await child.out.line(/^result (.*)$/);
  const { uncaught, states, echoed, closed } = JSON.parse(line!);
  assertEquals([states, echoed, closed], [["ready", "ready"], 20, ["closed", "closed"]]);
  for (const what of ["connect", "stream", "disconnect", "evict", "error", "resize", "close", "logger"]) {
    assert(uncaught.includes(what), `${what} went unnoticed: ${uncaught}`);
  }
  assertEquals((await child.exit()).code, 0);
});

test("flush: ends all idle streams in order, here and there, and returns how many; those in use are untouched", async (t) => {
  const { serverPool, clientPool } = await realPair(t, { client: { minInterval: 60_000, maxInterval: 60_000 } });
  await clientPool.filled(5);
  const near = await clientPool.incomingGet();
  const far = await serverPool.outgoingGet(near.id);
  await until("both have them", () => serverPool.active === 4);
  const reasons: string[] = [];
  serverPool.addEventListener("evict", ({ detail }) => reasons.push(detail.reason));
  assertEquals([clientPool.flush(), clientPool.active, clientPool.flush()], [4, 0, 0]);
  await until("gone there", () => reasons.length === 4);
  assertEquals(new Set(reasons), new Set(["ended by the other side"]));
  assertEquals([serverPool.stats().failed, serverPool.errorCount, clientPool.errorCount], [0, 0, 0]);
  await near.write(Uint8Array.of(1));
  assertEquals(await far.read(new Uint8Array(1)), 1);
  ledger(clientPool);
  ledger(serverPool);
});

test("close: is one, never rejects, and afterwards every call says so or does nothing", async (t) => {
  const { serverPool, clientPool } = await realPair(t);
  await clientPool.filled();
  for (const pool of [clientPool, serverPool] as StreamPool[]) {
    const { closed } = pool;
    const [one, two] = [pool.close(), pool.close({ grace: 60_000 })];
    await within(5_000, "close", Promise.all([one, two, closed, pool.closed, pool[Symbol.asyncDispose]()]));
    assertEquals(pool.state, "closed");
    for (
      const call of [pool.incomingGet(), pool.outgoingGet("00000000"), pool.filled(), pool.start(), pool.incomingGet(0)]
    ) {
      assertEquals((await failure("a call", call)).code, "ERR_POOL_CLOSED");
    }
    assertEquals([pool.flush(), pool.active, pool.ready], [0, 0, false]);
    pool.ref();
    pool.unref();
    pool.addError();
    pool.resetError();
    const { state, active, inUse, waiting, connections } = pool.stats();
    assertEquals([state, active, inUse, waiting, connections], ["closed", 0, 0, 0, 0]);
    pool.renewCertificate(pool === clientPool ? { ca: certs.ca } : certs.renewed);
    assertEquals((await failure("a bad grace", pool.close({ grace: -1 }))).code, "ERR_POOL_OPTION");
  }
  for await (const _ of serverPool) assert(false, "a stream of a closed pool");
  assertEquals([serverPool.connections(), clientPool.disconnect({} as ConnectionInfo)], [[], false]);
});

test("close: with grace, streams in use may finish; what is left is cut with ERR_POOL_CLOSED, on time", async (t) => {
  const { serverPool, clientPool } = await realPair(t);
  const [a, b] = [await clientPool.incomingGet(), await clientPool.incomingGet()];
  const [farA, farB] = [await serverPool.outgoingGet(a.id), await serverPool.outgoingGet(b.id)];
  const began = performance.now();
  const closing = clientPool.close({ grace: 600 });
  assertEquals((await failure("a wait", clientPool.incomingGet())).code, "ERR_POOL_CLOSED");
  await a.write(Uint8Array.of(1));
  assertEquals(await farA.read(new Uint8Array(1)), 1);
  farA.close();
  a.close();
  const cut = failure("the one that goes on", b.read(new Uint8Array(1)));
  const there = failure("its other side", farB.read(new Uint8Array(1)));
  assertEquals((await cut).code, "ERR_POOL_CLOSED");
  const took = performance.now() - began;
  assert(took > 550 && took < 2_600, `after ${Math.round(took)} ms`);
  assertEquals([(await there).code, (await there).rstCode], ["ERR_STREAM_RESET", 8]);
  await within(3_000, "close", closing);
  await closes(serverPool);
});

test("signal: the options' closes the pool, and is let go of", async (t) => {
  const abort = new AbortController();
  const server = await realServer(t, { signal: abort.signal });
  const client = quickClient(t, server.addr!.port, { signal: abort.signal });
  await client.start();
  const waiting = failure("a wait", client.outgoingGet("deadbeef"));
  abort.abort(new Error("over"));
  assertEquals((await waiting).code, "ERR_POOL_CLOSED");
  await within(5_000, "closed", Promise.all([client.closed, server.closed]));
  const late = new ClientPool({ address: "127.0.0.1:1", signal: abort.signal });
  assertEquals([late.state, (await failure("start", late.start())).code], ["closed", "ERR_POOL_CLOSED"]);
});

test("connections: one object for each, unique, frozen, the same for all its streams; oldest first", async (t) => {
  const server = await realServer(t);
  const clients = [quickClient(t, server.addr!.port), quickClient(t, server.addr!.port)];
  for (const client of clients) {
    await client.start();
    await client.filled();
  }
  const [first, second] = server.connections();
  const streams = [await clients[0]!.incomingGet(), await clients[0]!.incomingGet()];
  assertStrictEquals(streams[0]!.connection, streams[1]!.connection);
  assertEquals(streams[0]!.localAddr, first!.remoteAddr);
  assertEquals(streams[0]!.remoteAddr, first!.localAddr);
  assertEquals(first!.localAddr, server.addr);
  assert(first!.id !== second!.id && first!.openedAt <= second!.openedAt && Object.isFrozen(first));
  assert(first!.openedAt instanceof Date);
  const far = await server.outgoingGet("00000000");
  assertStrictEquals(far.connection, second, "of the newest connection");
  for (const client of clients) await closes(client);
});

test("wire: SETTINGS say the limits, and a stream in use gets its larger window", async (t) => {
  const server = await realServer(t, {
    maxStreams: 77,
    window: { idle: 10_000, stream: 50_000 },
    limits: { maxHeaderBytes: 9_999 },
  });
  const peer = await rawClient(t, server.addr!.port, "silent");
  const seen: Uint8Array[] = [];
  peer.socket.on("data", (chunk: Uint8Array) => seen.push(chunk));
  peer.send(PREFACE, settings(), headers(1, POST), data(1, new Uint8Array(1)));
  await server.incomingGet();
  const growth = (): number[] =>
    parseFrames(concat(...seen)).filter(({ type, id }) => type === WINDOW_UPDATE && id === 1)
      .map(({ payload }) => new DataView(payload.buffer, payload.byteOffset).getUint32(0));
  await until("the window is larger", () => growth().length > 0);
  assertEquals(growth().reduce((a, b) => a + b), 40_001);
  const { payload } = parseFrames(concat(...seen)).find(({ type }) => type === SETTINGS)!;
  const view = new DataView(payload.buffer, payload.byteOffset);
  const said = new Map<number, number>();
  for (let at = 0; at < payload.length; at += 6) said.set(view.getUint16(at), view.getUint32(at + 2));
  assertEquals([said.get(3), said.get(4), said.get(6)], [77, 10_000, 9_999]);
  peer.socket.destroy();
});

test("options: limits reach the engine", async (t) => {
  const server = await realServer(t, { limits: { pingsPerSecond: 2 } });
  const peer = await rawClient(t, server.addr!.port);
  peer.send(concat(...Array.from({ length: 50 }, () => ping())));
  await within(5_000, "the end", peer.closed);
  assertEquals(peer.goneAway, 11);
  assertMatch(server.stats().lastError!.message, /ENHANCE_YOUR_CALM/);
});

test("pin: checked before a byte of HTTP/2 is sent, so that no token reaches the wrong server", async (t) => {
  const got: number[] = [];
  const server = await rawServer(t, { greet: (peer) => void peer.socket.on("data", ({ length }) => got.push(length)) });
  const headers = { authorization: "Bearer secret" };
  for (const mode of ["verified", "insecure"] as const) {
    const client = quickClient(t, server.port, { tls: { mode, ca: certs.ca, pin: certs.renewed.pin }, headers });
    assertEquals((await failure("start", client.start())).code, "ERR_POOL_CONNECT");
  }
  const client = quickClient(t, server.port, { tls: { ca: certs.otherCa }, headers });
  assertEquals((await failure("start", client.start())).code, "ERR_POOL_CONNECT");
  await Promise.all(server.peers.map(({ closed }) => closed));
  assertEquals(got, []);
  let error: unknown;
  try {
    new ClientPool({ address: "127.0.0.1:1", tls: "insecure", headers });
  } catch (thrown) {
    error = thrown;
  }
  assert(error instanceof PoolError && error.code === "ERR_POOL_OPTION");
  const pool = new ClientPool({ address: "127.0.0.1:1", tls: clientTls, headers });
  let later: unknown;
  try {
    pool.renewCertificate({ mode: "insecure" });
  } catch (thrown) {
    later = thrown;
  }
  assert(later instanceof PoolError && later.code === "ERR_POOL_OPTION", "a renewal must not open what is shut");
  await pool.close();
});

test("stats: what was created was delivered, evicted, or is there; both sides count the same bytes", async (t) => {
  const { net, server, client } = await pairOver(t, { client: { ...QUICK, minCapacity: 8, maxCapacity: 8 } });
  echoing(server);
  for (let i = 0; i < 4; i++) {
    const streams = await Promise.all(Array.from({ length: 12 }, () => client.incomingGet()));
    for (const [j, stream] of streams.entries()) {
      ledger(client);
      ledger(server);
      if (j % 4 === 0) stream.abort();
      else if (j % 4 === 1) stream.close();
      else if (j % 4 === 2) await stream.write(new Uint8Array(1_000)).catch(() => {});
    }
    if (i === 1) client.flush();
    if (i === 2) net.reset();
  }
  await client.filled();
  ledger(client);
  ledger(server);
  const open = client.stats();
  assert(open.rtt !== undefined && open.rtt >= 0 && open.rtt < 5_000);
  assertEquals([open.name, open.capacity, open.interval], [client.name, client.capacity, client.interval]);
  assert(open.reconnects >= 1);
  await closes(client);
  await until("all are gone", () => server.stats().connections === 0);
  assertEquals([server.stats().inUse, server.active], [0, 0]);
  ledger(server);
  assertEquals(server.stats().interval, 0);
  const [near, far] = [client.stats(), server.stats()];
  // A connection that was reset lost what was on its way.
  assert(far.bytesIn <= near.bytesOut && near.bytesIn <= far.bytesOut);
  assert(near.bytesIn > 4_000 && far.bytesIn > 4_000);
});
