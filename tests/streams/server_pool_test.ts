import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import type { Channel, ChannelFault, Connection, Fields } from "../../src/adapter/contract.ts";
import { type PoolStream, ServerPool } from "../../src/streams/mod.ts";
import { test } from "../support/harness.ts";
import {
  bytes,
  drain,
  memoryPair,
  once,
  realClient,
  realServer,
  rejects,
  serverTls,
  settled,
  text,
  turn,
  type World,
  world,
} from "./support.ts";

/** A client that is not ours. */
async function raw(w: World, server: ServerPool): Promise<Connection> {
  return await w.engine.connect({
    hostname: "127.0.0.1",
    port: server.addr!.port,
    servername: "localhost",
    trust: { mode: "insecure" },
    clock: w.clock,
    timeout: 1_000,
    handler: {
      channel() {
        throw new Error("a client");
      },
      available() {},
      goaway() {},
      close() {},
    },
  });
}

interface Opened {
  readonly channel: Channel;
  status: string | undefined;
  readonly received: number[];
  ended: boolean;
  closed: ChannelFault | "in order" | undefined;
}

const POST: Fields = [":method", "POST", ":scheme", "https", ":authority", "localhost", ":path", "/stream"];

function open(
  connection: Connection,
  fields: Fields = POST,
  first: Uint8Array | null = new Uint8Array(1),
): Opened {
  const opened: Opened = {
    channel: connection.open(fields, {
      headers(fields) {
        opened.status = fields[1];
      },
      data(chunk) {
        opened.received.push(...chunk);
        opened.channel.consume(chunk.length);
      },
      end() {
        opened.ended = true;
      },
      accepted() {},
      close(fault) {
        opened.closed = fault ?? "in order";
      },
    }),
    status: undefined,
    received: [],
    ended: false,
    closed: undefined,
  };
  if (first !== null) opened.channel.write(first);
  return opened;
}

test("server: gives 00000000 to the first stream of every connection, and random ids to the others", async (t) => {
  const w = world(t);
  const server = await w.server();
  const [a, b] = [await raw(w, server), await raw(w, server)];
  const streams = [open(a), open(a), open(b), open(b)];
  await w.turn();
  assertEquals(streams.map((stream) => stream.status), ["200", "200", "200", "200"]);
  assertEquals(streams.map((stream) => stream.received.length), [4, 4, 4, 4]);
  assertEquals(streams[0]!.received, [0, 0, 0, 0]);
  assertEquals(streams[2]!.received, [0, 0, 0, 0]);
  assert(String(streams[1]!.received) !== String(streams[3]!.received));
  assertEquals(server.active, 4);
  assertEquals(server.connections().length, 2);
});

test("server: any first byte opens, and bytes after it are the stream's", async (t) => {
  const w = world(t);
  const server = await w.server();
  const connection = await raw(w, server);
  open(connection, POST, new Uint8Array([99, ...bytes("tunnel")]));
  await w.turn();
  assertEquals(await text(await server.incomingGet()), "tunnel");
});

test("server: no id before the first byte, and none for who never sends it", async (t) => {
  const w = world(t);
  const server = await w.server({ handshakeTimeout: 2_000 });
  const connection = await raw(w, server);
  const silent = open(connection, POST, null);
  const other = open(connection);
  await w.turn();
  assertEquals(silent.status, undefined);
  assertEquals(other.received, [0, 0, 0, 0]);
  await w.pass(1_999);
  assertEquals(silent.closed, undefined);
  await w.pass(1);
  assertEquals((silent.closed as ChannelFault).kind, "reset");
  assertEquals(server.stats().failed, 1);
  assertMatch(server.stats().lastError!.message, /first byte/);
  assertEquals(server.active, 1);
});

test("server: another path or method is 404, and never a stream", async (t) => {
  const w = world(t);
  const server = await w.server();
  const connection = await raw(w, server);
  const get: Fields = [":method", "GET", ...POST.slice(2)];
  const elsewhere: Fields = [...POST.slice(0, 6), ":path", "/other"];
  const refused = [
    open(connection, get),
    open(connection, elsewhere),
    open(connection, [...POST.slice(0, 6), ":path", "/"]),
  ];
  const fine = open(connection, [...POST.slice(0, 6), ":path", "/stream?x=1"]);
  await w.turn();
  assertEquals(refused.map((stream) => [stream.status, stream.received.length, stream.ended]), [
    ["404", 0, true],
    ["404", 0, true],
    ["404", 0, true],
  ]);
  assertEquals(fine.status, "200");
  assertEquals(server.active, 1);
  refused[0]!.channel.end();
  await w.pass(10_000);
  assertEquals(refused.map((stream) => stream.closed !== undefined), [true, true, true]);
});

