// Fault 7: a deadline on one stream kills the connection.
import { assertEquals, assertStrictEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { bytes, realStream, rejects, text } from "../support.ts";

test("fault 7: a passed deadline fails its own stream's calls, and nothing else", async (t) => {
  const { near, far, serverPool, clientPool } = await realStream(t);
  const [connection] = serverPool.connections();
  const otherFar = await serverPool.incomingGet();
  const other = await clientPool.outgoingGet(otherFar.id);
  near.setDeadline(new Date(Date.now() + 50));
  await rejects(near.read(new Uint8Array(1)), "ERR_STREAM_DEADLINE");
  await rejects(near.write(bytes("x")), "ERR_STREAM_DEADLINE");
  await other.write(bytes("fine"));
  assertEquals(await text(otherFar), "fine");
  near.setDeadline(null);
  await near.write(bytes("so am I"));
  assertEquals(await text(far), "so am I");
  assertStrictEquals(serverPool.connections()[0], connection);
  assertEquals(clientPool.state, "ready");
});
