// A server may do anything to a stream that is idle, in use or closing: it fails with the right error, and alone.
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { ClientPool, PoolStream } from "../../../src/streams/mod.ts";
import { concat, data, END_STREAM, headers, padded, reset, windowUpdate } from "../../support/frames.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { text } from "../support.ts";
import { OK, type RawPeer, type RawServer, rawServer, type RawStream } from "./raw.ts";
import { closes, each, echoes, failure, ledger, quickClient, recovers, until, within } from "./support.ts";

const NONE = new Uint8Array();
const CODES = [0, 1, 2, 3, 5, 7, 8, 11, 13, 0xdead_beef];

interface Scene {
  readonly server: RawServer;
  readonly client: ClientPool;
  readonly peer: RawPeer;
  /** In use, with both its sides. */
  readonly used: PoolStream;
  readonly raw: RawStream;
  /** Another one, which must not notice anything. */
  readonly other: PoolStream;
}

/** A pool with two streams in use. */
async function scene(t: TestContext): Promise<Scene> {
  const server = await rawServer(t);
  const client = quickClient(t, server.port, { closeTimeout: 60_000 });
  await client.start();
  await client.filled();
  const used = await client.outgoingGet("00000000");
  const other = await client.incomingGet();
  const [peer] = server.peers;
  return { server, client, peer: peer!, used, raw: peer!.streams.get(1)!, other };
}

async function untouched({ client, server, other }: Scene): Promise<void> {
  await echoes(other);
  assertEquals(server.peers.length, 1, "the connection is not to blame");
  assertEquals(client.stats().reconnects, 0);
  await recovers(client);
  await closes(client);
}

test("in use: a reset with any code fails what is pending and what comes later, with that code", async (t) => {
  await each(Object.fromEntries(CODES.map((code) => [`code ${code}`, code])), async (code) => {
    const at = await scene(t);
    const { client, peer, used, raw } = at;
    at.server.script = { data: () => {} };
    const before = client.stats().inUse;
    const reading = failure("the pending read", used.read(new Uint8Array(1)));
    const writing = failure("the pending write", used.write(new Uint8Array(300_000)));
    const ending = failure("the pending end", used.closeWrite());
    await until("bytes have come", () => raw.received.length > 0);
    peer.send(reset(raw.id, code));
    for (const error of [await reading, await writing, await ending]) {
      assertEquals([error.code, error.rstCode], ["ERR_STREAM_RESET", code]);
      assertMatch(error.message, new RegExp(`code ${code}`));
    }
    await within(1_000, "closed", used.closed);
    assertEquals((await failure("a later read", used.read(new Uint8Array(1)))).rstCode, code);
    assertEquals((await failure("a later write", used.write(new Uint8Array(1)))).rstCode, code);
    used.close();
    used.abort();
    assertEquals(client.stats().inUse, before - 1);
    assertEquals(client.errorCount, 0, "told to its user, not a background failure");
    at.server.script = {};
    await untouched(at);
  });
});

