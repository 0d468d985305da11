// Fault 1: a connection yields only `maxCap` streams in its whole life (server handlers never return).
import { assert, assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { bytes, giveId, oddHandler, oddServer, type OddStream, realPair, text, world } from "../support.ts";

test("fault 1: one connection yields far more streams than it may have at once", async (t) => {
  const { serverPool, clientPool } = await realPair(t, {
    server: { maxStreams: 8, maxCapacity: 4 },
    client: { minCapacity: 4, maxCapacity: 4, minInterval: 20, maxInterval: 20 },
  });
  const [connection] = serverPool.connections();
  for (let i = 0; i < 100; i++) {
    const far = await serverPool.incomingGet({ timeout: 10_000 });
    const near = await clientPool.outgoingGet(far.id, { timeout: 10_000 });
    await near.write(bytes(`${i}`));
    assertEquals(await text(far), `${i}`);
    near.close();
    far.close();
    await Promise.all([near.closed, far.closed]);
  }
  assertEquals(serverPool.connections(), [connection!]);
  assert(serverPool.stats().delivered === 100);
});

test("fault 1: a server that stops answering opens, as Go's does, is left for a fresh connection", async (t) => {
  const w = world(t);
  let connections = 0;
  const listener = await oddServer(t, w.engine, w.clock, () => {
    connections++;
    const streams: OddStream[] = [];
    return oddHandler(streams, (stream, index) => {
      if (index < 6) giveId(stream, connections * 1_000 + index);
    });
  });
  const pool = w.client(listener.addr.port, { minCapacity: 3, maxCapacity: 3, handshakeTimeout: 2_000 });
  await pool.start();
  const used = [];
  for (let i = 0; i < 30; i++) {
    const taken = pool.incomingGet({ timeout: 10_000 });
    await w.pass(3_000);
    used.push(await taken);
  }
  assert(connections >= 5, `${connections} connections for 30 streams`);
  assertEquals(new Set(used.map((stream) => stream.id)).size, 30);
  // Streams in use were not touched by it.
  const [first] = used;
  await first!.write(bytes("still there"));
  assertEquals(pool.state, "ready");
});