test("server: a request that ends at once is no stream", async (t) => {
  const w = world(t);
  const server = await w.server();
  const connection = await raw(w, server);
  let status: string | undefined;
  connection.open(POST, {
    headers: (fields) => void (status = fields[1]),
    data() {},
    end() {},
    accepted() {},
    close() {},
  }, "none");
  const empty = open(connection, POST, null);
  empty.channel.end();
  const only = open(connection);
  only.channel.end();
  await w.turn();
  assertEquals(status, "400");
  assertEquals(empty.status, "400");
  // It had its id and ended without a byte.
  assertEquals(only.status, "200");
  assertEquals(only.closed, "in order");
  assertEquals(server.active, 0);
  assertEquals(server.stats().evicted, 1);
});

test("server: an idle stream that ends with bytes stays for whoever takes it", async (t) => {
  const w = world(t);
  const server = await w.server();
  const connection = await raw(w, server);
  const a = open(connection);
  await w.turn();
  a.channel.write(bytes("letter"));
  a.channel.end();
  await w.turn();
  assertEquals(server.active, 1);
  const stream = await server.incomingGet();
  assertEquals(await text(stream), "letter");
  assertEquals(await text(stream), null);
});

test("server: a reset or lost idle stream leaves", async (t) => {
  const w = world(t);
  const server = await w.server();
  const connection = await raw(w, server);
  const [a] = [open(connection), open(connection)];
  await w.turn();
  const reasons: string[] = [];
  server.addEventListener("evict", (e) => reasons.push(e.detail.reason));
  a.channel.reset();
  await w.turn();
  assertEquals(server.active, 1);
  connection.destroy();
  await w.turn();
  assertEquals(server.active, 0);
  assertEquals(server.stats().evicted, 2);
  assertMatch(reasons[0]!, /reset/);
  assertMatch(reasons[1]!, /lost/);
});

test("authorize: sees headers, address and connection, before the id", async (t) => {
  const w = world(t);
  const seen: unknown[] = [];
  const server = await w.server({
    authorize: (info) => {
      seen.push([
        info.headers.authorization,
        info.headers.cookie,
        info.headers.x,
        info.remoteAddr.hostname,
        info.tls.alpn,
      ]);
      assertStrictEquals(info.connection, server.connections()[0]);
      assertEquals(info.headers[":path"], undefined);
      return info.headers.authorization === "Bearer yes";
    },
  });
  const connection = await raw(w, server);
  const yes = open(connection, [
    ...POST,
    "authorization",
    "Bearer yes",
    "cookie",
    "a=1",
    "cookie",
    "b=2",
    "x",
    "1",
    "x",
    "2",
  ]);
  const no = open(connection, [...POST, "authorization", "Bearer no"]);
  await w.turn();
  assertEquals([yes.status, no.status], ["200", "403"]);
  assertEquals(no.received, []);
  assertEquals(seen[0], ["Bearer yes", "a=1; b=2", "1, 2", "127.0.0.1", "h2"]);
  assertEquals(server.stats().rejected, 1);
  assertEquals(server.active, 1);
});

test("authorize: may think, up to a point; anything but true is a no", async (t) => {
  const w = world(t);
  const answers = new Map<string, (answer: unknown) => void>();
  const server = await w.server({
    handshakeTimeout: 3_000,
    authorize: ({ headers }) => new Promise((resolve) => answers.set(headers.x!, resolve as (a: unknown) => void)),
  });
  const connection = await raw(w, server);
  const [yes, no, odd, never] = ["yes", "no", "odd", "never"].map((x) =>
    open(connection, [...POST, "x", x], new Uint8Array([0, ...bytes("early")]))
  );
  await w.pass(1_000);
  assertEquals(server.active, 0);
  answers.get("yes")!(true);
  answers.get("no")!(false);
  answers.get("odd")!("truthy");
  await w.turn();
  assertEquals([yes!.status, no!.status, odd!.status, never!.status], ["200", "403", "403", undefined]);
  assertEquals(await text(await server.incomingGet()), "early");
  await w.pass(2_000);
  assertEquals(never!.status, "403");
  assertMatch(server.stats().lastError!.message, /authorize/);
  answers.get("never")!(true);
  await w.turn();
  assertEquals(server.active, 0);
});

