// Fault 14: after a restart the second `00000000` overwrites the first.
import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { bytes, realClient, realServer, text } from "../support.ts";

test("fault 14: each connection has its own 00000000, and both work", async (t) => {
  const server = await realServer(t);
  const clients = [realClient(t, server.addr!.port), realClient(t, server.addr!.port)];
  for (const client of clients) {
    await client.start();
    await client.filled();
  }
  const [first, second] = server.connections();
  assertEquals(server.connections().length, 2);
  const newest = await server.outgoingGet("00000000", { timeout: 5_000 });
  assertStrictEquals(newest.connection, second);
  const older = await server.outgoingGet("00000000", { timeout: 5_000 });
  assertStrictEquals(older.connection, first);
  for (const [i, far] of [older, newest].entries()) {
    const near = await clients[i]!.outgoingGet("00000000", { timeout: 5_000 });
    await near.write(bytes(`client ${i}`));
    assertEquals(await text(far), `client ${i}`);
  }
});

test("fault 14: a client whose server restarts keeps both apart", async (t) => {
  const [one, two] = [await realServer(t), await realServer(t)];
  let port = one.addr!.port;
  const client = realClient(t, 0, { address: () => `127.0.0.1:${port}` });
  await client.start();
  const near = await client.outgoingGet("00000000");
  const far = await one.outgoingGet("00000000");
  port = two.addr!.port;
  const closing = one.close({ grace: 20_000 });
  const newFar = await two.outgoingGet("00000000", { timeout: 5_000 });
  const newNear = await client.outgoingGet("00000000", { timeout: 5_000 });
  assertNotStrictEquals(newNear.connection, near.connection);
  await near.write(bytes("old"));
  await newNear.write(bytes("new"));
  assertEquals([await text(far), await text(newFar)], ["old", "new"]);
  near.close();
  far.close();
  await closing;
  assert(client.ready);
});
