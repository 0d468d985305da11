// start(): when it resolves, what it retries, what it fails at once on, and that it rejects with the last cause.
import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import { ClientPool, ServerPool } from "../../../src/streams/mod.ts";
import { goaway, reset, settings } from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { clientTls, realServer, serverTls } from "../support.ts";
import { type RawPeer, rawServer, type Script } from "./raw.ts";
import { closes, each, echoing, failure, quickClient, recovers, until, within } from "./support.ts";

const kindOf = (error: Error): string | undefined => (error.cause as { kind?: string } | undefined)?.kind;

test("start: a server whose connections end before they gave a stream: the last cause, at its time", async (t) => {
  const scripts: Record<string, { script: Script; says: RegExp }> = {
    "FIN behind SETTINGS": {
      script: {
        greet(peer: RawPeer) {
          peer.send(settings());
          peer.socket.end();
        },
      },
      says: /closed/,
    },
    "FIN at the first stream": { script: { request: (peer) => void peer.socket.end() }, says: /closed/ },
    "GOAWAY behind SETTINGS": { script: { greet: (peer) => peer.send(settings(), goaway(0, 2)) }, says: /GOAWAY/ },
    "GOAWAY at the first stream": { script: { request: (peer) => peer.send(goaway(0, 2)) }, says: /GOAWAY/ },
  };
  await each(scripts, async ({ script, says }) => {
    const server = await rawServer(t, script);
    const client = quickClient(t, server.port);
    const began = performance.now();
    const error = await failure("start", client.start({ timeout: 2_000 }));
    const took = performance.now() - began;
    assertEquals(error.code, "ERR_POOL_CONNECT");
    assertMatch(error.message, says);
    assert(error.cause instanceof Error);
    assert(took >= 1_990 && took < 6_000, `after ${Math.round(took)} ms`);
    assert(server.peers.length >= 3, `${server.peers.length} attempts`);
    assertEquals(client.state, "closed");
    await closes(client);
  });
});

test("start: resolves with the first connection that gives an answer, be it one that the server is full", async (t) => {
  const server = await rawServer(t, { open: (peer, { id }) => peer.send(reset(id, 7)) });
  const client = quickClient(t, server.port);
  await client.start();
  assertEquals([client.state, client.active], ["ready", 0]);
  await closes(client);
});

test("start: a server that allows no streams yet is up", async (t) => {
  const server = await rawServer(t, { greet: (peer) => peer.send(settings({ 3: 0 })) });
  const client = quickClient(t, server.port);
  await client.start();
  assertEquals([client.state, client.active], ["ready", 0]);
  const waiting = client.incomingGet({ timeout: 5_000 });
  server.peers[0]!.send(settings({ 3: 50 }));
  await within(5_000, "a stream", waiting);
  await recovers(client);
  await closes(client);
});

test("start: nobody there: retried until somebody is", async (t) => {
  const gone = await realServer(t);
  const { port } = gone.addr!;
  await gone.close();
  const client = quickClient(t, port);
  const started = client.start();
  await until("attempts fail", () => client.errorCount >= 3);
  assertEquals(client.state, "starting");
  assertEquals((await failure("a second start after all", client.incomingGet(0))).code, "ERR_POOL_TIMEOUT");
  echoing(await realServer(t, { listen: `127.0.0.1:${port}` }));
  await within(5_000, "start", started);
  await recovers(client);
  await closes(client);
});

