// Fault 10: one unread stream blocks all the others and the refill.
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { drain, pattern, realPair, settled } from "../support.ts";

test(
  "fault 10: unread streams block neither other streams nor the refill, either way",
  { timeout: 60_000 },
  async (t) => {
    const { serverPool, clientPool } = await realPair(t, {
      client: { minCapacity: 10, maxCapacity: 10, minInterval: 50 },
    });
    const pair = async () => {
      const far = await serverPool.incomingGet({ timeout: 10_000 });
      return [await clientPool.outgoingGet(far.id), far] as const;
    };
    // Three streams whose windows are full, in both directions.
    const stuck = await Promise.all([pair(), pair(), pair()]);
    const writes = stuck.flatMap((
      [near, far],
    ) => [near.write(new Uint8Array(3_000_000)), far.write(new Uint8Array(3_000_000))]);
    for (const write of writes) write.catch(() => {});
    const data = pattern(4_000_000);
    for (let i = 0; i < 3; i++) {
      const [near, far] = await pair();
      const [up, down] = await Promise.all([
        drain(far),
        drain(near),
        near.write(data).then(() => near.closeWrite()),
        far.write(data).then(() => far.closeWrite()),
      ]);
      assert(Buffer.from(up).equals(data) && Buffer.from(down).equals(data));
    }
    for (const write of writes) assert(!await settled(write), "write does not wait for a peer that does not read");
    // Far more than were there at first.
    for (let i = 0; i < 30; i++) await pair();
    for (const [near, far] of stuck) {
      const buffer = new Uint8Array(65_536);
      let n = 0;
      while (n < 3_000_000) n += (await far.read(buffer))!;
      assertEquals(n, 3_000_000);
      near.abort();
    }
  },
);
