import { assert, assertEquals, assertStrictEquals } from "@std/assert";

import { test } from "../support/harness.ts";
import { bytes, memoryPair, rejects, settled, text } from "./support.ts";

test("close: graceful for idle streams, an error for those in use, whatever they do", async (t) => {
  const { clientPool, serverPool, turn, pass } = await memoryPair(t);
  const near = await clientPool.incomingGet();
  const far = await serverPool.outgoingGet(near.id);
  const reading = rejects(near.read(new Uint8Array(1)), "ERR_POOL_CLOSED");
  const waiting = rejects(clientPool.outgoingGet("deadbeef"), "ERR_POOL_CLOSED");
  const closing = clientPool.close();
  assertEquals(clientPool.state, "draining");
  await waiting;
  await reading;
  await pass(1_500);
  await closing;
  await clientPool.closed;
  assertStrictEquals(clientPool.closed, clientPool.close());
  await turn();
  await rejects(far.read(new Uint8Array(1)), "ERR_STREAM_RESET");
  assertEquals(serverPool.active, 0);
  assertEquals(serverPool.stats().connections, 0);
  assertEquals(serverPool.errorCount, 0, "an orderly goodbye");
});

test("close: grace lets streams in use finish", async (t) => {
  const { clientPool, serverPool, pass } = await memoryPair(t);
  const near = await clientPool.incomingGet();
  const far = await serverPool.outgoingGet(near.id);
  const closing = clientPool.close({ grace: 10_000 });
  await pass(5_000);
  assert(!await settled(closing));
  await near.write(bytes("bye"));
  near.close();
  assertEquals(await text(far), "bye");
  far.close();
  await pass(10);
  await closing;
});

test("close: after the grace, cut; a second call may shorten it", async (t) => {
  const { clientPool, pass } = await memoryPair(t);
  const near = await clientPool.incomingGet();
  const reading = rejects(near.read(new Uint8Array(1)), "ERR_POOL_CLOSED");
  const closing = clientPool.close({ grace: 60_000 });
  await pass(1_000);
  assert(!await settled(closing));
  clientPool.close({ grace: 120_000 });
  clientPool.close({ grace: 500 });
  await pass(500);
  await reading;
  await pass(1_500);
  await closing;
});

test("close: what a closed stream has written arrives", async (t) => {
  const { clientPool, serverPool, pass } = await memoryPair(t, { server: { window: { idle: 1_000, stream: 1_000 } } });
  const near = await clientPool.incomingGet();
  const far = await serverPool.outgoingGet(near.id);
  near.write(new Uint8Array(3_000));
  near.close();
  const closing = clientPool.close();
  const buffer = new Uint8Array(10_000);
  let got = 0;
  for (let n = await far.read(buffer); n !== null; n = await far.read(buffer)) got += n;
  assertEquals(got, 3_000);
  await pass(1_000);
  await closing;
});

test("close: the grace is also for what a closed stream has written and a slow reader has not read", async (t) => {
  const { clientPool, serverPool, pass } = await memoryPair(t, { server: { window: { idle: 1_000, stream: 1_000 } } });
  const near = await clientPool.incomingGet();
  const far = await serverPool.outgoingGet(near.id);
  near.write(new Uint8Array(3_000));
  near.close();
  const closing = clientPool.close({ grace: 20_000 });
  const buffer = new Uint8Array(500);
  let got = 0;
  for (let n = await far.read(buffer); n !== null; n = await far.read(buffer)) {
    got += n;
    await pass(2_000);
  }
  assertEquals(got, 3_000);
  await pass(10);
  assert(await settled(closing), "no longer than it takes");
});

test("close: asyncDispose closes", async (t) => {
  const { clientPool, pass } = await memoryPair(t);
  const disposed = clientPool[Symbol.asyncDispose]();
  await pass(1_000);
  await disposed;
  assertEquals(clientPool.state, "closed");
});
