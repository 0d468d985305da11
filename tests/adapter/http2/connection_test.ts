/** The driver: sessions over transports and a clock. */
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  type Channel,
  type ChannelHandler,
  ConnectError,
  type Connection,
  ConnectionClosedError,
  type ConnectionHandler,
  type ConnectOptions,
  type ListenOptions,
} from "../../../src/adapter/contract.ts";
import { drive } from "../../../src/adapter/http2/connection.ts";
import { resolveSettings } from "../../../src/adapter/http2/limits.ts";
import { LARGE } from "../../../src/adapter/http2/slabs.ts";
import { type FakeClock, fakeClock } from "../../support/clock.ts";
import { concat, frame, ping, PREFACE, settings, settingsAck, windowUpdate } from "../../support/frames.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { type MemoryEngine, memoryEngine, memoryLink } from "../../support/memory_engine.ts";
import { GET } from "./rig.ts";

const OK = [":status", "200"];

/** Notes everything as lines. */
class Notes implements ConnectionHandler {
  readonly lines: string[] = [];
  readonly channels: Channel[] = [];
  onChannel: (channel: Channel) => void = () => {};
  channel(channel: Channel): ChannelHandler {
    this.channels.push(channel);
    this.lines.push("channel");
    this.onChannel(channel);
    return this.stream();
  }
  stream(): ChannelHandler {
    const { lines } = this;
    return {
      headers: (fields, kind) => void lines.push(`${kind} ${fields[1]}`),
      data: (chunk) => void lines.push(`data ${chunk.length}`),
      end: () => void lines.push("end"),
      accepted: () => void lines.push("accepted"),
      close: (fault) => void lines.push(`close ${fault?.kind ?? "in order"}`),
    };
  }
  available(): void {
    this.lines.push("available");
  }
  goaway(code: number): void {
    this.lines.push(`goaway ${code}`);
  }
  close(error: Error | undefined): void {
    this.lines.push(`closed ${error?.message ?? "in order"}`);
  }
}

interface Pair {
  readonly engine: MemoryEngine;
  readonly clock: FakeClock;
  readonly client: Connection;
  readonly server: Connection;
  readonly heard: Notes;
  readonly served: Notes;
}

function listenOptions(clock: FakeClock, options: Partial<ListenOptions> = {}): ListenOptions {
  return {
    hostname: "server",
    port: 443,
    identity: { cert: "", key: "" },
    clock,
    handshakeTimeout: 500,
    maxHandshakes: 5,
    admit: () => true,
    failed: () => {},
    accept: () => new Notes(),
    ...options,
  };
}

function connectOptions(clock: FakeClock, options: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    hostname: "server",
    port: 443,
    servername: "server",
    trust: { mode: "insecure" },
    clock,
    timeout: 300,
    handler: new Notes(),
    ...options,
  };
}

async function pair(t: TestContext): Promise<Pair> {
  const engine = memoryEngine();
  const clock = fakeClock(1_000);
  const served = new Notes();
  const heard = new Notes();
  let server: Connection | undefined;
  const listener = await engine.listen(listenOptions(clock, {
    accept(connection) {
      server = connection;
      return served;
    },
  }));
  t.cleanup(() => listener.close());
  const client = await engine.connect(connectOptions(clock, { handler: heard }));
  await settled();
  return { engine, clock, client, server: server!, heard, served };
}

