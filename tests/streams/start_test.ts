import { assert, assertEquals, assertInstanceOf, assertMatch, assertStrictEquals } from "@std/assert";
import { ConnectError } from "../../src/adapter/contract.ts";

import { test } from "../support/harness.ts";
import { dials, memoryPair, rejects, type World, world } from "./support.ts";

test("start: retries what may pass, with back-off and one budget", async (t) => {
  const w = world(t);
  const server = await w.server();
  const times = dials(w, (n) => n <= 3 ? (["refused", "reset", "unreachable"] as const)[n - 1] : undefined);
  const pool = w.client(server.addr!.port);
  const started = pool.start();
  assertEquals(pool.state, "starting");
  await w.pass(1_000);
  await w.pass(1_600);
  await w.pass(2_560);
  await started;
  assertEquals(times.map((at) => at - times[0]!), [0, 1_000, 2_600, 5_160]);
  assertEquals(pool.state, "ready");
  assert(pool.ready);
  assertEquals(pool.errorCount, 3);
  assertMatch(pool.stats().lastError!.message, /unreachable/);
});

test("start: rejects at its time with the last cause, and the pool is closed", async (t) => {
  const w = world(t);
  dials(w, () => "refused");
  const pool = w.client(1);
  const started = rejects(pool.start({ timeout: 2_000 }), "ERR_POOL_CONNECT");
  await w.pass(2_000);
  const error = await started;
  assertInstanceOf(error.cause, ConnectError);
  assertEquals(error.cause.kind, "refused");
  assertEquals(pool.state, "closed");
});

test("start: no attempt that has no time, whose failure would hide the last real one", async (t) => {
  const w = world(t);
  const times = dials(w, () => "refused");
  const pool = w.client(1);
  const started = rejects(pool.start({ timeout: 1_005 }), "ERR_POOL_CONNECT");
  await w.pass(1_005);
  assertEquals(((await started).cause as ConnectError).kind, "refused");
  assertEquals(times.length, 1);
  assertEquals(pool.errorCount, 1);
});

test("start: a connection that had no time for another attempt makes it once the pool has started by another", async (t) => {
  const w = world(t);
  let allow: (yes: boolean) => void = () => {};
  const allowed = new Promise<boolean>((resolve) => allow = resolve);
  const server = await w.server({ authorize: () => allowed });
  const times = dials(w, (n) => n === 1 ? "refused" : undefined);
  const pool = w.client(server.addr!.port, { connections: 2 });
  const started = pool.start({ timeout: 1_005 });
  await w.pass(1_003);
  assertEquals(times.length, 2);
  allow(true);
  await started;
  await w.pass(10);
  assertEquals(times.length, 3);
  assertEquals(pool.stats().connections, 2);
});

test("start: fails at once on what will not pass", async (t) => {
  for (
    const kind of ["hostname", "expired", "authority", "pin", "alpn", "tls-version", "client-certificate"] as const
  ) {
    const w = world(t);
    const times = dials(w, () => kind);
    const pool = w.client(1);
    const error = await rejects(pool.start(), "ERR_POOL_CONNECT");
    assertMatch(error.message, new RegExp(kind));
    assertEquals(times.length, 1);
    assertEquals(pool.state, "closed");
  }
});

test("start: a silent server ends with the attempt that had no answer", async (t) => {
  const w = world(t);
  const server = await w.server({ handshakeTimeout: 60_000 });
  const pool = w.client(server.addr!.port);
  const freezing = setFrozen(w);
  const started = rejects(pool.start({ timeout: 3_000 }), "ERR_POOL_CONNECT");
  await w.pass(3_000);
  const error = await started;
  assertEquals((error.cause as ConnectError).kind, "timeout");
  freezing.stop();
});

function setFrozen(w: World): { stop(): void } {
  w.engine.dialing = () => {
    queueMicrotask(() => queueMicrotask(() => w.engine.links.forEach((link) => link.freeze())));
  };
  return { stop: () => w.engine.dialing = undefined };
}

