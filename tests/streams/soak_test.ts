// Random sequences over both pools: takes, writes, closes, resets, cuts, freezes, flushes. Whatever happens, a receiver reads
// exactly what was written and then the end, or a part of it and then an error; every call settles; nothing stays behind.
import { assert, assertEquals } from "@std/assert";
import type { PoolStream } from "../../src/streams/mod.ts";
import { test, type TestContext } from "../support/harness.ts";
import { SeededRandom } from "../support/random.ts";
import { memoryPair } from "./support.ts";

interface Way {
  /** The n-th byte is a function of this and n. */
  readonly salt: number;
  written: number;
  /** A write has failed: how much of it was sent is not known. */
  torn: boolean;
  /** `closeWrite` or `close` came after everything was accepted. */
  finished: boolean;
  read: number;
  end: "open" | "end" | "error";
}

const byte = (salt: number, n: number): number => (salt + n * 7 + (n >>> 8)) & 255;

async function run(t: TestContext, seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const w = await memoryPair(t, {
    client: {
      minCapacity: 3,
      maxCapacity: 8,
      minInterval: 100,
      closeTimeout: 2_000,
      handshakeTimeout: 1_500,
      keepAlive: 3_000,
      pingTimeout: 1_000,
      window: { idle: 2_000, stream: 20_000, total: 1_000_000 },
    },
    server: {
      maxCapacity: 6,
      closeTimeout: 2_000,
      handshakeTimeout: 1_500,
      keepAlive: 3_000,
      pingTimeout: 1_000,
      window: { idle: 3_000, stream: 9_000, total: 1_000_000 },
    },
  });
  const ends: [PoolStream, Way, Way][] = [];
  const calls: Promise<unknown>[] = [];
  const taken = new Set<string>();
  const connections = new Map<object, number>();
  const call = (promise: Promise<unknown>): void => void calls.push(promise.catch(() => {}));
  const way = (salt: number): Way => ({ salt, written: 0, torn: false, finished: false, read: 0, end: "open" });

  async function take(): Promise<void> {
    const far = await w.serverPool.incomingGet({ timeout: 500 });
    const number = connections.get(far.connection) ?? connections.size;
    connections.set(far.connection, number);
    const key = `${number} ${far.id}`;
    assert(!taken.has(key), `${key} was handed out twice`);
    taken.add(key);
    const near = await w.clientPool.outgoingGet(far.id, { timeout: 500 });
    // After a reconnect the client's stream of this id may be another connection's.
    if (near.localAddr.port !== far.remoteAddr.port) return near.abort(), far.abort();
    const [up, down] = [way(random.int(256)), way(random.int(256))];
    ends.push([near, up, down], [far, down, up]);
  }

  async function write(stream: PoolStream, out: Way): Promise<void> {
    const data = new Uint8Array(random.int(random.int(4) === 0 ? 30_000 : 300));
    for (let i = 0; i < data.length; i++) data[i] = byte(out.salt, out.written + i);
    out.written += data.length;
    try {
      await stream.write(data);
    } catch (error) {
      out.torn = true;
      throw error;
    }
    data.fill(0);
  }

  async function read(stream: PoolStream, back: Way): Promise<void> {
    const into = new Uint8Array(1 + random.int(20_000));
    try {
      const n = await stream.read(into);
      if (n === null) {
        if (!back.torn) assertEquals(back.read, back.written, "an end before all that was written");
        assert(back.finished, "an end that nobody sent");
        back.end = "end";
        return;
      }
      for (let i = 0; i < n && !back.torn; i++) {
        if (into[i] !== byte(back.salt, back.read + i)) throw new Error(`wrong byte at ${back.read + i}`);
      }
      back.read += n;
    } catch (error) {
      if ((error as { code?: string }).code === undefined) throw error;
      back.end = "error";
    }
  }

  const wrong: unknown[] = [];
  const check = (promise: Promise<unknown>): void =>
    call(promise.catch((error) => {
      if ((error as { code?: string }).code === undefined && !(error instanceof TypeError)) wrong.push(error);
    }));
  for (let step = 0; step < 400; step++) {
    const one = ends.length === 0 ? undefined : ends[random.int(ends.length)];
    const dice = random.int(100);
    if (dice < 12 || one === undefined) check(take());
    else if (dice < 45) one[1].finished || check(write(one[0], one[1]));
    else if (dice < 78) check(read(one[0], one[2]));
    else if (dice < 82) {
      one[1].finished = true;
      call(one[0].closeWrite());
    } else if (dice < 86) {
      one[1].finished = true;
      one[0].close();
    } else if (dice < 88) one[0].abort();
    else if (dice < 90) one[0].setDeadline(random.int(2) === 0 ? null : new Date(Date.now() + random.int(500)));
    else if (dice < 91) w.serverPool.flush();
    else if (dice < 92) w.clientPool.flush();
    else if (dice < 93) w.engine.links[0]?.cut();
    else if (dice < 94) w.engine.links[0]?.freeze();
    else await w.pass(random.int(400));
    if (random.int(3) === 0) await w.turn();
    assertEquals(w.serverPool.active <= 6, true);
  }
  const closed = Promise.all([w.clientPool.close({ grace: 500 }), w.serverPool.close({ grace: 200 })]);
  await w.pass(10_000);
  await closed;
  await Promise.all(calls);
  for (const [stream] of ends) await stream.closed;
  if (wrong.length > 0) throw wrong[0];
  for (const pool of [w.clientPool, w.serverPool]) {
    const { active, inUse, waiting, connections, created, delivered, evicted } = pool.stats();
    assertEquals({ active, inUse, waiting, connections }, { active: 0, inUse: 0, waiting: 0, connections: 0 });
    assertEquals(created, delivered + evicted, "every stream is handed out or evicted, once");
  }
  assertEquals(w.engine.links.length, 0);
  assertEquals(w.clock.pending, 0);
  // What both sides ended properly arrived.
  assert(ends.length > 0);
}

for (let seed = 1; seed <= 12; seed++) {
  test(`soak: random sequence ${seed}`, { timeout: 60_000 }, (t) => run(t, seed));
}
