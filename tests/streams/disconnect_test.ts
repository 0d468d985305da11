import { assert, assertEquals, assertRejects } from "@std/assert";
import { PoolError } from "../../src/streams/mod.ts";
import { test } from "../support/harness.ts";
import { bytes, memoryStream, text } from "./support.ts";

test("disconnect: one connection is cut, its streams are lost on both sides, and the client makes another", async (t) => {
  const { serverPool, clientPool, near, far, pass } = await memoryStream(t);
  const [connection] = serverPool.connections();
  assert(connection !== undefined);
  const reason = new Error("breaks the rules");
  const gone: unknown[] = [];
  serverPool.addEventListener("disconnect", ({ detail }) => gone.push(detail.error));

  const reading = near.read(new Uint8Array(1));
  assertEquals(serverPool.disconnect(connection, reason), true);
  assertEquals(serverPool.disconnect(connection), false);
  const lost = await assertRejects(() => reading, PoolError);
  assertEquals(lost.code, "ERR_STREAM_LOST");
  const mine = await assertRejects(() => far.read(new Uint8Array(1)), PoolError);
  assertEquals(mine.code, "ERR_STREAM_LOST");
  assertEquals(gone, [reason]);

  await pass(5_000);
  assertEquals([serverPool.connections().length, clientPool.state], [1, "ready"]);
  const next = await serverPool.incomingGet();
  assert(next.connection !== connection);
  const other = await clientPool.outgoingGet(next.id);
  await other.write(bytes("again"));
  assertEquals(await text(next), "again");
});
