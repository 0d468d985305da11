// Peers and networks that do anything at any moment, by chance but repeatable: every call settles with one of the documented
// errors, the books balance all the time, and the pool is whole again afterwards. H2POOL_CHAOS=N tries N seeds.
import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { type ClientPool, PoolError, type PoolStream, type ServerPool } from "../../../src/streams/mod.ts";
import type { StreamPool } from "../../../src/streams/stream_pool.ts";
import * as frames from "../../support/frames.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { untracked } from "../../support/leaks.ts";
import { SeededRandom } from "../../support/random.ts";
import { realServer } from "../support.ts";
import { answer, OK, ownId, POST, rawClient, rawOpen, type RawPeer, rawServer, type RawStream } from "./raw.ts";
import { closes, echoing, ledger, network, QUICK, quickClient, recovers, until, within } from "./support.ts";

const SEEDS = Number(process.env.H2POOL_CHAOS ?? 2);
const TIME = 500;
const EXPECTED = new Set([
  "ERR_POOL_TIMEOUT",
  "ERR_POOL_CLOSED",
  "ERR_STREAM_RESET",
  "ERR_STREAM_LOST",
  "ERR_STREAM_CLOSED",
  "ERR_STREAM_DEADLINE",
]);
const FAST = {
  keepAlive: 150,
  pingTimeout: 150,
  handshakeTimeout: 200,
  closeTimeout: 200,
};
const CLIENT = { ...FAST, connectTimeout: 500 };

type Random = SeededRandom;
const pause = (ms: number): Promise<void> => new Promise((resolve) => void untracked(resolve, ms));

/** Uses the pool like somebody who does not care, until `end`. Throws for an error that is not documented. */
async function user(pool: StreamPool, dice: Random, end: number): Promise<void> {
  const buffer = new Uint8Array(30_000);
  const one = async (): Promise<void> => {
    const stream = await pool.incomingGet({ timeout: 100 });
    // A peer may never read, nor end: that is not an error, so that somebody who cares has a deadline.
    stream.setDeadline(new Date(Date.now() + dice.pick([20, 200, 500])));
    const reading = dice.chance(0.7) ? read(stream) : undefined;
    try {
      await use(stream);
    } catch (error) {
      stream.abort();
      documented(error);
    }
    await reading;
    stream.close();
    await within(5_000, "closed", stream.closed);
  };
  const use = async (stream: PoolStream): Promise<void> => {
    for (let steps = dice.int(5); steps > 0; steps--) {
      await stream.write(buffer.subarray(0, dice.int(buffer.length)));
      if (dice.chance(0.3)) await pause(dice.int(10));
    }
    const how = dice.int(4);
    if (how === 0) stream.abort(new Error("bored"));
    else if (how === 1) stream.close();
    else if (how === 2) await stream.closeWrite();
    else await stream[Symbol.asyncDispose]();
  };
  const read = async (stream: PoolStream): Promise<void> => {
    try {
      while (await stream.read(new Uint8Array(1 + dice.int(20_000))) !== null);
    } catch (error) {
      documented(error);
    }
  };
  while (performance.now() < end) {
    try {
      await one();
    } catch (error) {
      documented(error);
    }
    ledger(pool);
  }
}

function documented(error: unknown): void {
  if (error instanceof PoolError && EXPECTED.has(error.code)) return;
  throw new Error(`not a documented error: ${error}`, { cause: error });
}