test("authorize: one that throws or rejects says no, and shows", async (t) => {
  const w = world(t);
  const server = await w.server({
    authorize: ({ headers }) => {
      if (headers.x === "throws") throw new Error("thrown");
      return Promise.reject(new Error("rejected"));
    },
  });
  const connection = await raw(w, server);
  const errors: string[] = [];
  server.addEventListener("error", (e) => errors.push(e.detail.message));
  const a = open(connection, [...POST, "x", "throws"]);
  const b = open(connection, [...POST, "x", "rejects"]);
  await w.turn();
  assertEquals([a.status, b.status], ["403", "403"]);
  assertEquals(errors, ["thrown", "rejected"]);
});

test("places: a full pool refuses with REFUSED_STREAM, without a body, and before it writes an id", async (t) => {
  const w = world(t);
  const server = await w.server({ maxCapacity: 3 });
  const connection = await raw(w, server);
  const streams = Array.from({ length: 5 }, () => open(connection));
  await w.turn();
  assertEquals(streams.map((stream) => stream.status), ["200", "200", "200", undefined, undefined]);
  for (const { closed, received } of streams.slice(3)) {
    assertEquals(closed, { kind: "refused", message: (closed as { message: string }).message });
    assertEquals(received, []);
  }
  assertEquals(server.stats().rejected, 2);
  await server.incomingGet();
  const again = open(connection);
  await w.turn();
  assertEquals(again.status, "200");
});

test("places: one connection cannot take them all", async (t) => {
  const w = world(t);
  const server = await w.server({ maxCapacity: 10, maxIdlePerConnection: 2 });
  const [a, b] = [await raw(w, server), await raw(w, server)];
  const streams = [open(a), open(a), open(a), open(b)];
  await w.turn();
  assertEquals(streams.map((stream) => stream.status), ["200", "200", undefined, "200"]);
  assertEquals(server.stats().rejected, 1);
});

test("places: who never gets an id takes none from those who do", async (t) => {
  const w = world(t);
  const server = await w.server({
    maxCapacity: 2,
    maxIdlePerConnection: 2,
    authorize: ({ headers }) => "ok" in headers,
  });
  const [bad, good] = [await raw(w, server), await raw(w, server)];
  for (let i = 0; i < 50; i++) open(bad, POST, null);
  for (let i = 0; i < 50; i++) open(bad);
  await w.turn();
  const fine = [open(good, [...POST, "ok", "1"]), open(good, [...POST, "ok", "1"])];
  await w.turn();
  assertEquals(fine.map((stream) => stream.status), ["200", "200"]);
});

test("places: a stream whose window passes the total is refused", async (t) => {
  const w = world(t);
  const server = await w.server({ window: { idle: 10_000, stream: 10_000, total: 35_000 } });
  const connection = await raw(w, server);
  const streams = Array.from({ length: 4 }, () => open(connection));
  await w.turn();
  assertEquals(streams.map((stream) => stream.status), ["200", "200", "200", undefined]);
  streams[0]!.channel.reset();
  await w.turn();
  const again = open(connection);
  await w.turn();
  assertEquals(again.status, "200");
});

test("allow: refuses an address before the handshake", async (t) => {
  const w = world(t);
  const server = await w.server({ allow: ["10.0.0.0/8", "::1"] });
  w.engine.clientHost = "192.0.2.7";
  assertEquals((await raw(w, server).catch((error) => error)).kind, "reset");
  assertEquals(server.stats().rejected, 1);
  for (const host of ["10.1.2.3", "::ffff:10.9.9.9", "::1"]) {
    w.engine.clientHost = host;
    (await raw(w, server)).destroy();
  }
});

test("connections: at most so many, and so many from one address", async (t) => {
  const w = world(t);
  const server = await w.server({ maxConnections: 3, maxConnectionsPerAddress: 2 });
  const first = [await raw(w, server), await raw(w, server)];
  await raw(w, server).then(() => assert(false, "third from one address"), () => {});
  w.engine.clientHost = "192.0.2.2";
  await raw(w, server);
  await raw(w, server).then(() => assert(false, "fourth in all"), () => {});
  first[0]!.destroy();
  await w.turn();
  w.engine.clientHost = "127.0.0.1";
  await raw(w, server);
  assertEquals(server.stats().connections, 3);
  assertEquals(server.stats().rejected, 2);
});

