// Fault 3: server killed while the client's pool is full: the dead streams are handed out without an error, and it never reconnects.
import { assert, assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { currentRuntime } from "../../support/runtime.ts";
import { spawnRuntime } from "../../support/spawn.ts";
import { bytes, once, realClient, rejects, text } from "../support.ts";

const program = new URL("./server_program.ts", import.meta.url);

test("fault 3: a killed server's streams are gone at once, and the client comes back", async (t) => {
  const first = spawnRuntime(t, currentRuntime(), program, ["0", "one"]);
  const port = Number((await first.out.line(/listening (\d+)/))[1]);
  const client = realClient(t, port, { backoff: { initial: 100, max: 200 } });
  await client.start();
  await client.filled();
  const [, id] = await first.out.line(/took (\w+)/);
  const used = await client.outgoingGet(id!);
  await used.write(bytes("x"));
  assertEquals(await text(used), "x");
  const dead = await client.incomingGet();
  const pending = rejects(used.read(new Uint8Array(1)), "ERR_STREAM_LOST");
  const disconnected = once(client, "disconnect");
  first.kill("SIGKILL");
  await disconnected;
  assertEquals(client.active, 0);
  assertEquals(client.state, "reconnecting");
  await rejects(client.incomingGet({ timeout: 0 }), "ERR_POOL_TIMEOUT");
  const error = await pending;
  assert(error.cause instanceof Error);
  await rejects(dead.write(bytes("x")), "ERR_STREAM_LOST");

  const back = once(client, "connect");
  const second = spawnRuntime(t, currentRuntime(), program, [String(port)]);
  await second.out.line(/listening/);
  await back;
  const stream = await client.outgoingGet((await second.out.line(/took (\w+)/))[1]!, { timeout: 10_000 });
  await stream.write(bytes("alive"));
  assertEquals(await text(stream), "alive");
  assert(client.stats().reconnects >= 1);
});
