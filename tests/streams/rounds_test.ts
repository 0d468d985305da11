import { assert, assertEquals } from "@std/assert";
import type { PoolStream, StreamPoolOptions } from "../../src/streams/mod.ts";
import { test } from "../support/harness.ts";
import { giveId, memoryPair, oddHandler, oddServer, type OddStream, rejects, settled, world } from "./support.ts";

const quiet: StreamPoolOptions = { keepAlive: 0 };

test("rounds: capacity and interval begin at their smallest, and an unused pool settles there", async (t) => {
  const { clientPool, pass } = await memoryPair(t, { client: { ...quiet, minCapacity: 5, maxCapacity: 20 } });
  const sizes: [number, number][] = [];
  clientPool.addEventListener("resize", (e) => sizes.push([e.detail.capacity, e.detail.interval]));
  assertEquals(clientPool.active, 5);
  await pass(30_000);
  assertEquals(clientPool.capacity, 5);
  assert(clientPool.interval > 500);
  assert(clientPool.active <= 6);
  assert(sizes.length > 0);
});

test("rounds: demand makes the pool larger, up to its bound", async (t) => {
  const { clientPool, serverPool, pass } = await memoryPair(t, {
    client: { ...quiet, minCapacity: 2, maxCapacity: 6 },
  });
  let largest = 0;
  clientPool.addEventListener("resize", (e) => largest = Math.max(largest, e.detail.capacity));
  for (let i = 0; i < 20; i++) {
    while (clientPool.active > 0) {
      const near = await clientPool.incomingGet();
      (await serverPool.outgoingGet(near.id)).close();
      near.close();
    }
    await pass(500);
  }
  assertEquals(largest, 6);
  assert(clientPool.interval <= 600);
});

test("rounds: a drained pool is filled at once, not after its interval", async (t) => {
  const { clientPool, clock } = await memoryPair(t, { client: { ...quiet, minInterval: 5_000, minCapacity: 5 } });
  const at = clock.now();
  const taken: PoolStream[] = [];
  for (let i = 0; i < 12; i++) {
    taken.push(await clientPool.incomingGet({ timeout: 0 }).catch(() => clientPool.incomingGet()));
  }
  assertEquals(new Set(taken.map((stream) => stream.id)).size, 12);
  assertEquals(clock.now(), at);
});

test("rounds: a full pool does not hurry for one who waits for an id", async (t) => {
  const { clientPool, turn } = await memoryPair(t, { client: { ...quiet, minCapacity: 5, maxCapacity: 5 } });
  const waiting = rejects(clientPool.outgoingGet("deadbeef", { timeout: 60_000 }), "ERR_POOL_CLOSED");
  for (let i = 0; i < 10; i++) await turn();
  assertEquals(clientPool.stats().created, 5);
  clientPool.close();
  await waiting;
});

test("rounds: filled raises the capacity to what it asks for, and holds it until then", async (t) => {
  const { clientPool, pass } = await memoryPair(t, { client: { ...quiet, minCapacity: 2, maxCapacity: 15 } });
  await clientPool.filled(15);
  assertEquals(clientPool.active, 15);
  await clientPool.filled();
  await pass(60_000);
  assert(clientPool.capacity < 15, "and then it shrinks again");
  await clientPool.filled(0);
});

test("rounds: filled gives up at its time", async (t) => {
  const w = world(t);
  const server = await w.server({ maxCapacity: 3 });
  const client = w.client(server.addr!.port, { maxCapacity: 10 });
  await client.start();
  const failed = rejects(client.filled(10, 2_000), "ERR_POOL_TIMEOUT");
  await w.pass(2_000);
  await failed;
  assertEquals(client.active, 3);
});

test("rounds: an opening without an answer does not hold up the others", async (t) => {
  const w = world(t);
  const streams: OddStream[] = [];
  const listener = await oddServer(t, w.engine, w.clock, () =>
    oddHandler(streams, (stream, index) => {
      if (index !== 1) giveId(stream, index);
    }));
  const client = w.client(listener.addr.port, { ...quiet, minCapacity: 3, maxCapacity: 3, handshakeTimeout: 9_000 });
  await client.start();
  for (let i = 0; i < 10; i++) {
    await client.incomingGet({ timeout: 1_000 });
    await w.turn();
  }
  assert(streams.length >= 11);
});

test("rounds: failures back off, and somebody who waits does not make it faster", async (t) => {
  const w = world(t);
  const times: number[] = [];
  const listener = await oddServer(t, w.engine, w.clock, () =>
    oddHandler([], ({ channel }) => {
      if (times.at(-1) !== w.clock.now()) times.push(w.clock.now());
      channel.reset(2);
    }));
  const client = w.client(listener.addr.port, { ...quiet, backoff: { initial: 1_000, factor: 2, jitter: 0 } });
  await client.start();
  const waiting = client.incomingGet({ timeout: 100_000 });
  waiting.catch(() => {});
  await w.pass(16_000);
  assert(!await settled(waiting));
  assertEquals(times.map((time) => time - times[0]!), [0, 1_000, 3_000, 7_000, 15_000]);
});