test("connections: the count by address is true over real sockets", async (t) => {
  const server = await realServer(t, { maxConnectionsPerAddress: 1, handshakeTimeout: 300 });
  for (let i = 0; i < 4; i++) {
    const client = realClient(t, server.addr!.port);
    await client.start();
    const second = realClient(t, server.addr!.port);
    await rejects(second.start({ timeout: 100 }), "ERR_POOL_CONNECT");
    const gone = once(server, "disconnect");
    await client.close();
    await gone;
  }
});

test("connections: waits for a stream of one of them", async (t) => {
  const w = world(t);
  const server = await w.server();
  const [a, b] = [await raw(w, server), await raw(w, server)];
  await w.turn();
  const [one, two] = server.connections();
  const fromTwo = server.incomingGet({ connection: two! });
  const zeroOfOne = server.outgoingGet("00000000", { connection: one! });
  open(a);
  await w.turn();
  assertEquals((await zeroOfOne).connection, one);
  assert(!await settled(fromTwo));
  open(b);
  await w.turn();
  assertEquals((await fromTwo).connection, two);
  const lost = rejects(server.incomingGet({ connection: two! }), "ERR_STREAM_LOST");
  b.destroy();
  await lost;
  await rejects(server.incomingGet({ connection: two! }), "ERR_STREAM_LOST");
});

test("iterator: several share, each stream is given once, all end with the pool", async (t) => {
  const { serverPool, clientPool, pass } = await memoryPair(t, { client: { minCapacity: 6, maxCapacity: 6 } });
  const seen: PoolStream[][] = [[], []];
  const consumers = seen.map(async (list) => {
    for await (const stream of serverPool) {
      list.push(stream);
      (await clientPool.outgoingGet(stream.id)).close();
      stream.close();
      if (list.length > 20) break;
    }
  });
  for (let i = 0; i < 3; i++) await pass(600);
  const ids = seen.flat().map((stream) => stream.id);
  assert(ids.length > 6, `${ids.length} streams`);
  assertEquals(new Set(ids).size, ids.length);
  const closed = serverPool.close();
  await pass(2_000);
  await closed;
  await Promise.all(consumers);
  for await (const _ of serverPool) assert(false, "a stream of a closed pool");
});

test("iterator: leaving it takes no stream along", async (t) => {
  const { serverPool, clientPool, pass } = await memoryPair(t, { client: { minCapacity: 2, maxCapacity: 2 } });
  for await (const stream of serverPool) {
    assertEquals(stream.id, "00000000");
    break;
  }
  const iterator = serverPool[Symbol.asyncIterator]();
  await pass(600);
  while (serverPool.active > 0) await iterator.next();
  const next = iterator.next();
  await iterator.return!();
  assertEquals((await next).done, true);
  assertEquals(serverPool.stats().waiting, 0);
  clientPool.flush();
  await pass(600);
  assertEquals(serverPool.active, 2);
});

test("iterator: before start it rejects", async () => {
  const pool = new ServerPool({ listen: "127.0.0.1:0", tls: serverTls });
  await rejects(pool[Symbol.asyncIterator]().next(), "ERR_POOL_NOT_STARTED");
  await pool.close();
});

test("flush: ends idle streams on both sides, and leaves those in use", async (t) => {
  const { serverPool, clientPool, pass } = await memoryPair(t, { client: { minInterval: 5_000 } });
  const far = await serverPool.incomingGet();
  const near = await clientPool.outgoingGet(far.id);
  const idle = serverPool.active;
  assert(idle >= 4);
  assertEquals(serverPool.flush(), idle);
  assertEquals(serverPool.active, 0);
  assertEquals(serverPool.flush(), 0);
  await turn();
  assert(clientPool.stats().evicted >= 4, "the other side keeps dead streams");
  await near.write(bytes("alive"));
  assertEquals(await text(far), "alive");
  await pass(6_000);
  const again = await serverPool.incomingGet({ timeout: 0 });
  await clientPool.outgoingGet(again.id, { timeout: 0 });
});

