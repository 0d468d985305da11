// Fault 6: server close is invisible to the client; client close loses the last bytes.
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { bytes, drain, pattern, realStream, text } from "../support.ts";

test("fault 6: a close on either side is an end on the other", async (t) => {
  const { near, far, serverPool, clientPool } = await realStream(t);
  far.close();
  assertEquals(await text(near), null);
  near.close();
  await Promise.all([near.closed, far.closed]);
  const other = await clientPool.incomingGet();
  const otherFar = await serverPool.outgoingGet(other.id);
  other.close();
  assertEquals(await text(otherFar), null);
  otherFar.close();
  await Promise.all([other.closed, otherFar.closed]);
});

test("fault 6: what was written before a close arrives, to the last byte", { timeout: 60_000 }, async (t) => {
  const { near, far, serverPool, clientPool } = await realStream(t);
  const data = pattern(5_000_000);
  for (const [from, to] of [[near, far], [await serverPool.incomingGet(), undefined]] as const) {
    const reader = to ?? await clientPool.outgoingGet(from.id);
    const written = from.write(data);
    from.write(bytes("tail")).catch(() => {});
    from.close();
    const got = await drain(reader);
    assertEquals(await written, data.length);
    assert(Buffer.from(got).equals(Buffer.concat([data, bytes("tail")])), `${got.length} bytes arrived`);
    reader.close();
    await from.closed;
  }
});

test("fault 6: what was written before the pool closes arrives too", async (t) => {
  const { near, far, clientPool } = await realStream(t);
  const data = pattern(700_000);
  near.write(data).catch(() => {});
  near.close();
  const closed = clientPool.close();
  assert(Buffer.from(await drain(far)).equals(data));
  await closed;
});