test("in use: an end is an end, bytes before a fault are there, and a fault is never an end", async (t) => {
  type Play = (at: Scene) => Promise<void>;
  const fails = (frames: (id: number) => Uint8Array, code: number): Play => async ({ peer, used, raw }) => {
    peer.send(data(raw.id, "before"), frames(raw.id));
    assertEquals(await text(used), "before");
    const error = await failure("read", used.read(new Uint8Array(1)));
    assertEquals([error.code, error.rstCode], ["ERR_STREAM_RESET", code]);
    assertEquals((await failure("write", used.write(new Uint8Array(1)))).code, "ERR_STREAM_RESET");
    await within(1_000, "closed", used.closed);
  };
  const plays: Record<string, Play> = {
    "END_STREAM alone": async ({ peer, used, raw }) => {
      peer.send(data(raw.id, NONE, END_STREAM));
      assertEquals(await text(used), null);
      // A true half-close.
      await used.write(Uint8Array.of(1, 2, 3));
      await used.closeWrite();
      await within(1_000, "closed", used.closed);
      await until("it has come", () => raw.received.length === 3 && raw.ended);
    },
    "END_STREAM with bytes": async ({ peer, used, raw }) => {
      peer.send(data(raw.id, "last", END_STREAM));
      assertEquals([await text(used), await text(used), await text(used)], ["last", null, null]);
    },
    "trailers": async ({ peer, used, raw }) => {
      peer.send(data(raw.id, "last"), headers(raw.id, ["x-sum", "1"], END_STREAM));
      assertEquals([await text(used), await text(used)], ["last", null]);
    },
    "END_STREAM, then a reset": async ({ peer, used, raw }) => {
      peer.send(data(raw.id, "last", END_STREAM), reset(raw.id, 2));
      await within(1_000, "closed", used.closed);
      assertEquals([await text(used), await text(used)], ["last", null]);
      assertEquals((await failure("write", used.write(new Uint8Array(1)))).rstCode, 2);
    },
    "END_STREAM and NO_ERROR, as servers say that they need no more": async ({ peer, used, raw }) => {
      const writing = failure("write", used.write(new Uint8Array(300_000)));
      peer.send(data(raw.id, "enough", END_STREAM), reset(raw.id, 0));
      assertEquals([(await writing).rstCode, await text(used), await text(used)], [0, "enough", null]);
    },
    "DATA after END_STREAM": async ({ peer, used, raw }) => {
      peer.send(data(raw.id, "last", END_STREAM), data(raw.id, "more"));
      await within(1_000, "closed", used.closed);
      assertEquals([await text(used), await text(used)], ["last", null]);
      assertEquals((await failure("write", used.write(new Uint8Array(1)))).rstCode, 5);
    },
    "a reset after bytes": fails((id) => reset(id, 8), 8),
    "a second response": fails((id) => headers(id, OK), 1),
    "trailers with a pseudo-field": fails((id) => headers(id, [":status", "200"], END_STREAM), 1),
    "a window of 2^31": fails((id) => windowUpdate(id, 0x7fff_ffff), 3),
    "WINDOW_UPDATE of 0": fails((id) => windowUpdate(id, 0), 1),
    "DATA beyond the window": fails(
      (id) => concat(...Array.from({ length: 120 }, () => data(id, new Uint8Array(16_000)))),
      3,
    ),
    "padding": async ({ peer, used, raw }) => {
      peer.send(padded(raw.id, "x", 255), padded(raw.id, "", 10), padded(raw.id, "y", 0, END_STREAM));
      let all = "";
      for (let part = await text(used); part !== null; part = await text(used)) all += part;
      assertEquals(all, "xy");
    },
  };
  // Bytes before the fault are read in a loop there.
  delete plays["DATA beyond the window"];
  await each(plays, async (play) => {
    const at = await scene(t);
    at.server.script = { data: () => {}, end: () => {} };
    await play(at);
    at.used.close();
    at.server.script = {};
    await untouched(at);
  });
});

test("in use: DATA beyond the window is a reset, after the bytes that were allowed", async (t) => {
  const at = await scene(t);
  at.peer.send(...Array.from({ length: 120 }, () => data(at.raw.id, new Uint8Array(16_000))));
  const buffer = new Uint8Array(100_000);
  let got = 0;
  // Nobody reads until all has come.
  await within(5_000, "closed", at.used.closed);
  const error = await (async () => {
    for (;;) got += (await at.used.read(buffer))!;
  })().catch((error) => error as Error & { code: string; rstCode: number });
  assertEquals([error.code, error.rstCode], ["ERR_STREAM_RESET", 3]);
  assert(got <= 1_048_576 && got > 900_000, `${got} bytes of a window of 1 MiB`);
  await untouched(at);
});

test("idle: a stream that is reset or ended leaves at once, and another one is opened", async (t) => {
  const faults: Record<string, (id: number) => Uint8Array> = {
    "END_STREAM": (id) => data(id, NONE, END_STREAM),
    "trailers": (id) => headers(id, ["x", "y"], END_STREAM),
    "a second response": (id) => headers(id, OK),
    "DATA beyond the window": (id) => concat(...Array.from({ length: 5 }, () => data(id, new Uint8Array(16_000)))),
    ...Object.fromEntries(CODES.map((code) => [`RST code ${code}`, (id: number) => reset(id, code)])),
  };
  await each(faults, async (fault) => {
    const at = await scene(t);
    const { client, peer } = at;
    await client.filled();
    const evicted: string[] = [];
    client.addEventListener("evict", ({ detail }) => evicted.push(detail.id));
    const before = client.stats().created;
    const idle = [...peer.streams.values()].at(-1)!;
    const id = (0x10000 + idle.nth).toString(16).padStart(8, "0");
    peer.send(fault(idle.id));
    await until("it has left", () => evicted.length > 0);
    assertEquals(evicted, [id]);
    assertEquals((await failure("taking it", client.outgoingGet(id, 0))).code, "ERR_POOL_TIMEOUT");
    ledger(client);
    await until("another one is there", () => client.stats().created > before);
    await untouched(at);
  });
});

