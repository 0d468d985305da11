// Fault 9: ids are lost in a race between hand-out and store; a pool of one wedges for good.
import { assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { bytes, realPair, text } from "../support.ts";

test("fault 9: a pool of one never loses an id, whoever comes first", async (t) => {
  const { serverPool, clientPool } = await realPair(t, {
    server: { maxCapacity: 1 },
    client: { minCapacity: 1, maxCapacity: 1, minInterval: 5, maxInterval: 5 },
  });
  const seen = new Set<string>();
  for (let i = 0; i < 150; i++) {
    // By turns: the taker is there before the id, the id before the taker, and both in one turn.
    if (i % 3 === 1) await clientPool.filled(1, { timeout: 10_000 });
    const far = await serverPool.incomingGet({ timeout: 10_000 });
    const near = await clientPool.outgoingGet(far.id, { timeout: 10_000 });
    seen.add(far.id);
    await near.write(bytes("x"));
    assertEquals(await text(far), "x");
    if (i % 3 === 2) near.abort();
    else near.close();
    far.close();
  }
  assertEquals(seen.size, 150);
  assertEquals(clientPool.errorCount, 0);
});
