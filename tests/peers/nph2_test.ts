/**
 * The pools against their model: a Go program that speaks the stream protocol as NPH2 does (`programs/nph2_peer.go`), in both
 * roles, where a Go compiler is.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CACHE } from "../../scripts/matrix/npm.ts";
import type { ClientPool, PoolStream } from "../../src/streams/mod.ts";
import { drain, pattern, realClient, realServer } from "../streams/support.ts";
import { closes, echoes, failure, ledger, until, within } from "../streams/survival/support.ts";
import { certFile } from "../support/certs.ts";
import { sha256 } from "../support/exchange/bodies.ts";
import { test, type TestContext } from "../support/harness.ts";
import { findProgram } from "../support/runtime.ts";
import { type Child, spawnProgram } from "../support/spawn.ts";

const slow = { timeout: 110_000 };
const source = fileURLToPath(new URL("./programs/nph2_peer.go", import.meta.url));

/** Compiled once for each state of its source. */
async function program(t: TestContext, ...args: string[]): Promise<Child> {
  const binary = join(CACHE, "peers", `nph2_peer-${sha256(readFileSync(source)).slice(0, 16)}`);
  if (!existsSync(binary)) {
    mkdirSync(dirname(binary), { recursive: true });
    const made = `${binary}.${process.pid}`;
    const build = spawnProgram(t, ["go", "build", "-o", made, source]);
    assertEquals((await build.exit(100_000)).code, 0, build.err.text);
    renameSync(made, binary);
  }
  return spawnProgram(t, [binary, ...args]);
}

/** A Go server that holds `capacity` streams and answers `limit` requests of a connection. */
async function goServer(
  t: TestContext,
  { capacity = 1_000, limit = 1_000 }: { capacity?: number; limit?: number } = {},
): Promise<{ go: Child; port: number }> {
  const go = await program(t, "serve", certFile("server.pem"), certFile("server.key"), `${capacity}`, `${limit}`);
  const [, port] = await go.out.line(/^listening (\d+)$/);
  return { go, port: Number(port) };
}

async function said(go: Child, command: string): Promise<string> {
  go.write(`${command}\n`);
  const [line] = await go.out.line(/^(done|held|unknown).*$/);
  return line;
}

/** A stream of the pool that the Go server echoes. */
async function echoed(go: Child, client: ClientPool): Promise<PoolStream> {
  const stream = await client.incomingGet();
  assertEquals(await said(go, `echo ${stream.id}`), `done echo ${stream.id}`);
  return stream;
}

/** Five megabytes there and back, with the end. */
async function carries(stream: PoolStream): Promise<void> {
  const body = pattern(5_000_000, Number.parseInt(stream.id.slice(0, 4), 16) + 1);
  const back = drain(stream);
  for (let at = 0; at < body.length; at += 100_000) await stream.write(body.subarray(at, at + 100_000));
  await stream.closeWrite();
  assertEquals(sha256(await back), sha256(body));
  await within(10_000, "closed", stream.closed);
}

const QUICK = { minCapacity: 4, maxCapacity: 4, minInterval: 20, maxInterval: 100, backoff: { initial: 20, max: 100 } };