/** Everything that travels by microtask has arrived. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

test("a connection knows both ends, and counts bytes and streams", async (t) => {
  const { client, server, clock, heard, served } = await pair(t);
  assertEquals([client.role, server.role], ["client", "server"]);
  assertEquals(client.remoteAddr, { transport: "tcp", hostname: "server", port: 443 });
  assertEquals(server.remoteAddr, client.localAddr);
  assertEquals(client.tls.alpn, "h2");
  assertEquals([client.openable, server.openable, client.channels], [4_096, 0, 0]);
  clock.advance(50);
  const [sent, got] = [client.bytesOut, server.bytesIn];
  const channel = client.open(GET, heard.stream());
  channel.write(new Uint8Array(100));
  await settled();
  assertEquals(client.bytesOut - sent, server.bytesIn - got);
  assert(client.bytesOut - sent > 100);
  assertEquals([client.channels, server.channels], [1, 1]);
  assertEquals([client.lastRead, server.lastRead], [1_000, 1_050]);
  assertEquals(served.lines, ["channel", "data 100"]);
  client.destroy();
  assertEquals([client.channels, client.openable], [0, 0]);
});

test("everything of one turn is one write", async () => {
  const writes: number[] = [];
  const link = memoryLink(addr(1), addr(2));
  const write = link.client.write.bind(link.client);
  link.client.write = (data) => {
    writes.push(data.length);
    write(data);
  };
  const clock = fakeClock();
  const ready = new Promise<Connection>((resolve, reject) => {
    drive({
      role: "client",
      transport: link.client,
      clock,
      settings: resolveSettings(undefined),
      greeting: {
        ready(connection) {
          resolve(connection);
          return new Notes();
        },
        failed: reject,
      },
    });
  });
  link.server.start({ data() {}, wrote() {}, closed() {} });
  link.server.write(concat(settings(), settingsAck()));
  const connection = await ready;
  await settled();
  writes.length = 0;
  const notes = new Notes();
  for (let i = 0; i < 10; i++) {
    const channel = connection.open(GET, notes.stream());
    channel.write(new Uint8Array(10));
    channel.end();
  }
  await settled();
  assertEquals(writes.length, 1);
  // And one for all answers to one read.
  link.server.write(concat(ping(1), ping(2), ping(3)));
  await settled();
  assertEquals(writes.length, 2);
  connection.destroy();
});

test("connect: the server's SETTINGS have a deadline", async () => {
  const engine = memoryEngine();
  const clock = fakeClock();
  const failed: string[] = [];
  const listener = await engine.listen(listenOptions(clock, { failed: (_, error) => failed.push(error.message) }));
  const connecting = engine.connect(connectOptions(clock));
  const rejected = assertRejects(() => connecting, ConnectError, "no HTTP/2 SETTINGS within 300 ms");
  await Promise.resolve();
  engine.links[0]!.freeze();
  await settled();
  clock.advance(299);
  assertEquals(engine.links.length, 1);
  clock.advance(1);
  assertEquals(((await rejected) as ConnectError).kind, "timeout");
  assertEquals(engine.links.length, 1, "the server does not know, the link is frozen");
  clock.advance(200);
  assertEquals(failed, ["handshake timeout"]);
  assertEquals([engine.links.length, clock.pending], [0, 0]);
  await listener.close();
});

test("connect: abort ends it, before and while it waits", async () => {
  const engine = memoryEngine();
  const clock = fakeClock();
  const listener = await engine.listen(listenOptions(clock));
  const abort = new AbortController();
  const connecting = engine.connect(connectOptions(clock, { signal: abort.signal }));
  const rejected = assertRejects(() => connecting, ConnectError, "aborted");
  await Promise.resolve();
  engine.links[0]!.freeze();
  await settled();
  abort.abort();
  assertEquals(((await rejected) as ConnectError).kind, "aborted");
  await assertRejects(() => engine.connect(connectOptions(clock, { signal: abort.signal })), ConnectError, "aborted");
  await listener.close();
  assertEquals(clock.pending, 0);
});

test("connect: nobody listens, the socket is cut, the peer speaks something else", async () => {
  const engine = memoryEngine();
  const clock = fakeClock();
  const kind = async (): Promise<string> => {
    const error = await assertRejects(() => engine.connect(connectOptions(clock)), ConnectError);
    return `${error.kind} ${error.retry}`;
  };
  assertEquals(await kind(), "refused true");
  const listener = await engine.listen(listenOptions(clock, { admit: () => false }));
  assertEquals(await kind(), "reset true");
  await listener.close();
  for (
    const [first, expected] of [[frame(6, 0, 0, new Uint8Array(8)), "protocol true"], [
      undefined,
      "reset true",
    ]] as const
  ) {
    const link = memoryLink(addr(1), addr(2));
    const other = memoryEngine();
    other.dialing = () => {};
    const failure = new Promise<Error>((resolve) => {
      drive({
        role: "client",
        transport: link.client,
        clock,
        settings: resolveSettings(undefined),
        greeting: { ready: () => new Notes(), failed: resolve },
      });
    });
    link.server.start({ data() {}, wrote() {}, closed() {} });
    if (first !== undefined) link.server.write(first);
    else link.server.end();
    const error = await failure;
    assertInstanceOf(error, ConnectionClosedError);
    assertEquals(error.code, expected.startsWith("protocol") ? 1 : undefined);
  }
  assertEquals(clock.pending, 0);
});

test("listen: handshakes are bounded in time and number, and failures are told", async () => {
  const engine = memoryEngine();
  const clock = fakeClock();
  const failed: string[] = [];
  let accepted = 0;
  const listener = await engine.listen(listenOptions(clock, {
    maxHandshakes: 1,
    failed: (remote, error) => failed.push(`${remote?.hostname} ${error.message}`),
    accept: () => (accepted++, new Notes()),
  }));
  const first = engine.connect(connectOptions(clock));
  await Promise.resolve();
  engine.links[0]!.freeze();
  await assertRejects(() => engine.connect(connectOptions(clock)), ConnectError, "cut at once");
  assertEquals(failed, ["127.0.0.1 too many handshakes"]);
  engine.links[0]!.thaw();
  const connection = await first;
  await settled();
  assertEquals(accepted, 1);
  clock.advance(10_000);
  assertEquals(failed.length, 1, "a connection is no handshake any more");
  connection.destroy();
  await listener.close();
});

test("ping measures with the clock, and has a deadline of its own", async (t) => {
  const { client, clock, engine } = await pair(t);
  const [answered] = [client.ping(100)];
  clock.advance(30);
  assertEquals(await answered, 30);
  engine.links[0]!.freeze();
  const [early, late] = [client.ping(100), client.ping(200)];
  clock.advance(100);
  await assertRejects(() => early, Error, "No answer to PING within 100 ms");
  clock.advance(50);
  engine.links[0]!.thaw();
  assertEquals(await late, 150);
  const never = client.ping(1_000);
  client.destroy();
  await assertRejects(() => never, ConnectionClosedError, "destroyed");
  await assertRejects(() => client.ping(10), ConnectionClosedError, "closed");
  assertEquals(clock.pending, 0);
});

test("goaway of a server: the client is told, streams finish, both ends close in order", async (t) => {
  const { client, server, heard, served, clock } = await pair(t);
  const channel = client.open(GET, heard.stream());
  await settled();
  server.goaway();
  server.goaway();
  await settled();
  assertEquals(client.openable, 0);
  assertThrows(() => client.open(GET, heard.stream()), ConnectionClosedError, "GOAWAY");
  channel.end();
  served.channels[0]!.respond(OK, "none");
  await settled();
  assertEquals(heard.lines, ["goaway 0", "goaway 0", "response 200", "end", "close in order", "closed in order"]);
  assertEquals(served.lines, ["channel", "end", "close in order", "goaway 0", "closed in order"]);
  assertEquals(clock.pending, 0);
});

test("goaway of a server to a peer that does not answer: the end comes a second later", async () => {
  const clock = fakeClock();
  const notes = new Notes();
  const link = memoryLink(addr(1), addr(2));
  let server: Connection | undefined;
  drive({
    role: "server",
    transport: link.server,
    clock,
    settings: resolveSettings(undefined),
    greeting: {
      ready(connection) {
        server = connection;
        return notes;
      },
      failed() {},
    },
  });
  link.client.start({ data() {}, wrote() {}, closed() {} });
  link.client.write(concat(PREFACE, settings(), settingsAck()));
  await settled();
  server!.goaway();
  await settled();
  assertEquals([notes.lines, clock.pending], [[], 1]);
  clock.advance(1_000);
  await settled();
  assertEquals(notes.lines, ["closed in order"]);
});

test("goaway of a client", async (t) => {
  const { client, heard, served } = await pair(t);
  client.goaway();
  await settled();
  assertEquals(heard.lines, ["goaway 0", "closed in order"], "the server leaves too");
  assertEquals(served.lines, ["goaway 0", "closed in order"]);
});

test("destroy tells this side at once and the other soon", async (t) => {
  const { client, server, heard, served } = await pair(t);
  client.open(GET, heard.stream());
  await settled();
  server.destroy(new Error("mine"));
  assertEquals(served.lines, ["channel", "close lost", "closed mine"]);
  await settled();
  assertEquals(heard.lines, [
    "goaway 2",
    "close lost",
    "closed the peer closed the connection after GOAWAY INTERNAL_ERROR",
  ]);
  server.destroy();
  client.destroy();
  client.goaway();
});

test("a cut is told to both sides", async (t) => {
  const { client, engine, heard, served } = await pair(t);
  client.open(GET, heard.stream());
  await settled();
  engine.links[0]!.cut();
  assertEquals(heard.lines, ["close lost", "closed the connection was lost: read ECONNRESET"]);
  assertEquals(served.lines, ["channel", "close lost", "closed the connection was lost: read ECONNRESET"]);
});

test("a peer that breaks the protocol hears GOAWAY before the end", async (t) => {
  const { client, heard } = await pair(t);
  const link = memoryLink(addr(1), addr(2));
  client.destroy();
  const notes = new Notes();
  drive({
    role: "server",
    transport: link.server,
    clock: fakeClock(),
    settings: resolveSettings(undefined),
    greeting: { ready: () => notes, failed() {} },
  });
  const got: Uint8Array[] = [];
  let ended = 0;
  link.client.start({ data: (chunk) => void got.push(chunk), wrote() {}, closed: () => ended++ });
  link.client.write(concat(PREFACE, settings(), frame(6, 0, 0, new Uint8Array(7))));
  await settled();
  assertEquals([...concat(...got).slice(-17)], [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6]);
  assertEquals([ended, notes.lines], [1, ["closed HTTP/2 FRAME_SIZE_ERROR: PING of another size than 8"]]);
  assertEquals(heard.lines, ["closed the connection was destroyed"]);
});

test("unref lets go of the transport and of every timer, ref takes them back", async (t) => {
  const { server, client, clock, engine } = await pair(t);
  engine.links[0]!.freeze();
  server.ping(100).catch(() => {});
  assertEquals(clock.held, 1);
  server.unref();
  server.goaway();
  server.ping(100).catch(() => {});
  assertEquals([clock.pending, clock.held], [3, 0]);
  server.ref();
  assertEquals(clock.held, 3);
  client.destroy();
  server.destroy();
  assertEquals(clock.pending, 0);
});

test("settings out of range are a rejection", async () => {
  const engine = memoryEngine();
  const clock = fakeClock();
  await assertRejects(() => engine.connect(connectOptions(clock, { settings: { window: 0 } })), RangeError, "window 0");
  await assertRejects(
    () => engine.listen(listenOptions(clock, { settings: { maxFrame: 1 } })),
    RangeError,
    "maxFrame 1",
  );
});

test("a connection destroyed while it is accepted", async () => {
  const engine = memoryEngine();
  const clock = fakeClock();
  const notes = new Notes();
  const listener = await engine.listen(listenOptions(clock, {
    accept(connection) {
      connection.destroy();
      return notes;
    },
  }));
  const heard = new Notes();
  await engine.connect(connectOptions(clock, { handler: heard })).catch(() => {});
  await settled();
  assertEquals(notes.lines, ["closed the connection was destroyed"]);
  assertEquals([engine.links.length, clock.pending], [0, 0]);
  await listener.close();
});

function addr(port: number): { transport: "tcp"; hostname: string; port: number } {
  return { transport: "tcp", hostname: "memory", port };
}

test("what is written by turns with awaiting leaves in full transport writes", async (t) => {
  const { client, server: far } = memoryLink(
    { transport: "tcp", hostname: "a", port: 1 },
    { transport: "tcp", hostname: "b", port: 2 },
  );
  t.cleanup(() => client.destroy());
  const writes: number[] = [];
  const { write } = client;
  client.write = function (data) {
    writes.push(data.length);
    write.call(client, data);
  };
  far.start({ data: () => "used", wrote() {}, closed() {} });
  const connection = await new Promise<Connection>((resolve, reject) => {
    drive({
      role: "client",
      transport: client,
      clock: fakeClock(),
      settings: resolveSettings(undefined),
      greeting: {
        ready(connection) {
          resolve(connection);
          return new Notes();
        },
        failed: reject,
      },
    });
    far.write(concat(settings({ 4: 1 << 20, 5: 65_536 }), settingsAck(), windowUpdate(0, 1 << 20)));
  });
  let accepted = (): void => {};
  const channel = connection.open(GET, {
    headers() {},
    data() {},
    end() {},
    accepted: () => accepted(),
    close() {},
  });
  await new Promise((resolve) => setTimeout(resolve));
  writes.length = 0;
  const piece = new Uint8Array(65_536);
  for (let i = 0; i < 8; i++) {
    if (channel.write(piece)) await Promise.resolve();
    else await new Promise<void>((resolve) => accepted = resolve);
  }
  await new Promise((resolve) => setTimeout(resolve));
  const total = writes.reduce((sum, n) => sum + n, 0);
  assertEquals(writes.slice(0, -1), [LARGE, LARGE, LARGE, LARGE]);
  assert(total > 8 * 65_536 && total < 8 * 65_536 + 200, `${total} bytes`);
});

test("a full transport write, encrypted, fills two segments of loopback and begins no third", () => {
  const record = 16_384, overhead = 22, segment = 65_483;
  const encrypted = LARGE + Math.ceil(LARGE / record) * overhead;
  assert(encrypted <= 2 * segment && encrypted > 1.97 * segment, `${encrypted} bytes`);
});

test("nothing is written after our own FIN: a PING that comes then would cut what has not left yet", async () => {
  const link = memoryLink(addr(1), addr(2));
  const calls: string[] = [];
  const { write, end } = link.server;
  link.server.write = (data) => {
    calls.push("write");
    write.call(link.server, data);
  };
  // Like a socket that still has to send: it does not close yet.
  link.server.end = () => void calls.push("end");
  const clock = fakeClock();
  const served = new Notes();
  const ready = new Promise<Connection>((resolve, reject) => {
    drive({
      role: "server",
      transport: link.server,
      clock,
      settings: resolveSettings(undefined),
      greeting: {
        ready(connection) {
          resolve(connection);
          return served;
        },
        failed: reject,
      },
    });
  });
  link.client.start({ data() {}, wrote() {}, closed() {} });
  link.client.write(concat(PREFACE, settings(), settingsAck()));
  const connection = await ready;
  connection.goaway(11);
  await settled();
  assertEquals(calls.at(-1), "end");
  calls.length = 0;
  link.client.write(concat(ping(1), settings(), ping(2)));
  const unanswered = assertRejects(() => connection.ping(100), Error, "No answer to PING");
  await settled();
  assertEquals(calls, []);
  clock.advance(100);
  await unanswered;
  end.call(link.server);
  await settled();
  assertEquals(served.lines, ["closed in order"]);
});
