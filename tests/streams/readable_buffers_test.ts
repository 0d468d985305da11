import { assertEquals } from "@std/assert";
import { ClientPool, type PoolStream, ServerPool } from "../../src/streams/mod.ts";
import * as certs from "../support/certs.ts";
import { test, type TestContext } from "../support/harness.ts";

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

// A byte stream takes the buffer of what it is given. The socket's buffer, which a Buffer's `slice` leaves in place, also
// has the bytes of other streams, and Node 26 reads into it again.
test("readable: a chunk handed to a waiting reader takes nothing away from another stream", async (t) => {
  const [ours, a, other, b] = await streams(t, 2);
  const reader = ours!.readable.getReader();
  const first = reader.read();
  // In one turn, so that they arrive in one read of the socket.
  await Promise.all([a!.write(new TextEncoder().encode("one")), b!.write(new TextEncoder().encode("two"))]);
  assertEquals(text((await first).value), "one");
  const into = new Uint8Array(16);
  const n = await other!.read(into);
  assertEquals(text(into.subarray(0, n ?? 0)), "two");
});

// What a byte stream was given has no length any more.
test("readable: a chunk handed to a waiting reader comes once", async (t) => {
  const [ours, theirs] = await streams(t, 1);
  const all = new Response(ours!.readable).text();
  await theirs!.write(new TextEncoder().encode("once"));
  await theirs!.closeWrite();
  assertEquals(await all, "once");
});

/** The client's and the server's ends of some streams, by turns. */
async function streams(t: TestContext, count: number): Promise<PoolStream[]> {
  const server = new ServerPool({ listen: "localhost:0", tls: { cert: certs.server.cert, key: certs.server.key } });
  t.cleanup(() => server.close());
  await server.start();
  const client = new ClientPool({ address: `localhost:${server.addr?.port}`, tls: { ca: certs.ca } });
  t.cleanup(() => client.close());
  await client.start();
  const ends: PoolStream[] = [];
  for (let i = 0; i < count; i++) {
    const end = await server.incomingGet();
    ends.push(await client.outgoingGet(end.id), end);
  }
  return ends;
}
