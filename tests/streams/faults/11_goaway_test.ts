// Fault 11: after GOAWAY the client does not reconnect while the old connection lives.
import { assert, assertEquals, assertNotStrictEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { bytes, once, realClient, realServer, text } from "../support.ts";

test("fault 11: after GOAWAY the client connects anew at once, while old streams go on", async (t) => {
  const [one, two] = [await realServer(t), await realServer(t)];
  let port = one.addr!.port;
  const client = realClient(t, 0, { address: () => `127.0.0.1:${port}` });
  await client.start();
  const far = await one.incomingGet();
  const near = await client.outgoingGet(far.id);
  port = two.addr!.port;
  const connected = once(client, "connect");
  const began = performance.now();
  const closing = one.close({ grace: 20_000 });
  await connected;
  assert(performance.now() - began < 900, "waited for a back-off");
  const fresh = await two.incomingGet({ timeout: 5_000 });
  const taken = await client.outgoingGet(fresh.id, {
    connection: (await client.outgoingGet(fresh.id)).connection,
    timeout: 0,
  })
    .catch(() => undefined);
  assertEquals(taken, undefined);
  await near.write(bytes("old"));
  assertEquals(await text(far), "old");
  await far.write(bytes("friend"));
  assertEquals(await text(near), "friend");
  assertEquals(client.stats().connections, 2);
  const next = await client.incomingGet({ timeout: 5_000 });
  assertNotStrictEquals(next.connection, near.connection);
  near.close();
  far.close();
  await closing;
});
