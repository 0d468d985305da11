/** What the survival tests share: quick pools, a network that can fail, and what must hold after every fault. @module */
import { assert, assertEquals } from "@std/assert";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { ClientPool, PoolStream, ServerPool } from "../../../src/streams/mod.ts";
import type { ClientPoolOptions, ServerPoolOptions } from "../../../src/streams/options.ts";
import type { StreamPool } from "../../../src/streams/stream_pool.ts";
import type { TestContext } from "../../support/harness.ts";
import { untracked } from "../../support/leaks.ts";
import { bytes, realClient, realServer } from "../support.ts";

/** Short enough that a test need not wait, long enough that a busy machine does not count as a fault. */
export const QUICK: Partial<ClientPoolOptions> = {
  minCapacity: 3,
  maxCapacity: 3,
  minInterval: 20,
  maxInterval: 100,
  backoff: { initial: 20, max: 100 },
};

/** A client pool that comes back soon. Not started. */
export function quickClient(t: TestContext, port: number, options: Partial<ClientPoolOptions> = {}): ClientPool {
  return realClient(t, port, { ...QUICK, ...options });
}

/** Both pools with a network in between that can fail. */
export async function pairOver(
  t: TestContext,
  options: { client?: Partial<ClientPoolOptions>; server?: Partial<ServerPoolOptions> } = {},
): Promise<{ net: Net; server: ServerPool; client: ClientPool }> {
  const server = await realServer(t, options.server);
  const net = await network(t, server.addr!.port);
  const client = quickClient(t, net.port, options.client);
  await client.start();
  await client.filled();
  return { net, server, client };
}

/** A TCP relay. */
export interface Net {
  readonly port: number;
  /** Connections now. */
  readonly size: number;
  /** Connections so far. */
  readonly made: number;
  /** FIN both ways. */
  cut(): void;
  /** RST both ways. */
  reset(): void;
  /** Nothing goes through any more, on the connections of now; nobody is told. */
  freeze(): void;
  /** New connections are cut at once until `up`. */
  down(): void;
  up(): void;
}

/** Stands between a client and `port`. */
export async function network(t: TestContext, port: number): Promise<Net> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let refusing = false;
  let made = 0;
  const server = createServer({ noDelay: true }, (near) => {
    near.on("error", () => {});
    if (refusing) return void near.destroy();
    const far = connect({ port, host: "127.0.0.1", noDelay: true });
    const pair = [near, far] as const;
    pairs.add(pair);
    made++;
    for (const [from, to] of [[near, far], [far, near]] as const) {
      from.on("error", () => {});
      from.on("data", (chunk: Uint8Array) => void to.write(chunk));
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const all = (f: (socket: Socket) => void): void => [...pairs].flat().forEach(f);
  t.cleanup(() => {
    all((socket) => socket.destroy());
    return new Promise((resolve) => server.close(resolve));
  });
  return {
    port: (server.address() as AddressInfo).port,
    get size() {
      return pairs.size;
    },
    get made() {
      return made;
    },
    cut: () => all((socket) => socket.destroy()),
    reset: () => all((socket) => socket.resetAndDestroy()),
    freeze() {
      all((socket) => {
        socket.removeAllListeners("data");
        socket.pause();
      });
    },
    down: () => void (refusing = true),
    up: () => void (refusing = false),
  };
}

/** Runs the cases at the same time; an error says which case it was. */
export async function each<T>(
  cases: Readonly<Record<string, T>>,
  run: (value: T, name: string) => Promise<void>,
): Promise<void> {
  const results = await Promise.allSettled(Object.entries(cases).map(([name, value]) => run(value, name)));
  const failed = results.flatMap((result, i) =>
    result.status === "fulfilled" ? [] : [new Error(Object.keys(cases)[i], { cause: result.reason })]
  );
  if (failed.length === 0) return;
  throw new AggregateError(failed, failed.map(({ message, cause }) => `${message}: ${cause}`).join("\n"));
}

/** The promise's outcome, which has to come within `ms`. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = untracked(() => reject(new Error(`${what}: not settled within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The code and the rest of what a promise rejects with, within `ms`. */
export async function failure(
  what: string,
  promise: Promise<unknown>,
  ms = 5_000,
): Promise<Error & { code: string; rstCode?: number }> {
  const error = await within(ms, what, promise.then((value) => new Error(`resolved with ${value}`), (error) => error));
  assert(error instanceof Error, `${what}: rejected with ${error}`);
  if (error.message.startsWith("resolved with")) throw new Error(`${what} ${error.message}`);
  return error as Error & { code: string; rstCode?: number };
}

/** Looks again whenever the pool tells of something, and every few milliseconds for what it does not tell of. */
export async function until(what: string, look: () => boolean, ms = 5_000): Promise<void> {
  const end = performance.now() + ms;
  while (!look()) {
    if (performance.now() > end) throw new Error(`${what}: not so within ${ms} ms`);
    await new Promise<void>((resolve) => void untracked(resolve, 3));
  }
}

/** What must hold for a pool at any time. */
export function ledger(pool: StreamPool): void {
  const { created, delivered, evicted, active, inUse, waiting } = pool.stats();
  assertEquals(created, delivered + evicted + active, "created is not delivered + evicted + active");
  assert(inUse >= 0 && inUse <= delivered, `${inUse} in use of ${delivered} delivered`);
  assert(waiting >= 0 && active >= 0);
}

/** The fault is over: the pool gets full again and its streams carry bytes. The other side echoes. */
export async function recovers(pool: ClientPool, ms = 10_000): Promise<void> {
  await within(ms, "ready and filled again", pool.filled(undefined, { timeout: ms }));
  // Streams of a connection that takes no more may fill it while the next one is being made.
  await until("ready", () => pool.state === "ready", ms);
  ledger(pool);
  const stream = await pool.incomingGet({ timeout: ms });
  await echoes(stream);
  stream.close();
  await within(ms, "a stream's end", stream.closed);
  ledger(pool);
}

/** What is written comes back. */
export async function echoes(stream: PoolStream, text = "are you there"): Promise<void> {
  await within(5_000, "a write", stream.write(bytes(text)));
  const buffer = new Uint8Array(text.length);
  let got = 0;
  while (got < buffer.length) {
    const n = await within(5_000, "an echo", stream.read(buffer.subarray(got)));
    if (n === null) break;
    got += n;
  }
  assertEquals(new TextDecoder().decode(buffer.subarray(0, got)), text);
}

/** The pool echoes all that it hands out, until it closes. */
export function echoing(pool: ServerPool): ServerPool {
  (async () => {
    for await (const stream of pool) stream.readable.pipeTo(stream.writable).catch(() => {});
  })();
  return pool;
}

/** Closed: nothing waits, stands ready or is used any more. */
export async function closes(pool: StreamPool, ms = 5_000): Promise<void> {
  await within(ms, "close", pool.close());
  const { state, active, inUse, waiting, connections } = pool.stats();
  assertEquals({ state, active, inUse, waiting, connections }, {
    state: "closed",
    active: 0,
    inUse: 0,
    waiting: 0,
    connections: 0,
  });
  ledger(pool);
}
