// Fault 13: a full server writes ids and then drops their streams.
import { assert, assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { bytes, realPair, text } from "../support.ts";

test("fault 13: every id that a full server gives is good", async (t) => {
  const { serverPool, clientPool } = await realPair(t, {
    server: { maxCapacity: 3 },
    client: { minCapacity: 10, maxCapacity: 10, minInterval: 30, maxInterval: 30 },
  });
  await clientPool.filled(3);
  for (let i = 0; i < 10 && clientPool.stats().rejected < 20; i++) await clientPool.filled(4, 60).catch(() => {});
  assert(clientPool.stats().rejected >= 7, "never asked for more than there is room for");
  assertEquals(clientPool.active, 3);
  assertEquals(serverPool.active, 3);
  assertEquals(clientPool.stats().evicted, 0);
  for (let i = 0; i < 20; i++) {
    const near = await clientPool.incomingGet({ timeout: 5_000 });
    const far = await serverPool.outgoingGet(near.id, { timeout: 5_000 });
    await far.write(bytes("good"));
    assertEquals(await text(near), "good");
    near.close();
    far.close();
  }
  assertEquals(clientPool.errorCount, 0);
});
