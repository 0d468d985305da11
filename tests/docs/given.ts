/** What the documents' examples take for given: two pools, and a stream between them. @module */
import { ClientPool, type PoolStream, ServerPool } from "../../mod.ts";
import * as certs from "../support/certs.ts";
import type { TestContext } from "../support/harness.ts";

/** See {@linkcode given}. */
export interface Given {
  readonly server: ServerPool;
  readonly client: ClientPool;
  /** The server's end of a stream. */
  readonly stream: PoolStream;
  /** The client's end of it. */
  readonly peer: PoolStream;
}

/** Makes them; they close with the test. */
export async function given(t: TestContext): Promise<Given> {
  const server = new ServerPool({ listen: "localhost:0", tls: { cert: certs.server.cert, key: certs.server.key } });
  t.cleanup(() => server.close());
  await server.start();
  const client = new ClientPool({
    address: `localhost:${server.addr?.port}`,
    tls: { ca: certs.ca },
    minCapacity: 16,
  });
  t.cleanup(() => client.close());
  const ids: string[] = [];
  client.addEventListener("stream", ({ detail: { id } }) => ids.push(id));
  await client.start();
  await client.filled(2);
  // `00000000` stays in both pools, for the examples.
  const id = ids.find((id) => id !== "00000000") ?? "";
  return { server, client, stream: await server.outgoingGet(id), peer: await client.outgoingGet(id) };
}
