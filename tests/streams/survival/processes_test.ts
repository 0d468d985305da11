// Peers in processes of their own that are killed and frozen, in both roles.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "../../support/harness.ts";
import { linux } from "../../support/needs.ts";
import { currentRuntime } from "../../support/runtime.ts";
import { type Child, spawnRuntime } from "../../support/spawn.ts";
import { once, realServer } from "../support.ts";
import { closes, echoes, failure, ledger, quickClient, recovers, until } from "./support.ts";

const client = new URL("./client_program.ts", import.meta.url);
const server = new URL("../faults/server_program.ts", import.meta.url);
const FAST = { keepAlive: 400, pingTimeout: 300 };

test("processes: a client that is killed is gone at once, one that is frozen within keepAlive and pingTimeout", {
  needs: linux,
}, async (t) => {
  const pool = await realServer(t, FAST);
  const start = (): Child => spawnRuntime(t, currentRuntime(), client, [`${pool.addr!.port}`]);
  for (const how of ["SIGKILL", "SIGSTOP"] as const) {
    const child = start();
    const used = await pool.incomingGet({ timeout: 15_000 });
    child.write(`${used.id}\n`);
    await echoes(used);
    await pool.incomingGet({ connection: used.connection });
    assert(pool.active > 0);
    const reading = failure("the pending read", used.read(new Uint8Array(1)));
    const waiting = failure("a wait", pool.outgoingGet("deadbeef", { connection: used.connection }));
    const gone = once(pool, "disconnect");
    const began = performance.now();
    child.kill(how);
    const { detail } = await gone;
    const took = performance.now() - began;
    assertEquals(detail.connection, used.connection);
    assert(detail.error instanceof Error);
    assertEquals([(await reading).code, (await waiting).code], ["ERR_STREAM_LOST", "ERR_STREAM_LOST"]);
    assertEquals([pool.active, pool.stats().inUse, pool.stats().connections], [0, 0, 0]);
    ledger(pool);
    if (how === "SIGKILL") assert(took < 2_000, `seen after ${Math.round(took)} ms`);
    else {
      assertMatch(detail.error.message, /PING within 300 ms/);
      assert(took < 700 + 2_000, `found after ${Math.round(took)} ms`);
      // It wakes up, finds its connection gone, and comes back.
      const back = once(pool, "connect");
      child.kill("SIGCONT");
      await child.out.line("disconnected");
      await back;
      const stream = await pool.incomingGet({ timeout: 10_000 });
      child.write(`${stream.id}\n`);
      await echoes(stream);
    }
  }
  await closes(pool);
});

test("processes: a server that was frozen and wakes up, or was killed and starts again, is used again", {
  needs: linux,
}, async (t) => {
  const first = spawnRuntime(t, currentRuntime(), server, ["0"]);
  const port = Number((await first.out.line(/listening (\d+)/))[1]);
  const pool = quickClient(t, port, FAST);
  await pool.start();
  await recovers(pool);
  const used = await pool.incomingGet();
  await echoes(used);
  const reading = failure("the pending read", used.read(new Uint8Array(1)));
  // Attempts are made meanwhile, and time out: the frozen server's kernel takes connections.
  first.kill("SIGSTOP");
  assertEquals((await reading).code, "ERR_STREAM_LOST");
  assertEquals([pool.active, pool.state], [0, "reconnecting"]);
  const waiting = pool.incomingGet({ timeout: 20_000 });
  first.kill("SIGCONT");
  await echoes(await waiting);
  await recovers(pool);

  const disconnected = once(pool, "disconnect");
  first.kill("SIGKILL");
  await disconnected;
  await until("attempts fail", () => pool.errorCount > 3);
  const next = pool.incomingGet({ timeout: 20_000 });
  const second = spawnRuntime(t, currentRuntime(), server, [`${port}`]);
  await second.out.line(/listening/);
  await echoes(await next);
  await recovers(pool);
  await closes(pool);
});