test("idle: what a server says to an idle stream is there for whoever takes it", async (t) => {
  const at = await scene(t);
  const { client, peer } = at;
  await client.filled();
  const [open, ended] = [...peer.streams.values()].slice(-2);
  const id = ({ nth }: RawStream): string => (0x10000 + nth).toString(16).padStart(8, "0");
  peer.send(data(open!.id, "early"), data(ended!.id, "letter", END_STREAM), data(open!.id, " bird"));
  const first = await client.outgoingGet(id(open!));
  let said = "";
  while (said.length < 10) said += await text(first);
  assertEquals(said, "early bird");
  await echoes(first);
  const second = await client.outgoingGet(id(ended!));
  assertEquals([await text(second), await text(second)], ["letter", null]);
  await untouched(at);
});

test("closing: a stream that was closed ends, whatever the server does with it", async (t) => {
  type Fault = (at: Scene) => void;
  const send = (frames: (id: number) => Uint8Array): Fault => ({ peer, raw }) => peer.send(frames(raw.id));
  const faults: Record<string, Fault> = {
    "ends too": send((id) => data(id, NONE, END_STREAM)),
    "trailers": send((id) => headers(id, ["x", "y"], END_STREAM)),
    "nothing": () => {},
    "sends on": send((id) => concat(...Array.from({ length: 60 }, () => data(id, new Uint8Array(16_000))))),
    ...Object.fromEntries(CODES.map((code) => [`RST code ${code}`, send((id) => reset(id, code))])),
  };
  await each(faults, async (fault, name) => {
    const server = await rawServer(t);
    const client = quickClient(t, server.port, {
      closeTimeout: name === "nothing" || name === "sends on" ? 300 : 60_000,
    });
    await client.start();
    await client.filled();
    const used = await client.outgoingGet("00000000");
    const at = {
      server,
      client,
      peer: server.peers[0]!,
      used,
      raw: server.peers[0]!.streams.get(1)!,
      other: await client.incomingGet(),
    };
    server.script = { data: () => {}, end: () => {} };
    const reading = failure("the pending read", used.read(new Uint8Array(1)));
    await used.write(new Uint8Array(100));
    used.close();
    assertEquals((await reading).code, "ERR_STREAM_CLOSED");
    await until("all has come", () => at.raw.ended && at.raw.received.length === 100);
    fault(at);
    await within(3_000, "closed", used.closed);
    if (name === "nothing" || name === "sends on") await until("it is reset", () => at.raw.reset === 8);
    else assertEquals(at.raw.reset, undefined);
    assertEquals((await failure("a later read", used.read(new Uint8Array(1)))).code, "ERR_STREAM_CLOSED");
    assertEquals((await failure("a later write", used.write(new Uint8Array(1)))).code, "ERR_STREAM_CLOSED");
    server.script = {};
    await untouched(at);
  });
});

test("closing: a server that does not read what was written is given up after closeTimeout", async (t) => {
  const server = await rawServer(t, { data: () => {} });
  const client = quickClient(t, server.port, { closeTimeout: 300 });
  await client.start();
  const used = await client.outgoingGet("00000000");
  // Its window is 64 KiB, and it never enlarges it.
  const writing = failure("the pending write", used.write(new Uint8Array(200_000)));
  used.close();
  const disposed = within(3_000, "dispose", used[Symbol.asyncDispose]());
  assertEquals((await writing).code, "ERR_STREAM_CLOSED");
  await disposed;
  await within(1_000, "closed", used.closed);
  await until("it is reset", () => server.peers[0]!.streams.get(1)!.reset === 8);
  server.script = {};
  await recovers(client);
  await closes(client);
});
