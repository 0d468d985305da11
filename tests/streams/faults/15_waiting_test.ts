// Fault 15: `outgoingGet` before the stream's arrival costs 50 ms (polling); with two clients addresses are mixed up; reconnects
// have no back-off.
import { assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { giveId, oddHandler, oddServer, type OddStream, realClient, realServer, world } from "../support.ts";

test("fault 15: a waiting outgoingGet has its stream when it arrives, and no time passes", async (t) => {
  const w = world(t);
  const held: OddStream[] = [];
  const listener = await oddServer(t, w.engine, w.clock, () =>
    oddHandler([], (stream, index) => {
      if (index === 0) giveId(stream, 0);
      else held.push(stream);
    }));
  const client = w.client(listener.addr.port);
  await client.start();
  await w.turn();
  let got = 0;
  const waiting = client.outgoingGet("00000007").then((stream) => {
    got = w.clock.now();
    return stream;
  });
  await w.pass(333);
  const at = w.clock.now();
  giveId(held[0]!, 7);
  await w.turn();
  assertEquals((await waiting).id, "00000007");
  assertEquals(got, at);
});

test("fault 15: streams of two clients have their own addresses", async (t) => {
  const server = await realServer(t);
  const clients = [realClient(t, server.addr!.port), realClient(t, server.addr!.port)];
  for (const client of clients) await client.start();
  for (const client of clients) {
    for (let i = 0; i < 5; i++) {
      const near = await client.incomingGet({ timeout: 5_000 });
      const from = server.connections().find(({ remoteAddr }) => remoteAddr.port === near.localAddr.port)!;
      const far = await server.outgoingGet(near.id, { connection: from, timeout: 5_000 });
      assertEquals(far.remoteAddr, near.localAddr);
      assertEquals(far.localAddr, near.remoteAddr);
    }
  }
});

test("fault 15: attempts to connect come further and further apart", async (t) => {
  const w = world(t);
  const times: number[] = [];
  const began = w.clock.now();
  // Nobody listens there.
  const client = w.client(1, {
    address: () => {
      times.push(w.clock.now() - began);
      return "127.0.0.1:1";
    },
    backoff: { initial: 100, factor: 2, jitter: 0, max: 10_000 },
  });
  const started = client.start({ timeout: 2_000 }).catch((error) => error.code);
  await w.pass(2_001);
  assertEquals(await started, "ERR_POOL_CONNECT");
  assertEquals(times, [0, 100, 300, 700, 1_500]);
});
