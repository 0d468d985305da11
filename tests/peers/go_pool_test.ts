/** The stream protocol against Go's net/http, both roles, where a Go compiler is. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bytes, drain, realClient, realServer, text } from "../streams/support.ts";
import { certFile } from "../support/certs.ts";
import { test, type TestContext } from "../support/harness.ts";
import { program as needs } from "../support/needs.ts";
import { type Child, spawnProgram } from "../support/spawn.ts";
import { folder } from "./support/files.ts";

const options = { timeout: 110_000, needs: needs("go") };

async function program(t: TestContext, ...args: string[]): Promise<Child> {
  const binary = join(folder(t), "go_pool");
  const source = fileURLToPath(new URL("./programs/go_pool.go", import.meta.url));
  const build = spawnProgram(t, ["go", "build", "-o", binary, source]);
  assertEquals((await build.exit(100_000)).code, 0, build.err.text);
  return spawnProgram(t, [binary, ...args]);
}

test("Go client: opens, uses and ends streams of a server pool", options, async (t) => {
  const server = await realServer(t);
  const go = await program(t, "use", String(server.addr!.port), certFile("ca.pem"), "20");
  const ids: string[] = [];
  for (let i = 0; i < 20; i++) {
    const stream = await server.incomingGet({ timeout: 15_000 });
    ids.push(stream.id);
    assertEquals(await text(stream), `line ${i}\n`);
    await stream.write(bytes(`heard ${i}\n`));
    assertEquals(await text(stream), null);
    await stream.write(bytes("tail"));
    stream.close();
    await stream.closed;
  }
  assertEquals((await go.exit()).code, 0, go.err.text);
  assertEquals(ids[0], "00000000");
  assertEquals(
    go.out.text,
    ids.map((id, i) => `id ${id}\necho heard ${i}\nend 4 <nil>\n`).join("") + "done\n",
  );
  assertEquals(server.connections().length <= 1, true);
});

test("Go server: its ids, its 404 when it is full, its end of a connection's life", options, async (t) => {
  const go = await program(t, "serve", certFile("server.pem"), certFile("server.key"), "4");
  const port = Number((await go.out.line(/listening (\d+)/))[1]);
  const client = realClient(t, port, {
    minCapacity: 6,
    maxCapacity: 6,
    minInterval: 20,
    maxInterval: 20,
    handshakeTimeout: 500,
    closeTimeout: 200,
    backoff: { initial: 50, max: 100 },
  });
  await client.start();
  await client.filled(4, 5_000);
  assertEquals(client.active, 4);
  assertEquals(client.stats().failed, 0);
  const seen = new Set<string>();
  // Go's server allows 250 streams at once, and its handlers never return. From Go 1.20 on those count even when their streams
  // are over, and the client has to take another connection.
  for (let i = 0; i < 300; i++) {
    const stream = await client.incomingGet({ timeout: 15_000 });
    assertMatch(stream.id, /^[0-9a-f]{8}$/);
    seen.add(`${stream.connection.id} ${stream.id}`);
    await stream.write(bytes(`line ${i}\n`));
    assertEquals(await text(stream), `line ${i}\n`);
    stream.close();
  }
  assertEquals(seen.size, 300);
  assert(client.stats().rejected > 0, "it was never full");
  // What was written before a close arrives, although the other side never ends.
  const last = await client.incomingGet({ timeout: 15_000 });
  const data = new Uint8Array(300_000).fill(120);
  const echoed = drain(last).catch((error) => error);
  await last.write(data);
  last.setReadDeadline(new Date(Date.now() + 2_000));
  assertEquals((await echoed).code, "ERR_STREAM_DEADLINE");
  last.close();
  await last.closed;
});
