// Fault 2: every used stream leaks a server goroutine and about 12 KB.
import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { test } from "../../support/harness.ts";
import { bytes, memoryPair, text } from "../support.ts";

const STREAMS = 4_000;
// A tenth of what the fault costs.
const PER_STREAM = 1_200;

test("fault 2: nothing of a used stream stays", { timeout: 100_000 }, async (t) => {
  const { serverPool, clientPool, turn, engine } = await memoryPair(t, {
    client: { minCapacity: 20, maxCapacity: 20, minInterval: 1 },
  });
  const use = async (): Promise<void> => {
    const far = await serverPool.incomingGet({ timeout: 1_000 });
    const near = await clientPool.outgoingGet(far.id);
    await near.write(bytes("question"));
    assertEquals(await text(far, 64), "question");
    await far.write(bytes("answer"));
    assertEquals(await text(near, 64), "answer");
    near.close();
    far.close();
    await Promise.all([near.closed, far.closed]);
    await turn();
  };
  for (let i = 0; i < 500; i++) await use();
  const before = await heap();
  for (let i = 0; i < STREAMS; i++) await use();
  const each = (await heap() - before) / STREAMS;
  assert(each < PER_STREAM, `${Math.round(each)} bytes left of each stream`);
  assertEquals(serverPool.stats().inUse, 0);
  assertEquals(clientPool.stats().inUse, 0);
  assertEquals(serverPool.active, clientPool.active);
  assertEquals(engine.links.length, 1);
});

async function heap(): Promise<number> {
  collect();
  await new Promise((resolve) => setTimeout(resolve, 1));
  collect();
  return process.memoryUsage().heapUsed;
}

function collect(): void {
  const { Bun } = globalThis as { Bun?: { gc(now: boolean): void } };
  if (Bun !== undefined) return Bun.gc(true);
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}