/** Something or other of a server's. */
function mischief(dice: Random, peer: RawPeer, stream: RawStream): void {
  const { id } = stream;
  const code = dice.pick([0, 1, 2, 5, 7, 8, 11, 0xffff_ffff]);
  const end = frames.END_STREAM;
  const any: (() => void)[] = [
    () => peer.send(answer(stream, ownId(peer, stream))),
    () => peer.send(answer(stream, ownId(peer, stream))),
    () => peer.send(answer(stream, ownId(peer, stream))),
    () => peer.send(answer(stream, ownId(peer, stream)), frames.data(id, "early")),
    () => peer.send(answer(stream, ownId(peer, stream)), frames.data(id, "letter", end)),
    () => peer.send(answer(stream, dice.int(3))),
    () => peer.send(frames.reset(id, code)),
    () => peer.send(frames.headers(id, OK), frames.reset(id, code)),
    () => peer.send(frames.headers(id, OK), frames.data(id, "ab"), frames.reset(id, code)),
    () => peer.send(frames.headers(id, OK), frames.data(id, "ab", end)),
    () => peer.send(frames.headers(id, OK, end)),
    () => peer.send(frames.headers(id, [":status", dice.pick(["103", "404", "403", "500", "204"])])),
    () => peer.send(frames.data(id, "before the headers")),
    () => {},
    () => void setTimeout(() => peer.send(answer(stream, ownId(peer, stream))), dice.int(300)),
  ];
  const [open] = [...peer.streams.values()].filter(({ done, reset }) => !done && reset === undefined);
  const other = dice.pick([...peer.streams.values()]);
  const rare: (() => void)[] = [
    () => peer.send(frames.goaway(dice.pick([0, id, 0x7fff_ffff]), code)),
    () => peer.send(frames.reset(other.id, code)),
    () => peer.send(frames.data(other.id, "x", dice.pick([0, end]))),
    () => peer.send(frames.headers(other.id, ["x", "y"], end)),
    () => peer.send(frames.settings({ 3: dice.int(20), 4: dice.int(100_000) })),
    () => peer.send(frames.windowUpdate(dice.pick([0, other.id]), dice.pick([0, 1, 0x7fff_ffff]))),
    () => peer.send(frames.concat(frames.ping()).subarray(0, dice.int(17))),
    () => peer.send(Uint8Array.from({ length: 40 }, () => dice.int(256))),
    () => void peer.socket.destroy(),
    () => void peer.socket.end(),
    () => void peer.socket.pause(),
    () => open && peer.send(frames.data(open.id, new Uint8Array(20_000))),
  ];
  dice.pick(dice.chance(0.15) ? rare : any)();
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`chaos ${seed}: a server that does anything`, async (t) => {
    const dice = new SeededRandom(seed);
    const server = await rawServer(t, {
      open: (peer, stream) => mischief(dice, peer, stream),
      data(peer, stream, bytes) {
        if (dice.chance(0.8)) peer.send(frames.data(stream.id, bytes), frames.windowUpdate(stream.id, bytes.length));
        else mischief(dice, peer, stream);
      },
      end: (peer, stream) => dice.chance(0.8) ? peer.send(frames.data(stream.id, "", 1)) : mischief(dice, peer, stream),
      greet: (peer) => peer.send(frames.settings(), frames.windowUpdate(0, 0x7000_0000)),
    });
    const client = quickClient(t, server.port, { ...CLIENT, minCapacity: 4, maxCapacity: 10 });
    // 403 is final at the start.
    const { script } = server;
    server.script = {};
    await client.start();
    server.script = script;
    await all(client, new SeededRandom(seed + 1_000), 4);
    server.script = {};
    // What was half said on these would still have its effect.
    const { length } = server.peers;
    for (const { socket } of server.peers) socket.destroy();
    await until("a fresh connection", () => server.peers.length > length && client.ready);
    await whole(client);
    await closes(client);
  });

  test(`chaos ${seed}: clients that do anything, beside one that does not`, async (t) => {
    const dice = new SeededRandom(seed);
    const server = echoing(await realServer(t, { ...FAST, maxConnectionsPerAddress: 1_000 }));
    const honest = quickClient(t, server.addr!.port);
    await honest.start();
    const end = performance.now() + TIME;
    const bad = Promise.all(Array.from({ length: 4 }, async () => {
      while (performance.now() < end) await badClient(t, server, dice, end);
    }));
    const good = (async () => {
      while (performance.now() < end) {
        await recovers(honest);
        ledger(server);
      }
    })();
    await Promise.all([bad, good]);
    assertEquals(honest.stats().reconnects, 0);
    await closes(honest);
    await until("all are gone", () => server.stats().connections === 0);
    assertEquals([server.active, server.stats().inUse, server.stats().waiting], [0, 0, 1]);
    await closes(server);
  });

  test(`chaos ${seed}: a network that fails all the time`, async (t) => {
    const dice = new SeededRandom(seed);
    const server = echoing(await realServer(t, { ...FAST, maxConnectionsPerAddress: 1_000 }));
    const net = await network(t, server.addr!.port);
    const client = quickClient(t, net.port, { ...CLIENT, ...QUICK, connections: 2, minCapacity: 6, maxCapacity: 6 });
    await client.start();
    const end = performance.now() + TIME;
    const trouble = (async () => {
      while (performance.now() < end) {
        await pause(dice.int(80));
        dice.pick([
          net.cut,
          net.reset,
          net.freeze,
          net.down,
          net.up,
          () => void client.flush(),
          () => void server.flush(),
        ])();
      }
    })();
    await all(client, new SeededRandom(seed + 1_000), 4);
    await trouble;
    net.up();
    net.cut();
    const { made } = net;
    await until("two fresh connections", () => net.made >= made + 2 && client.stats().connections === 2);
    await whole(client);
    await closes(client);
    await until("the server has seen it", () => server.stats().connections === 0);
    assertEquals([server.active, server.stats().inUse], [0, 0]);
    ledger(server);
    await closes(server);
  });
}

