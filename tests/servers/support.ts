/** What the tests of the server pool share. @module */
import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import type { ProbeTarget } from "../../src/adapter/http/probe.ts";
import { withServerEnvironment } from "../../src/servers/environment.ts";
import {
  type HttpServerConfig,
  HttpServerPool,
  type HttpServerPoolOptions,
  ServerBatchError,
  ServerError,
} from "../../src/servers/mod.ts";
import { type FakeClock, fakeClock } from "../support/clock.ts";
import type { TestContext } from "../support/harness.ts";
import { type MemoryHttp, memoryHttp } from "../support/memory_http.ts";

/** Pools over listeners in memory, time in the test's hand. */
export interface World {
  readonly clock: FakeClock;
  readonly http: MemoryHttp;
  /** What health checks find; default well. */
  probe: (target: ProbeTarget) => Promise<{ status: number | undefined }>;
  pool(options?: HttpServerPoolOptions): HttpServerPool;
  /** Everything that can happen without time has happened. */
  turn(): Promise<void>;
  /** Time passes, timer by timer. */
  pass(ms: number): Promise<void>;
}

export function world(t: TestContext): World {
  const clock = fakeClock(1_000);
  const http = memoryHttp();
  const pools: HttpServerPool[] = [];
  const it: World = {
    clock,
    http,
    probe: () => Promise.resolve({ status: undefined }),
    pool(options) {
      const environment = { adapter: http, clock, random: () => 0.5, probe: (target: ProbeTarget) => it.probe(target) };
      const pool = withServerEnvironment(environment, () => new HttpServerPool(options));
      pools.push(pool);
      return pool;
    },
    turn,
    async pass(ms) {
      const until = clock.now() + ms;
      await turn();
      for (let next = clock.next; next !== undefined && clock.now() + next <= until; next = clock.next) {
        clock.advance(next);
        await turn();
      }
      clock.advance(until - clock.now());
      await turn();
    },
  };
  t.cleanup(async () => {
    const closed = Promise.all(pools.map((pool) => pool.clear()));
    await it.pass(10_000);
    await closed;
    assertEquals(clock.pending, 0, "timers left");
  });
  return it;
}

async function turn(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A handler that says this. */
export function says(text: string): () => Response {
  return () => new Response(text);
}

/** A handler that answers when it is told to. */
export function later(): {
  handler: (request: Request) => Promise<Response>;
  answer(text: string): void;
  asked: Request[];
} {
  const waiting: ((text: string) => void)[] = [];
  const asked: Request[] = [];
  return {
    asked,
    handler: (request) => {
      asked.push(request);
      return new Promise((resolve) => waiting.push((text) => resolve(new Response(text))));
    },
    answer: (text) => waiting.shift()?.(text),
  };
}

/** The problems of a call that must fail with a batch: path and code of each. */
export async function problems(call: () => unknown, code: string): Promise<ServerError[]> {
  try {
    await call();
  } catch (error) {
    assert(error instanceof ServerBatchError, String(error));
    assertEquals(error.code, code);
    assert(error.errors.every((one) => one instanceof ServerError));
    return error.errors;
  }
  throw new Error("nothing was thrown");
}

/** The error of a call that must fail. */
export async function failure(call: () => unknown): Promise<ServerError> {
  try {
    await call();
  } catch (error) {
    assert(error instanceof ServerError, String(error));
    return error;
  }
  throw new Error("nothing was thrown");
}

/** All events of a pool, in order. */
export function events(pool: HttpServerPool): string[] {
  const all: string[] = [];
  pool.addEventListener("state", ({ detail }) => all.push(`${detail.server} ${detail.state}`));
  pool.addEventListener(
    "error",
    ({ detail }) => all.push(`${detail.server} error ${(detail.error as ServerError).code}`),
  );
  pool.addEventListener("health", ({ detail }) => all.push(`${detail.name} health ${detail.status}`));
  pool.addEventListener("reload", () => all.push("reload"));
  return all;
}

export type { HttpServerConfig };