if (findProgram("go")) {
  test("NPH2's server: ids, bytes both ways, a half-close, many streams at once", slow, async (t) => {
    const { go, port } = await goServer(t);
    const client = realClient(t, port, QUICK);
    await client.start();
    await client.filled();
    const control = await client.outgoingGet("00000000");
    assertEquals(await said(go, "echo 00000000"), "done echo 00000000");
    await echoes(control);
    const streams = [];
    for (let i = 0; i < 12; i++) streams.push(await echoed(go, client));
    await Promise.all(streams.map(carries));
    await echoes(control);
    ledger(client);
    assertEquals([client.errorCount, client.stats().connections, client.stats().reconnects], [0, 1, 0]);
    await closes(client);
  });

  test("NPH2's server: an orderly end there is an end here", slow, async (t) => {
    const { go, port } = await goServer(t);
    const client = realClient(t, port, QUICK);
    const ids: string[] = [];
    client.addEventListener("stream", ({ detail }) => ids.push(detail.id));
    await client.start();
    const stream = await client.incomingGet();
    await said(go, `return ${stream.id}`);
    assertEquals(await within(5_000, "the end", stream.read(new Uint8Array(1))), null);
    await client.filled();
    const evicted = new Promise<string>((resolve) =>
      client.addEventListener("evict", ({ detail }) => resolve(detail.id), { once: true })
    );
    const idle = ids.at(-1);
    await said(go, `return ${idle}`);
    assertEquals(await within(5_000, "it has left", evicted), idle);
    ledger(client);
    await closes(client);
  });

  test(
    "NPH2's server: a 404 is a full pool, never an id, and no error; places are used as they get free",
    slow,
    async (t) => {
      const { go, port } = await goServer(t, { capacity: 3 });
      const client = realClient(t, port, { ...QUICK, minCapacity: 6, maxCapacity: 6 });
      await client.start();
      await client.filled(3);
      await until("it is told that it is full", () => client.stats().rejected >= 3);
      assertEquals([client.active, client.stats().created, client.stats().failed, client.errorCount], [3, 3, 0, 0]);
      assertEquals(await said(go, "held"), "held 3");
      const given = [...go.out.text.matchAll(/^id (\w+)$/gm)].map(([, id]) => id!);
      for (const id of given) {
        const stream = await client.outgoingGet(id);
        assertEquals(await said(go, `echo ${id}`), `done echo ${id}`);
        await carries(stream);
      }
      const next = await client.incomingGet();
      assert(!given.includes(next.id));
      assertEquals(client.stats().connections, 1);
      await closes(client);
    },
  );

  test(
    "NPH2's server: fault 1: it stops answering at its limit: a fresh connection, at most once in a handshake's time",
    slow,
    async (t) => {
      const { go, port } = await goServer(t, { limit: 6 });
      const client = realClient(t, port, { ...QUICK, handshakeTimeout: 1_000, closeTimeout: 500 });
      await client.start();
      await client.filled();
      const kept = await echoed(go, client);
      const connections = new Set([kept.connection]);
      for (let i = 0; i < 15; i++) {
        const stream = await client.incomingGet({ timeout: 20_000 });
        connections.add(stream.connection);
        assertEquals(await said(go, `echo ${stream.id}`), `done echo ${stream.id}`);
        await echoes(stream);
        stream.close();
      }
      assert(connections.size >= 3, `${connections.size} connections for 16 streams of 6 each`);
      // Streams in use go on where they are.
      await echoes(kept);
      assertMatch(client.stats().lastError!.message, /no id within 1000 ms/);
      ledger(client);
      await closes(client);
    },
  );

  test(
    "NPH2's server: the limit is known: maxStreamsPerConnection takes a fresh one before, without a failure",
    slow,
    async (t) => {
      const { go, port } = await goServer(t, { limit: 6 });
      const client = realClient(t, port, { ...QUICK, maxStreamsPerConnection: 6 });
      await client.start();
      for (let i = 0; i < 15; i++) {
        const stream = await echoed(go, client);
        await echoes(stream);
        stream.close();
      }
      assertEquals([client.stats().failed, client.errorCount], [0, 0]);
      assert(client.stats().reconnects >= 2);
      await closes(client);
    },
  );

  test(
    "NPH2's server: its close puts nothing on the wire: a closed stream is over after closeTimeout all the same",
    slow,
    async (t) => {
      const { go, port } = await goServer(t);
      const client = realClient(t, port, { ...QUICK, closeTimeout: 400 });
      await client.start();
      const stream = await client.incomingGet();
      await said(go, `close ${stream.id}`);
      const reading = failure("read", stream.read(new Uint8Array(1)));
      await stream.write(new Uint8Array(10));
      const began = performance.now();
      stream.close();
      assertEquals((await reading).code, "ERR_STREAM_CLOSED");
      await within(5_000, "closed", stream.closed);
      assert(performance.now() - began >= 350);
      assertEquals(client.stats().inUse, 0);
      await client.filled();
      await echoes(await echoed(go, client));
      await closes(client);
    },
  );

  test("NPH2's server: killed: idle streams leave, streams in use are lost, the next one is taken", slow, async (t) => {
    const first = await goServer(t);
    let { port } = first;
    const client = realClient(t, 1, { ...QUICK, address: () => `127.0.0.1:${port}` });
    await client.start();
    await client.filled();
    const stream = await echoed(first.go, client);
    const reading = failure("read", stream.read(new Uint8Array(1)));
    const second = await goServer(t);
    ({ port } = second);
    first.go.kill("SIGKILL");
    assertEquals((await reading).code, "ERR_STREAM_LOST");
    await client.filled(undefined, { timeout: 10_000 });
    await carries(await echoed(second.go, client));
    await closes(client);
  });

  test("NPH2's client: ids, bytes both ways, ends and resets of both sides", slow, async (t) => {
    const server = await realServer(t);
    const go = await program(t, "dial", `${server.addr!.port}`, certFile("ca.pem"), "1");
    const ids = [(await go.out.line(/^id (\w+)$/))[1]!];
    // Now that it has a connection: without one, Go dials for each request, and drops all but one.
    go.write("open\n".repeat(11));
    while (ids.length < 12) ids.push((await go.out.line(/^id (\w+)$/))[1]!);
    assertEquals([new Set(ids).size, ids.includes("00000000")], [12, true]);
    await server.filled(12);
    const [a, b, c, d, ...others] = await Promise.all(ids.map((id) => server.outgoingGet(id)));
    for (const stream of [a!, b!, c!, d!]) await echoes(stream);

    // Go ends, and what we write still comes to it.
    go.write(`end ${a!.id}\n`);
    assertEquals(await a!.read(new Uint8Array(1)), null);
    a!.close();
    await go.out.line(`eof ${a!.id}`);
    await within(5_000, "closed", a!.closed);

    b!.close();
    await go.out.line(`eof ${b!.id}`);
    go.write(`end ${b!.id}\n`);
    await within(5_000, "closed", b!.closed);

    go.write(`cancel ${c!.id}\n`);
    const reset = await failure("read", c!.read(new Uint8Array(1)));
    assertEquals([reset.code, reset.rstCode], ["ERR_STREAM_RESET", 8]);

    d!.abort();
    await go.out.line(new RegExp(`^lost ${d!.id} .*CANCEL`));

    await Promise.all(others.map(async (stream) => {
      const body = pattern(2_000_000, Number.parseInt(stream.id.slice(4), 16) + 1);
      const back = new Uint8Array(body.length);
      const read = (async () => {
        for (let at = 0; at < back.length;) at += (await stream.read(back.subarray(at)))!;
      })();
      for (let at = 0; at < body.length; at += 65_536) await stream.write(body.subarray(at, at + 65_536));
      await within(30_000, "an echo", read);
      assertEquals(sha256(back), sha256(body));
    }));
    ledger(server);
    assertEquals([server.stats().connections, server.errorCount], [1, 0]);

    const lost = failure("read", others[0]!.read(new Uint8Array(1)));
    go.kill("SIGKILL");
    assertEquals((await lost).code, "ERR_STREAM_LOST");
    await until("all are gone", () => server.stats().inUse === 0);
    await closes(server);
  });

  test("NPH2's client: a full pool and a 403 are errors to it, never ids", slow, async (t) => {
    const server = await realServer(t, { maxCapacity: 2 });
    const go = await program(t, "dial", `${server.addr!.port}`, certFile("ca.pem"), "5");
    for (let i = 0; i < 3; i++) await go.out.line(/^wrong .*REFUSED_STREAM/);
    // Its lines come in any order.
    const ids = (): number => go.out.text.match(/^id /gm)?.length ?? 0;
    await until("two have an id", () => ids() === 2);
    assertEquals(server.active, 2);
    await server.incomingGet();
    go.write("open\n");
    await until("a third has one", () => ids() === 3);

    const strict = await realServer(t, { authorize: () => false });
    const other = await program(t, "dial", `${strict.addr!.port}`, certFile("ca.pem"), "1");
    await other.out.line(/^wrong 403/);
    await closes(server);
    await closes(strict);
  });
}