test("flush: who waits on the client does not wait out a long interval", async (t) => {
  const { serverPool, clientPool, pass } = await memoryPair(t, { client: { keepAlive: 0 } });
  await pass(200_000);
  assertEquals(clientPool.interval, 5_000);
  serverPool.flush();
  const waiting = clientPool.incomingGet({ timeout: 1_000 });
  await pass(600);
  await waiting;
});

test("close: a server says goodbye, clients reconnect elsewhere", async (t) => {
  const w = world(t);
  const [one, two] = [await w.server(), await w.server()];
  let port = one.addr!.port;
  const client = w.client(0, { address: () => `127.0.0.1:${port}` });
  await client.start();
  await w.turn();
  const near = await client.incomingGet();
  const far = await one.outgoingGet(near.id);
  port = two.addr!.port;
  const closing = one.close({ grace: 60_000 });
  await w.pass(1_100);
  assertEquals(client.state, "ready");
  assertEquals(two.connections().length, 1);
  await far.write(bytes("last words"));
  far.close();
  const [words] = await Promise.all([drain(near), near.closeWrite()]);
  assertEquals(new TextDecoder().decode(words), "last words");
  await w.pass(2_000);
  await closing;
  assertEquals(client.stats().connections, 1);
});

test("close: new streams are refused while it drains", async (t) => {
  const w = world(t);
  const server = await w.server();
  const connection = await raw(w, server);
  open(connection);
  await w.turn();
  const used = await server.incomingGet();
  const closing = server.close({ grace: 10_000 });
  const late = connection.openable > 0 ? open(connection) : undefined;
  await w.pass(100);
  if (late !== undefined) assertEquals((late.closed as ChannelFault).kind, "refused");
  used.abort();
  await w.pass(2_000);
  await closing;
});

test("listen: a port that is in use is an error with its code, and the pool is closed", async (t) => {
  const w = world(t);
  const server = await w.server();
  const error = await rejects(w.server({ listen: `127.0.0.1:${server.addr!.port}` }), "ERR_POOL_CONNECT");
  assertMatch(error.message, /in use/);
  assertEquals((error.cause as { code: string }).code, "EADDRINUSE");
});

test("events: tell what happens, and a listener that throws disturbs nothing", async (t) => {
  const w = world(t);
  const server = await w.server();
  const heard: string[] = [];
  for (const type of ["connect", "stream", "disconnect", "evict", "close"] as const) {
    server.addEventListener(type, (event) => {
      assert(event instanceof CustomEvent);
      heard.push(type);
    });
  }
  const connection = await raw(w, server);
  open(connection);
  await w.turn();
  connection.destroy();
  await w.turn();
  await server.close();
  assertEquals(heard, ["connect", "stream", "evict", "disconnect", "close"]);
});

test("logger: gets lines with the pool's name, and may throw", async (t) => {
  const lines: [string, string, unknown][] = [];
  const log = (level: string) => (message: string, fields?: object): void => {
    lines.push([level, message, (fields as { pool: string }).pool]);
  };
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  const { serverPool, engine } = await memoryPair(t, { server: { logger, name: "edge" } });
  engine.links[0]!.cut();
  await turn();
  assertEquals(serverPool.name, "edge");
  assert(lines.some(([level, message, pool]) => level === "info" && message === "connected" && pool === "edge"));
  assert(lines.some(([level, message]) => level === "warn" && message === "disconnected"));
});

test("stats: count what happened", async (t) => {
  const { serverPool, clientPool } = await memoryPair(t);
  const far = await serverPool.incomingGet();
  const waiting = serverPool.outgoingGet("deadbeef", { timeout: Infinity }).catch(() => {});
  const stats = serverPool.stats();
  assertEquals(
    { active: stats.active, inUse: stats.inUse, waiting: stats.waiting, connections: stats.connections },
    { active: 4, inUse: 1, waiting: 1, connections: 1 },
  );
  assertEquals({ created: stats.created, delivered: stats.delivered }, { created: 5, delivered: 1 });
  assert(stats.bytesIn > 0 && stats.bytesOut > 0);
  assertEquals(stats.bytesIn, clientPool.stats().bytesOut);
  serverPool.addError();
  assertEquals(serverPool.errorCount, 1);
  assertEquals(serverPool.stats().errors, 1);
  serverPool.resetError();
  assertEquals(serverPool.errorCount, 0);
  far.abort();
  void waiting;
});
