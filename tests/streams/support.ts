/** What the tests of the stream pools share. @module */
import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import {
  type Channel,
  type ChannelFault,
  ConnectError,
  type ConnectFault,
  type Connection,
  type ConnectionHandler,
  type Engine,
  type Fields,
  type Listener,
} from "../../src/adapter/contract.ts";
import { ClientPool } from "../../src/streams/client_pool.ts";
import { type Environment, withEnvironment } from "../../src/streams/environment.ts";
import type { PoolStream } from "../../src/streams/mod.ts";
import type { ClientPoolOptions, ServerPoolOptions } from "../../src/streams/options.ts";
import { ServerPool } from "../../src/streams/server_pool.ts";
import type { StreamPool } from "../../src/streams/stream_pool.ts";
import * as certs from "../support/certs.ts";
import { type FakeClock, fakeClock } from "../support/clock.ts";
import type { TestContext } from "../support/harness.ts";
import { type MemoryEngine, memoryEngine } from "../support/memory_engine.ts";

/** A server's identity for options. */
export const serverTls = { cert: certs.server.cert, key: certs.server.key };
/** What a client trusts. */
export const clientTls = { ca: certs.ca };

/** Both pools over a network in memory, and time in the test's hand. */
export interface World {
  readonly clock: FakeClock;
  readonly engine: MemoryEngine;
  readonly environment: Partial<Environment>;
  server(options?: Partial<ServerPoolOptions>): Promise<ServerPool>;
  /** Not started. */
  client(port: number, options?: Partial<ClientPoolOptions>): ClientPool;
  /** Everything that can happen without time has happened. */
  turn(): Promise<void>;
  /** Time passes, timer by timer. */
  pass(ms: number): Promise<void>;
}

export function world(t: TestContext): World {
  const clock = fakeClock(1_000);
  const engine = memoryEngine();
  let seed = 1;
  const environment: Partial<Environment> = {
    engine,
    clock,
    random: () => 0.5,
    randomBytes: (into) => {
      for (let i = 0; i < into.length; i++) {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
        into[i] = seed >>> 16;
      }
    },
  };
  const pools: StreamPool[] = [];
  t.cleanup(async () => {
    const closed = Promise.all(pools.map((pool) => pool.close()));
    await pass(5_000);
    await closed;
    assertEquals(clock.pending, 0, "timers left");
  });
  async function pass(ms: number): Promise<void> {
    const until = clock.now() + ms;
    await turn();
    for (let next = clock.next; next !== undefined && clock.now() + next <= until; next = clock.next) {
      clock.advance(next);
      await turn();
    }
    clock.advance(until - clock.now());
    await turn();
  }
  return {
    clock,
    engine,
    environment,
    turn,
    pass,
    async server(options = {}) {
      const pool = withEnvironment(
        environment,
        () => new ServerPool({ listen: "127.0.0.1:0", tls: serverTls, ...options } as ServerPoolOptions),
      );
      pools.push(pool);
      await pool.start();
      return pool;
    },
    client(port, options = {}) {
      const pool = withEnvironment(
        environment,
        () => new ClientPool({ address: `127.0.0.1:${port}`, hostname: "localhost", tls: clientTls, ...options }),
      );
      pools.push(pool);
      return pool;
    },
  };
}

/** Everything that microtasks can do has been done. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A started pair in memory. */
export async function memoryPair(
  t: TestContext,
  options: { client?: Partial<ClientPoolOptions>; server?: Partial<ServerPoolOptions> } = {},
): Promise<World & { readonly serverPool: ServerPool; readonly clientPool: ClientPool }> {
  const w = world(t);
  const serverPool = await w.server(options.server);
  const clientPool = w.client(serverPool.addr!.port, options.client);
  await clientPool.start();
  await w.turn();
  return { ...w, serverPool, clientPool };
}

/** Two ends of one stream in memory: `near` is the client's. */
export async function memoryStream(
  t: TestContext,
  options: { client?: Partial<ClientPoolOptions>; server?: Partial<ServerPoolOptions> } = {},
): Promise<World & { serverPool: ServerPool; clientPool: ClientPool; near: PoolStream; far: PoolStream }> {
  const pair = await memoryPair(t, options);
  const far = await pair.serverPool.incomingGet();
  const near = await pair.clientPool.outgoingGet(far.id);
  return { ...pair, near, far };
}

/** A server on a real socket. */
export async function realServer(t: TestContext, options: Partial<ServerPoolOptions> = {}): Promise<ServerPool> {
  const pool = new ServerPool({ listen: "127.0.0.1:0", tls: serverTls, ...options } as ServerPoolOptions);
  t.cleanup(() => pool.close());
  await pool.start();
  return pool;
}

/** A client for it, not started. */
export function realClient(t: TestContext, port: number, options: Partial<ClientPoolOptions> = {}): ClientPool {
  const pool = new ClientPool({ address: `127.0.0.1:${port}`, hostname: "localhost", tls: clientTls, ...options });
  t.cleanup(() => pool.close());
  return pool;
}

