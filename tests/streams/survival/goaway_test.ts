// GOAWAY with any code and any last id, at any moment: nothing new on that connection, a new one at once, what the server
// still looks at goes on, what it does not fails.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { concat, data, frame, GOAWAY, goaway, settings, uint32, utf8 } from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { type RawPeer, rawServer } from "./raw.ts";
import { closes, each, echoes, failure, ledger, quickClient, recovers, until, within } from "./support.ts";

const LAST = 0x7fff_ffff;
const CODES = [0, 1, 2, 11, 0xdead_beef];

test("GOAWAY: with any code, streams in use at or below its last id go on; idle ones leave; a new connection at once", async (t) => {
  const cases: Record<string, { code: number; last: number }> = {};
  for (const code of CODES) for (const last of [LAST, 999, 1]) cases[`code ${code}, last id ${last}`] = { code, last };
  await each(cases, async ({ code, last }) => {
    const server = await rawServer(t);
    // A connection that is young is replaced by back-off only where it has never given a stream.
    const client = quickClient(t, server.port, { backoff: { initial: 60_000 } });
    await client.start();
    await client.filled();
    const used = await client.outgoingGet("00000000");
    await client.filled();
    const [old] = server.peers;
    const next = server.next();
    const { created } = client.stats();
    old!.send(goaway(last, code));
    const peer = await within(5_000, "a new connection", next);
    // The stream in use has its id on the old one, which nothing new has come to.
    await echoes(used);
    assertEquals(used.connection.tls.alpn, "h2");
    assertEquals(client.stats().evicted, created - 1);
    const opened = old!.streams.size;
    await recovers(client);
    assertEquals(old!.streams.size, opened);
    const stream = await client.incomingGet();
    assert(stream.connection !== used.connection);
    assertEquals([client.stats().connections, server.peers.length], [2, 2]);
    used.close();
    await within(5_000, "closed", used.closed);
    // The old one ends with its last stream, and in order when the code says so.
    await within(5_000, "the old connection's end", old!.closed);
    await until("it is known", () => client.stats().connections === 1);
    assert(!peer.over);
    ledger(client);
    await closes(client);
  });
});

test("GOAWAY: streams in use above its last id fail, since the server has not looked at them", async (t) => {
  await each(Object.fromEntries(CODES.map((code) => [`code ${code}`, code])), async (code) => {
    const server = await rawServer(t, { data: () => {} });
    const client = quickClient(t, server.port);
    await client.start();
    await client.filled();
    const used = await client.outgoingGet("00000000");
    const reading = failure("the pending read", used.read(new Uint8Array(1)));
    const writing = failure("the pending write", used.write(new Uint8Array(300_000)));
    server.peers[0]!.send(goaway(0, code));
    for (const error of [await reading, await writing]) {
      assertEquals([error.code, error.rstCode], ["ERR_STREAM_RESET", 7]);
      assertMatch(error.message, /GOAWAY/);
    }
    await within(1_000, "closed", used.closed);
    server.script = {};
    await recovers(client);
    await closes(client);
  });
});

test("GOAWAY: followed by whatever, it is got over", async (t) => {
  const cases: Record<string, (peer: RawPeer) => void> = {
    "FIN": (peer) => {
      peer.send(goaway(LAST, 0));
      peer.socket.end();
    },
    "destroyed": (peer) => {
      peer.send(goaway(LAST, 2));
      peer.socket.destroy();
    },
    "first all, then some, then none": (peer) => peer.send(goaway(LAST, 0), goaway(1, 0), goaway(0, 0)),
    "a last id that grows, which is wrong": (peer) => peer.send(goaway(0, 0), goaway(LAST, 0)),
    "debug data": (peer) => peer.send(frame(GOAWAY, 0, 0, concat(uint32(0), uint32(0), utf8("too_many_pings")))),
    "garbage": (peer) => peer.send(goaway(LAST, 0), new Uint8Array(100).fill(255)),
    "SETTINGS": (peer) => peer.send(goaway(LAST, 0), settings({ 3: 0 }), settings({ 3: 1_000 })),
    "a new stream of its own": (peer) => peer.send(goaway(LAST, 0), data(2, "x")),
    "a hundred times": (peer) => peer.send(...Array.from({ length: 100 }, () => goaway(LAST, 0))),
  };
  await each(cases, async (fault) => {
    const server = await rawServer(t);
    const client = quickClient(t, server.port);
    await client.start();
    await client.filled();
    const used = await client.outgoingGet("00000000");
    const next = server.next();
    fault(server.peers[0]!);
    await within(5_000, "a new connection", next);
    await recovers(client);
    // It may have gone on, or not: it is not left hanging.
    used.close();
    await within(5_000, "closed", used.closed);
    await closes(client);
  });
});

test("GOAWAY: then silence, with a stream in use: found like any frozen server", async (t) => {
  const server = await rawServer(t);
  const client = quickClient(t, server.port, { keepAlive: 300, pingTimeout: 300 });
  await client.start();
  await client.filled();
  const used = await client.outgoingGet("00000000");
  const reading = failure("read", used.read(new Uint8Array(1)));
  const next = server.next();
  server.peers[0]!.send(goaway(LAST, 0));
  await next;
  server.script = { mute: true };
  const error = await reading;
  assertEquals(error.code, "ERR_STREAM_LOST");
  server.script = {};
  await recovers(client);
  await closes(client);
});

test("GOAWAY: while streams are opened: they are opened again elsewhere, and no one is told of an error", async (t) => {
  await each(Object.fromEntries(CODES.map((code) => [`code ${code}`, code])), async (code) => {
    let first = true;
    const server = await rawServer(t, {
      open(peer, stream) {
        if (!first) return peer.send(concat(...answerTo(peer, stream.id, stream.nth)));
        first = false;
        peer.send(goaway(0, code));
      },
    });
    const client = quickClient(t, server.port);
    await client.start({ timeout: 10_000 });
    await recovers(client);
    assertEquals(client.stats().failed, 0);
    await closes(client);
  });
});

test("GOAWAY: behind SETTINGS: start() goes on until there is a server that stays", async (t) => {
  let leaving = 3;
  const server = await rawServer(t, {
    greet(peer) {
      peer.send(settings());
      if (leaving-- > 0) peer.send(goaway(0, 0));
    },
  });
  const client = quickClient(t, server.port);
  await client.start();
  assertEquals(client.state, "ready");
  assertEquals(server.peers.length, 4);
  await recovers(client);
  await closes(client);
});

function answerTo(peer: RawPeer, id: number, nth: number): Uint8Array[] {
  return [answerHeaders(id), data(id, uint32(nth === 0 ? 0 : (peer.nth + 1) * 0x10000 + nth))];
}
function answerHeaders(id: number): Uint8Array {
  return frame(1, 4, id, Uint8Array.of(0x88));
}