test("start: nobody there: rejects at its time with the last cause, or at once by its signal", async (t) => {
  const gone = await realServer(t);
  const { port } = gone.addr!;
  await gone.close();
  const client = quickClient(t, port);
  const waits = Promise.all([
    failure("a wait", until("starting", () => client.state === "starting").then(() => client.incomingGet())),
  ]);
  const error = await failure("start", client.start({ timeout: 300 }));
  assertEquals([error.code, kindOf(error)], ["ERR_POOL_CONNECT", "refused"]);
  assertMatch(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`));
  assertEquals((await waits)[0]!.code, "ERR_POOL_CLOSED");
  assertEquals((await failure("start again", client.start())).code, "ERR_POOL_CLOSED");
  await closes(client);

  const other = quickClient(t, port);
  const abort = new AbortController();
  const reason = new Error("no more");
  const aborted = other.start({ signal: abort.signal }).catch((error) => error);
  await until("attempts fail", () => other.errorCount >= 1);
  abort.abort(reason);
  assertStrictEquals(await within(1_000, "start", aborted), reason);
  await closes(other);

  const none = quickClient(t, port);
  assertEquals((await failure("no time at all", none.start({ timeout: 0 }))).code, "ERR_POOL_CONNECT");
  await closes(none);
});

test("start: a resolver that throws, rejects, says nonsense or never answers is asked again", async (t) => {
  const server = echoing(await realServer(t));
  const good = `127.0.0.1:${server.addr!.port}`;
  const bad: Record<string, () => unknown> = {
    "throws": () => {
      throw new Error("thrown");
    },
    "throws no error": () => {
      throw "a text";
    },
    "rejects": () => Promise.reject(new Error("rejected")),
    "rejects with nothing": () => Promise.reject(),
    "says nothing": () => undefined,
    "says a number": () => 8443,
    "says no port": () => "localhost",
    "says nonsense": () => "::::",
    "never answers": () => new Promise(() => {}),
    "says who does not listen": () => "127.0.0.1:1",
    "says a name that is none": () => "does-not-exist.invalid:443",
  };
  await each(bad, async (answer, name) => {
    const attempts: number[] = [];
    const signals: AbortSignal[] = [];
    const client = quickClient(t, 1, {
      // Only who never answers is waited for; a busy machine may need long for the others.
      connectTimeout: name === "never answers" ? 2_000 : 20_000,
      address: ({ attempt, signal }) => {
        attempts.push(attempt);
        signals.push(signal);
        return attempt < 3 ? answer() as string : good;
      },
    });
    await client.start();
    assertEquals(attempts, [1, 2, 3]);
    assertEquals(client.errorCount, 2);
    const { lastError } = client.stats();
    assertEquals((lastError as { code?: string }).code, "ERR_POOL_CONNECT");
    await recovers(client);
    await closes(client);
    const given = name !== "never answers";
    assertEquals(signals.map(({ aborted }) => aborted), [!given, !given, false]);
  });
});

test("start: a resolver that moves to another server is followed when the connection is lost", async (t) => {
  const [one, two] = [echoing(await realServer(t)), echoing(await realServer(t))];
  let port = one.addr!.port;
  const client = quickClient(t, 1, { address: () => Promise.resolve(`127.0.0.1:${port}`) });
  await client.start();
  await recovers(client);
  port = two.addr!.port;
  await one.close();
  await until("it has moved", () => client.ready && two.connections().length === 1);
  await recovers(client);
  const stream = await client.incomingGet();
  assertEquals(stream.remoteAddr.port, port);
  await closes(client);
});

test("start: what fails is told by the error's code: options in the constructor, files at the start", async (t) => {
  const pool = new ClientPool({ address: "127.0.0.1:1", tls: { caFile: "/does/not/exist.pem" } });
  t.cleanup(() => pool.close());
  const error = await failure("start", pool.start());
  assertEquals(error.code, "ERR_POOL_OPTION");
  assertMatch(error.message, /\/does\/not\/exist\.pem/);
  await closes(pool);

  const server = new ServerPool({ listen: "127.0.0.1:0", tls: { ...serverTls, clientCaFile: "/does/not/exist.pem" } });
  t.cleanup(() => server.close());
  assertEquals((await failure("start", server.start())).code, "ERR_POOL_OPTION");
  assertEquals(server.addr, undefined);
  await closes(server);
});

test("start: a server says what is wrong with its address", async (t) => {
  const taken = await realServer(t);
  const cases: Record<string, { listen: string; says: RegExp; linuxOnly?: boolean }> = {
    "in use": { listen: `127.0.0.1:${taken.addr!.port}`, says: /in use/ },
    "not this machine's": { listen: "192.0.2.1:0", says: /192\.0\.2\.1/ },
  };
  await each(cases, async ({ listen, says }) => {
    const pool = new ServerPool({ listen, tls: serverTls });
    t.cleanup(() => pool.close());
    const error = await failure("start", pool.start());
    assertEquals(error.code, "ERR_POOL_CONNECT");
    assertMatch(error.message, says);
    assert(error.cause !== undefined);
    assertEquals(pool.state, "closed");
    await closes(pool);
  });
});

test("start: is one, however often it is called, and close() ends it", async (t) => {
  const silent = await rawServer(t, { mute: true, greet: () => {} });
  const client = new ClientPool({ address: `127.0.0.1:${silent.port}`, hostname: "localhost", tls: clientTls });
  t.cleanup(() => client.close());
  const started = client.start();
  assertStrictEquals(client.start(), started);
  const failed = failure("start", started);
  await silent.next();
  await within(2_000, "close", client.close());
  assertEquals((await failed).code, "ERR_POOL_CLOSED");
  await closes(client);
});
