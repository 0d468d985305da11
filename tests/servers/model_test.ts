// Random calls on a pool, with ports that fail and requests that take their time: whatever happens, what the pool says is what is.
import { assert, assertEquals } from "@std/assert";
import type { HttpServerConfig, HttpServerPool } from "../../src/servers/mod.ts";
import { test, type TestContext } from "../support/harness.ts";
import { systemError } from "../support/memory_http.ts";
import { SeededRandom } from "../support/random.ts";
import { world } from "./support.ts";

const NAMES = ["a", "b", "c", "d", "e"];
const LISTENS = [
  ":8001",
  ":8002",
  "127.0.0.1:8003",
  "0.0.0.0:8003",
  "127.0.0.1:0",
  "127.0.0.1:8004-8006",
  "[::1]:8007",
];

for (let seed = 1; seed <= 40; seed++) {
  test(`pool model: seed ${seed}`, (t) => play(t, seed));
}

async function play(t: TestContext, seed: number): Promise<void> {
  const w = world(t);
  const { next } = new SeededRandom(seed);
  const int = (n: number): number => Math.floor(next() * n);
  const pick = <T>(list: readonly T[]): T => list[int(list.length)]!;
  const config = (name = pick(NAMES)): HttpServerConfig => ({
    name,
    listen: pick(LISTENS),
    ...(int(5) === 0 ? { disabled: true } : {}),
    ...(int(2) === 0 ? { idleTimeout: int(3) } : {}),
    ...(int(4) === 0 ? { reusePort: true } : {}),
    ...(int(4) === 0 ? { handler: pick(handlers) } : {}),
    ...(int(4) === 0 ? { health: { interval: 700, fall: 1, restart: int(2) === 0 } } : {}),
  });
  const answers: (() => void)[] = [];
  const handlers = [0, 1].map((n) => () =>
    new Promise<Response>((resolve) => answers.push(() => resolve(new Response(String(n)))))
  );
  w.probe = () => int(3) === 0 ? Promise.reject(new Error("sick")) : Promise.resolve({ status: undefined });
  const pool = w.pool({ handler: () => new Response("shared") });
  const pending = new Set<Promise<unknown>>();
  let settled = 0, calls = 0;
  const call = (made: Promise<unknown>): void => {
    calls++;
    const over = made.then(() => {}, () => {}).then(() => {
      settled++;
      pending.delete(over);
    });
    pending.add(over);
  };
  const steps: (() => void)[] = [
    () => call(pool.start({ allOrNothing: int(3) === 0, timeout: pick([0, 500, 30_000]) })),
    () => call(pool.stop({ grace: pick([0, 100, 3_000]) })),
    () => call(pool.restart({ grace: pick([0, 100]) })),
    () => call(pool.add(config())),
    () => call(pool.add(config())),
    () => call(pool.delete(pick(NAMES))),
    () => call(pool.reload(NAMES.filter(() => int(2) === 0).map((name) => config(name)))),
    () => call(pool.reload([...pool.values()].map((server) => ({ ...server.config })))),
    () => call(pool.reload([...pool.values()].map((server) => ({ ...server.config, listen: pick(LISTENS) })))),
    () => call(pool.merge([config(), config()])),
    () => call(pool.get(pick(NAMES))?.start() ?? Promise.resolve()),
    () => call(pool.get(pick(NAMES))?.stop({ grace: int(200) }) ?? Promise.resolve()),
    () => call(pool.monitor()),
    () => call(pool.clear()),
    () => w.http.fail(8001 + int(7), int(2) === 0 ? systemError(pick(["EADDRINUSE", "EACCES"])) : undefined),
    () => w.http.failReplace(8001 + int(7), int(3) === 0 ? new Error("no") : undefined),
    () => {
      const open = w.http.open;
      if (open.length > 0) w.http.ask(Number(pick(open).split(":").at(-1))).response.catch(() => {});
    },
    () => answers.shift()?.(),
  ];
  for (let i = 0; i < 60; i++) {
    pick(steps)();
    if (int(3) === 0) await w.turn();
    if (int(6) === 0) await w.pass(int(1_500));
    if (int(12) === 0) {
      await quiet();
      consistent(pool, w.http.open);
    }
  }
  for (let port = 8001; port < 8008; port++) {
    w.http.fail(port, undefined);
    w.http.failReplace(port, undefined);
  }
  w.probe = () => Promise.resolve({ status: undefined });
  await quiet();
  call(pool.stop({ grace: 0 }));
  await quiet();
  assertEquals([settled, w.http.open], [calls, []], "every call settles, every port is free");
  call(pool.start());
  await quiet();
  consistent(pool, w.http.open);
  for (const server of pool.values()) {
    assert(server.config.disabled ? server.state === "disabled" : server.running, `${server.name} is ${server.state}`);
  }
  call(pool.clear());
  await quiet();
  assertEquals([w.http.open, w.clock.pending], [[], 0]);

  async function quiet(): Promise<void> {
    for (let i = 0; i < 200 && pending.size > 0; i++) await w.pass(1_000);
    assertEquals(pending.size, 0, "a call does not settle");
  }
}

/** What is open is what servers say they have open. */
function consistent(pool: HttpServerPool, open: readonly string[]): void {
  const servers = [...pool.values()];
  // One that its health check restarts may be on its way.
  if (servers.some(({ state }) => state === "starting" || state === "stopping")) return;
  const said = servers.filter(({ running }) => running).map(({ bind }) => bind);
  assertEquals([...said].sort(), [...open].sort());
  assertEquals(new Set(pool.keys()).size, pool.size);
  for (const { state, error, config } of servers) {
    assertEquals(error !== undefined, state === "failed");
    assertEquals(config.disabled === true, state === "disabled");
  }
  for (const { inFlight, connections, state } of pool.stats().servers) {
    assert(inFlight >= 0 && (state === "running" || connections === 0));
  }
}
