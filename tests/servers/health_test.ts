import { assert, assertEquals } from "@std/assert";
import type { ProbeTarget } from "../../src/adapter/http/probe.ts";
import { test } from "../support/harness.ts";
import { systemError } from "../support/memory_http.ts";
import { events, world } from "./support.ts";

const health = { path: "/healthz", interval: "10s", timeout: 500, rise: 2, fall: 3 };

test("checks rise and fall", async (t) => {
  const w = world(t);
  const asked: ProbeTarget[] = [];
  let status = 200;
  w.probe = (target) => {
    asked.push(target);
    return Promise.resolve({ status });
  };
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080", health }] });
  const heard = events(pool);
  await pool.start();
  heard.length = 0;
  const now = (): string => pool.stats().servers[0]!.health;
  await w.pass(10_000);
  assertEquals([now(), asked.length, asked[0]!.path, asked[0]!.hostname, asked[0]!.timeout], [
    "ok",
    1,
    "/healthz",
    "::1",
    500,
  ]);
  status = 503;
  const seen: string[] = [];
  for (let i = 0; i < 4; i++) {
    await w.pass(10_000);
    seen.push(now());
  }
  status = 204;
  for (let i = 0; i < 2; i++) {
    await w.pass(10_000);
    seen.push(now());
  }
  assertEquals(seen, ["warn", "warn", "ko", "ko", "ko", "ok"]);
  assertEquals(heard, ["a health warn", "a health ko", "a error ERR_SERVER_HANDLER", "a health ok"]);
  await pool.stop();
  assertEquals(w.clock.pending, 0);
});

test("monitor checks now, and says how it does", async (t) => {
  const w = world(t);
  const pool = w.pool({
    servers: [
      { name: "up", listen: ":8080", health },
      { name: "sick", listen: ":8081" },
      { name: "off", listen: ":8082", disabled: true },
      { name: "down", listen: ":8083" },
    ],
  });
  w.probe = async ({ port, path, clock }) => {
    assertEquals(path, port === 8080 ? "/healthz" : undefined);
    await new Promise<void>((resolve) => void clock.timer(7, resolve));
    if (port === 8081) throw new Error("ECONNREFUSED");
    return { status: 200 };
  };
  w.http.fail(8083, systemError("EACCES"));
  await pool.start().catch(() => {});
  await w.pass(100);
  const reports = pool.monitor({ version: "1.2.3" });
  await w.pass(10);
  const [up, sick, off, down] = await reports;
  assertEquals(pool.monitorNames(), ["up", "sick", "off", "down"]);
  assertEquals([up!.status, up!.message, up!.latency, up!.downtime], ["ok", "running", 7, 0]);
  assert(up!.uptime >= 100);
  assertEquals(up!.info, { state: "running", bind: "[::]:8080", expose: "http://localhost:8080", version: "1.2.3" });
  assertEquals([sick!.status, sick!.message], ["ko", "check failed: ECONNREFUSED"]);
  assertEquals([off!.status, off!.message, off!.latency], ["warn", "disabled", undefined]);
  assertEquals([down!.status, down!.info.state], ["ko", "failed"]);
  assert(down!.downtime >= 100 && down!.message.includes("EACCES"));
});

test("a ko server is restarted with back-off, until it is well", async (t) => {
  const w = world(t);
  let well = false;
  w.probe = () => Promise.resolve({ status: well ? 200 : 500 });
  const restarting = { path: "/", interval: 1_000, fall: 1, rise: 1, restart: true };
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080", health: restarting }] });
  await pool.start();
  const opened: number[] = [];
  for (let i = 0; i < 12; i++) {
    await w.pass(1_000);
    opened.push(w.http.opened.length);
  }
  assertEquals(opened.slice(0, 3), [1, 2, 2], "ko after 1 s, restarted 1 s later");
  const restarts = opened.at(-1)! - 1;
  assert(restarts >= 3 && restarts <= 5, `${restarts} restarts in 12 s: the pauses grow`);
  well = true;
  await w.pass(20_000);
  const now = w.http.opened.length;
  await w.pass(60_000);
  assertEquals([w.http.opened.length, pool.stats().servers[0]!.health], [now, "ok"]);
});

test("a restart that fails is tried again; stop ends that", async (t) => {
  const w = world(t);
  w.probe = () => Promise.reject(new Error("frozen"));
  const pool = w.pool({
    servers: [{ name: "a", listen: ":8080", health: { interval: 1_000, fall: 1, restart: true } }],
  });
  await pool.start();
  w.http.fail(8080, systemError("EACCES"));
  await w.pass(2_500);
  assertEquals(pool.get("a")!.state, "failed");
  w.http.fail(8080, undefined);
  await w.pass(5_000);
  assertEquals(pool.get("a")!.state, "running");
  await w.pass(1_000);
  await pool.stop();
  await w.pass(200_000);
  assertEquals([pool.get("a")!.state, w.clock.pending], ["stopped", 0]);
});

test("a check that comes back late says nothing about the next run", async (t) => {
  const w = world(t);
  let fail = (): void => {};
  w.probe = () => new Promise((_, reject) => fail = () => reject(new Error("late")));
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080", health: { interval: 1_000, fall: 1 } }] });
  await pool.start();
  await w.pass(1_000);
  const late = fail;
  await pool.restart();
  late();
  await w.turn();
  assertEquals(pool.stats().servers[0]!.health, "ok");
});
