import { assertEquals } from "@std/assert";
import { platformEngine } from "../../../src/adapter/node_http2/engine.ts";
import { DATA, END_STREAM, HEADERS, rawServer, settings, settingsAck } from "../contract/raw_peer.ts";
import { connecting, ear, echo, ends, pattern, post, writeAll } from "../contract/setup.ts";
import { test } from "../../support/harness.ts";

test("node:http2: no empty DATA frame but the one that ends the stream, as Bun sends them", async (t) => {
  const server = await rawServer(t);
  const coming = server.next();
  const attempt = platformEngine.connect(connecting(server.port));
  const peer = await coming;
  peer.send(settings, settingsAck);
  const connection = await attempt;
  t.cleanup(() => connection.destroy());
  const channel = connection.open(post("/"), ear());
  channel.write(Uint8Array.of(1));
  await peer.frame(HEADERS);
  assertEquals((await peer.frame(DATA)).payload.length, 1);
  channel.write(Uint8Array.of(2));
  channel.end();
  const [last, end] = [await peer.frame(DATA), await peer.frame(DATA)];
  assertEquals([last.payload.length, end.payload.length, end.flags], [1, 0, END_STREAM]);
});

test("node:http2: much written on many streams in one turn waits for the socket, and is no flood", async (t) => {
  const engines = { client: platformEngine, server: platformEngine };
  const { open, clientEar } = await ends(t, engines, { settings: { window: 1 << 20 }, onChannel: echo });
  const data = pattern(1 << 20);
  await Promise.all(Array.from({ length: 100 }, async () => {
    const { channel, ear } = open();
    await writeAll(channel, ear, data);
    assertEquals(await ear.gone, undefined);
    assertEquals(ear.received, data.length);
  }));
  assertEquals(clientEar.log, []);
});
