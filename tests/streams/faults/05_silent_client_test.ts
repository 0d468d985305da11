// Fault 5: one silent TCP client blocks all other clients.
import { assert, assertEquals } from "@std/assert";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { test, type TestContext } from "../../support/harness.ts";
import { realClient, realServer } from "../support.ts";

const ended = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once("close", () => resolve()));

function silentTcp(t: TestContext, port: number): Socket {
  const socket = connect(port, "127.0.0.1").on("error", () => {}).resume();
  t.cleanup(() => socket.destroy());
  return socket;
}

function silentTls(t: TestContext, port: number): Socket {
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  socket.on("error", () => {}).resume();
  t.cleanup(() => socket.destroy());
  return socket;
}

test("fault 5: silent TCP and TLS clients disturb nobody, and are cut in time", async (t) => {
  const server = await realServer(t, { handshakeTimeout: 1_500 });
  const { port } = server.addr!;
  const silent = [1, 2, 3, 4].flatMap(() => [silentTcp(t, port), silentTls(t, port)]);
  const gone = silent.map(ended);
  await Promise.all(silent.map((socket) => new Promise<void>((resolve) => socket.once("connect", () => resolve()))));
  const client = realClient(t, port);
  const began = performance.now();
  await client.start();
  await client.filled();
  assert(performance.now() - began < 1_400, "waited for the silent ones");
  await Promise.all(gone);
  assertEquals(server.connections().length, 1);
  assertEquals(client.state, "ready");
});