async function all(client: ClientPool, dice: Random, users: number): Promise<void> {
  const end = performance.now() + TIME;
  await within(
    TIME + 15_000,
    "users",
    Promise.all(Array.from({ length: users }, (_, i) => user(client, new SeededRandom(dice.int(1_000_000) + i), end))),
  );
}

/** The faults are over. */
async function whole(client: ClientPool): Promise<void> {
  await recovers(client, 15_000);
  await until("none is in use", () => client.stats().inUse === 0);
  assertEquals(client.stats().waiting, 0);
}

async function badClient(t: TestContext, server: ServerPool, dice: Random, end: number): Promise<void> {
  const begin = dice.pick(["greets", "greets", "greets", "silent"] as const);
  // On a busy machine a handshake may take longer than it may.
  const peer = await rawClient(t, server.addr!.port, begin).catch(() => undefined);
  if (peer === undefined) return;
  const code = (): number => dice.pick([0, 1, 2, 5, 7, 8, 11, 0xffff_ffff]);
  const some = (): RawStream => peer.streams.size > 0 ? dice.pick([...peer.streams.values()]) : rawOpen(peer);
  const acts: (() => unknown)[] = [
    () => rawOpen(peer),
    () => rawOpen(peer),
    () => rawOpen(peer),
    () => rawOpen(peer, undefined),
    () => rawOpen(peer, new Uint8Array(dice.int(1_000))),
    () => peer.send(frames.data(some().id, new Uint8Array(dice.int(5_000)))),
    () => peer.send(frames.data(some().id, "x", frames.END_STREAM)),
    () => peer.send(frames.headers(some().id, ["x", "y"], frames.END_STREAM)),
    () => peer.send(frames.headers(some().id, POST)),
    () => peer.send(frames.reset(some().id, code())),
    () => peer.send(frames.windowUpdate(dice.pick([0, some().id]), dice.pick([1, 1_000, 0x7fff_ffff]))),
    () => peer.send(frames.settings({ 4: dice.int(100_000) })),
    () => peer.send(frames.goaway(dice.int(10), code())),
    () => peer.send(frames.ping()),
  ];
  for (let left = dice.int(60); left > 0 && !peer.over && performance.now() < end; left--) {
    dice.pick(acts)();
    if (dice.chance(0.3)) await pause(dice.int(10));
  }
  const last: (() => unknown)[] = [
    () => peer.socket.destroy(),
    () => peer.socket.end(),
    () => peer.send(Uint8Array.from({ length: 40 }, () => dice.int(256))),
    () => peer.send(frames.ping().subarray(0, 10)),
    () => peer.socket.pause(),
  ];
  dice.pick(last)();
  await Promise.race([peer.closed, pause(400)]);
  peer.socket.destroy();
  assert(server.ready);
}
