// Fault 12: `Flush` on one side leaves the other handing out dead ids.
import { assert, assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { bytes, realPair, text } from "../support.ts";

for (const side of ["client", "server"] as const) {
  test(`fault 12: what the ${side} flushes is not handed out by the other side`, async (t) => {
    const { serverPool, clientPool } = await realPair(t, { client: { minInterval: 20, maxInterval: 50 } });
    await clientPool.filled();
    const [flushing, other] = side === "client" ? [clientPool, serverPool] : [serverPool, clientPool];
    const dead = new Promise<Set<string>>((resolve) => {
      const ids = new Set<string>();
      const count = flushing.active;
      other.addEventListener("evict", (e) => {
        ids.add(e.detail.id);
        if (ids.size === count) resolve(ids);
      });
    });
    assert(flushing.flush() > 0);
    const gone = await dead;
    for (let i = 0; i < 10; i++) {
      const far = await serverPool.incomingGet({ timeout: 5_000 });
      assert(!gone.has(far.id), "a dead id");
      const near = await clientPool.outgoingGet(far.id, { timeout: 5_000 });
      await near.write(bytes("alive"));
      assertEquals(await text(far), "alive");
      near.close();
      far.close();
    }
  });
}
