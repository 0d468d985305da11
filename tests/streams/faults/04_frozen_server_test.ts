// Fault 4: frozen server: undetected for ever; an unanswered TLS handshake or an id that never comes hangs for ever too.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "../../support/harness.ts";
import { currentRuntime } from "../../support/runtime.ts";
import { spawnRuntime } from "../../support/spawn.ts";
import { oddHandler, oddServer, once, realClient, rejects, world } from "../support.ts";

test("fault 4: a frozen server is found within keepAlive and pingTimeout", async (t) => {
  const server = spawnRuntime(t, currentRuntime(), new URL("./server_program.ts", import.meta.url), ["0", "one"]);
  const port = Number((await server.out.line(/listening (\d+)/))[1]);
  const client = realClient(t, port, { keepAlive: 400, pingTimeout: 300 });
  await client.start();
  const used = await client.incomingGet();
  const lost = rejects(used.read(new Uint8Array(1)), "ERR_STREAM_LOST");
  const disconnected = once(client, "disconnect");
  const began = performance.now();
  server.kill("SIGSTOP");
  await disconnected;
  const took = performance.now() - began;
  assertEquals(client.active, 0);
  assertMatch(((await lost).cause as Error).message, /PING/);
  assert(took < 400 + 300 + 2_000, `found after ${Math.round(took)} ms`);
  server.kill("SIGCONT");
});

test("fault 4: an unanswered TLS handshake ends", async (t) => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket.on("error", () => {})));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  t.cleanup(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => silent.close(resolve));
  });
  const client = realClient(t, (silent.address() as AddressInfo).port, { connectTimeout: 200 });
  const began = performance.now();
  const error = await rejects(client.start({ timeout: 600 }), "ERR_POOL_CONNECT");
  assertEquals((error.cause as { kind: string }).kind, "timeout");
  assert(performance.now() - began < 5_000);
  assertEquals(client.state, "closed");
});

test("fault 4: an id that never comes fails the opening, not the pool", async (t) => {
  const w = world(t);
  let silent = true;
  const listener = await oddServer(t, w.engine, w.clock, () =>
    oddHandler([], ({ channel }, index) => {
      if (silent) return channel.respond([":status", "200"]);
      channel.respond([":status", "200"]);
      channel.write(Uint8Array.of(1, 2, 3, index));
    }));
  const client = w.client(listener.addr.port, { handshakeTimeout: 1_000 });
  const started = client.start();
  await w.pass(1_000);
  await started;
  assertEquals(client.stats().failed, 5);
  assertEquals(client.active, 0);
  assertMatch(client.stats().lastError!.message, /no id within 1000 ms/);
  silent = false;
  await w.pass(10_000);
  assert(client.active >= 5);
});