test("start: its signal ends it with the signal's reason", async (t) => {
  const w = world(t);
  dials(w, () => "refused");
  const pool = w.client(1);
  const abort = new AbortController();
  const started = pool.start({ signal: abort.signal });
  await w.pass(100);
  const reason = new Error("changed my mind");
  abort.abort(reason);
  assertStrictEquals(await started.catch((error) => error), reason);
  assertEquals(pool.state, "closed");
  const other = w.client(1);
  assertStrictEquals(await other.start({ signal: abort.signal }).catch((error) => error), reason);
  assertEquals(other.state, "closed");
});

test("start: a second call is the first, and close ends it", async (t) => {
  const w = world(t);
  dials(w, () => "refused");
  const pool = w.client(1);
  const started = pool.start();
  assertStrictEquals(pool.start(), started);
  const failed = rejects(started, "ERR_POOL_CLOSED");
  await pool.close();
  await failed;
});

test("start: 403 is final at the start, and a failure like others later", async (t) => {
  let allow = false;
  const w = world(t);
  const server = await w.server({ authorize: () => allow });
  const refused = w.client(server.addr!.port);
  const error = await rejects(refused.start(), "ERR_POOL_FORBIDDEN");
  assertMatch(error.message, /403/);
  assertEquals(refused.state, "closed");
  allow = true;
  const pool = w.client(server.addr!.port, { minCapacity: 2, maxCapacity: 2 });
  await pool.start();
  allow = false;
  pool.flush();
  await w.pass(600);
  assertEquals(pool.state, "ready");
  assertEquals((pool.stats().lastError as { code?: string }).code, "ERR_POOL_FORBIDDEN");
  assertEquals(pool.active, 0);
  allow = true;
  await w.pass(5_000);
  assertEquals(pool.active, 2);
});

test("signal: closes the pool", async (t) => {
  const abort = new AbortController();
  const { clientPool, pass } = await memoryPair(t, { client: { signal: abort.signal } });
  const waiting = rejects(clientPool.outgoingGet("deadbeef"), "ERR_POOL_CLOSED");
  abort.abort();
  await pass(2_000);
  await waiting;
  await clientPool.closed;
  const late = world(t).client(1, { signal: abort.signal });
  assertEquals(late.state, "closed");
});

test("resolver: is asked before every attempt, and may fail, be wrong, or never answer", async (t) => {
  const w = world(t);
  const server = await w.server();
  const attempts: number[] = [];
  const signals: AbortSignal[] = [];
  const answers: (() => string | Promise<string>)[] = [
    () => {
      throw new Error("lookup failed");
    },
    () => Promise.reject(new Error("lookup failed later")),
    () => "no port",
    () => new Promise(() => {}),
    () => Promise.resolve(`127.0.0.1:${server.addr!.port}`),
  ];
  const pool = w.client(0, {
    address: ({ attempt, signal }) => {
      attempts.push(attempt);
      signals.push(signal);
      return answers[attempt - 1]!();
    },
    connectTimeout: 2_000,
  });
  const said: string[] = [];
  pool.addEventListener("error", (e) => said.push(e.detail.message));
  const started = pool.start();
  await w.pass(25_000);
  await started;
  assertEquals(attempts, [1, 2, 3, 4, 5]);
  assertMatch(said[0]!, /lookup failed$/);
  assertMatch(said[1]!, /lookup failed later/);
  assertMatch(said[2]!, /no port/);
  assertMatch(said[3]!, /has not answered in time/);
  assert(signals[3]!.aborted);
  assert(!signals[4]!.aborted);
});

test("resolver: close aborts the one that is thinking", async (t) => {
  const w = world(t);
  let seen: AbortSignal | undefined;
  const pool = w.client(0, {
    address: ({ signal }) => {
      seen = signal;
      return new Promise(() => {});
    },
  });
  const failed = rejects(pool.start(), "ERR_POOL_CLOSED");
  await w.turn();
  await pool.close();
  await failed;
  assert(seen!.aborted);
});