/** A started pair on real sockets. */
export async function realPair(
  t: TestContext,
  options: { client?: Partial<ClientPoolOptions>; server?: Partial<ServerPoolOptions> } = {},
): Promise<{ serverPool: ServerPool; clientPool: ClientPool }> {
  const serverPool = await realServer(t, options.server);
  const clientPool = realClient(t, serverPool.addr!.port, options.client);
  await clientPool.start();
  return { serverPool, clientPool };
}

/** Both ends of one stream on real sockets. */
export async function realStream(
  t: TestContext,
  options: { client?: Partial<ClientPoolOptions>; server?: Partial<ServerPoolOptions> } = {},
): Promise<{ serverPool: ServerPool; clientPool: ClientPool; near: PoolStream; far: PoolStream }> {
  const pair = await realPair(t, options);
  const far = await pair.serverPool.incomingGet();
  const near = await pair.clientPool.outgoingGet(far.id);
  return { ...pair, near, far };
}

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** A pattern that does not repeat within a window. */
export function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(length);
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = x >>> 24;
  }
  return out;
}

/** One read, as text; null at the end. */
export async function text(stream: PoolStream, size = 65_536): Promise<string | null> {
  const buffer = new Uint8Array(size);
  const n = await stream.read(buffer);
  return n === null ? null : new TextDecoder().decode(buffer.subarray(0, n));
}

/** Everything until the end. */
export async function drain(stream: PoolStream, size = 65_536): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(size);
  for (let n = await stream.read(buffer); n !== null; n = await stream.read(buffer)) parts.push(buffer.slice(0, n));
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The promise is settled already. */
export async function settled(promise: Promise<unknown>): Promise<boolean> {
  let over = false;
  promise.then(() => over = true, () => over = true);
  await turn();
  return over;
}

/** The error of a rejection, whose code is this. */
export async function rejects(promise: Promise<unknown>, code: string): Promise<Error & { code: string }> {
  try {
    await promise;
  } catch (error) {
    const found = error as Error & { code: string };
    if (found.code !== code) throw new Error(`rejected with ${found.code}, not ${code}`, { cause: error });
    return found;
  }
  throw new Error(`did not reject with ${code}`);
}

/** The next event of a pool. */
export function once(pool: StreamPool, type: string): Promise<CustomEvent> {
  return new Promise((resolve) => pool.addEventListener(type, (e) => resolve(e as CustomEvent), { once: true }));
}

/** What a stream of {@linkcode oddServer} is answered with. */
export interface OddStream {
  readonly channel: Channel;
  readonly fields: Fields;
  /** Bytes that have come. */
  readonly received: number[];
  ended: boolean;
  closed: ChannelFault | "in order" | undefined;
}

/** The owner of a connection of {@linkcode oddServer}: keeps what comes, and lets `answer` do the rest. */
export function oddHandler(
  streams: OddStream[],
  answer: (stream: OddStream, index: number) => void,
): ConnectionHandler {
  return {
    channel(channel, fields) {
      const stream: OddStream = { channel, fields, received: [], ended: false, closed: undefined };
      const index = streams.push(stream) - 1;
      queueMicrotask(() => stream.closed === undefined && answer(stream, index));
      return {
        headers() {},
        data(chunk) {
          stream.received.push(...chunk);
          channel.consume(chunk.length);
        },
        end() {
          stream.ended = true;
        },
        accepted() {},
        close(fault) {
          stream.closed = fault ?? "in order";
        },
      };
    },
    available() {},
    goaway() {},
    close() {},
  };
}

/** Answers as a pool does: 200 and an id. */
export function giveId({ channel }: OddStream, id: number): void {
  channel.respond([":status", "200"]);
  channel.write(Uint8Array.of(id >>> 24, id >>> 16, id >>> 8, id));
}

/** A server that is not ours: each connection does what the test says. */
export async function oddServer(
  t: TestContext,
  engine: Engine,
  clock: Environment["clock"],
  accept: (connection: Connection) => ConnectionHandler,
  port = 0,
): Promise<Listener> {
  const listener = await engine.listen({
    hostname: "127.0.0.1",
    port,
    identity: serverTls,
    clock,
    handshakeTimeout: 5_000,
    maxHandshakes: 100,
    admit: () => true,
    accept,
    failed: () => {},
  });
  t.cleanup(() => listener.close());
  assert(listener.addr.port > 0);
  return listener;
}

/** Attempts and when they were made. */
export function dials(w: World, fail: (n: number) => ConnectFault | undefined): number[] {
  const times: number[] = [];
  w.engine.dialing = () => {
    times.push(w.clock.now());
    const kind = fail(times.length);
    if (kind !== undefined) throw new ConnectError(kind, `Cannot connect to x: ${kind}`);
  };
  return times;
}
