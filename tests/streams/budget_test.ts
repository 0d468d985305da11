import { assert, assertEquals } from "@std/assert";
import { WindowBudget } from "../../src/streams/budget.ts";
import { test } from "../support/harness.ts";
import { memoryPair, pattern, turn } from "./support.ts";

test("window budget: holds the sum of what is promised below the total", () => {
  const budget = new WindowBudget(100_000);
  assert(budget.reserve(60_000));
  assert(!budget.reserve(50_000));
  assert(budget.reserve(40_000));
  assert(!budget.reserve(1));
  budget.release(40_000, 0);
  assert(budget.reserve(40_000));
});

test("window budget: larger windows get at most half", () => {
  const budget = new WindowBudget(1_000_000);
  assert(budget.reserve(10_000));
  assertEquals(budget.grow(400_000), 400_000);
  assertEquals(budget.grow(400_000), 100_000);
  assertEquals(budget.grow(400_000), 0);
  budget.release(0, 400_000);
  assertEquals(budget.grow(300_000), 300_000);
});

test("window budget: no growth by slivers", () => {
  const budget = new WindowBudget(100_000);
  assertEquals(budget.grow(45_000), 45_000);
  assertEquals(budget.grow(45_000), 0);
  assertEquals(budget.grow(5_000), 5_000);
});

test("window budget: unread bytes of all streams stay below the total, new streams are still opened", async (t) => {
  const total = 4_000_000;
  const { serverPool, clientPool, pass } = await memoryPair(t, {
    client: { minCapacity: 10, maxCapacity: 10 },
    server: { window: { idle: 65_536, stream: 1_048_576, total } },
  });
  let accepted = 0;
  const chunk = pattern(16_384);
  for (let i = 0; i < 20; i++) {
    const near = await clientPool.incomingGet({ timeout: 0 });
    await serverPool.outgoingGet(near.id, { timeout: 0 });
    (async () => {
      for (;;) {
        const n = await near.write(chunk);
        accepted += n;
      }
    })().catch(() => {});
    await pass(600);
  }
  assert(accepted < total, `${accepted} bytes unread`);
  assert(accepted > total / 2, `only ${accepted} bytes`);
  assert(clientPool.active > 0);
  assertEquals(serverPool.stats().rejected, 0);
});

test("window budget: a stream gets its larger window when there is room again", async (t) => {
  const { serverPool, clientPool } = await memoryPair(t, {
    client: { minCapacity: 2, maxCapacity: 2 },
    server: { window: { idle: 10_000, stream: 60_000, total: 100_000 } },
  });
  // One byte of the first window went to the opening: the tenth write has no room.
  const sent = new Map<string, number>();
  const pairs = [];
  for (let i = 0; i < 2; i++) {
    const near = await clientPool.incomingGet();
    const far = await serverPool.outgoingGet(near.id);
    pairs.push({ near, far });
    (async () => {
      for (;;) sent.set(near.id, (sent.get(near.id) ?? 0) + await near.write(new Uint8Array(1_000)));
    })().catch(() => {});
    await turn();
  }
  const [first, second] = pairs;
  assertEquals([...sent.values()].map((n) => Math.round(n / 1_000)), [60, 9]);
  first!.far.abort();
  await turn();
  assertEquals(await second!.far.read(new Uint8Array(20_000)), 9_999);
  await turn();
  assert(sent.get(second!.near.id)! >= 65_000, `${sent.get(second!.near.id)} bytes`);
});
