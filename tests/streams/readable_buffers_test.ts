import { assertEquals } from "@std/assert";
import { ClientPool, ServerPool } from "../../src/streams/mod.ts";
import * as certs from "../support/certs.ts";
import { test } from "../support/harness.ts";

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

// A byte stream takes the buffer of what it is given. The socket's buffer, which a Buffer's `slice` leaves in place, also
// has the bytes of other streams, and Node 26 reads into it again.
test("readable: a chunk handed to a waiting reader takes nothing away from another stream", async (t) => {
  const server = new ServerPool({ listen: "localhost:0", tls: { cert: certs.server.cert, key: certs.server.key } });
  t.cleanup(() => server.close());
  await server.start();
  const client = new ClientPool({ address: `localhost:${server.addr?.port}`, tls: { ca: certs.ca } });
  t.cleanup(() => client.close());
  await client.start();
  const [a, b] = [await server.incomingGet(), await server.incomingGet()];
  const [ours, other] = [await client.outgoingGet(a.id), await client.outgoingGet(b.id)];
  const reader = ours.readable.getReader();
  const first = reader.read();
  // In one turn, so that they arrive in one read of the socket.
  await Promise.all([a.write(new TextEncoder().encode("one")), b.write(new TextEncoder().encode("two"))]);
  assertEquals(text((await first).value), "one");
  const into = new Uint8Array(16);
  const n = await other.read(into);
  assertEquals(text(into.subarray(0, n ?? 0)), "two");
});
