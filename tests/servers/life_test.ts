import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { ServerError } from "../../src/servers/mod.ts";
import { test } from "../support/harness.ts";
import { systemError } from "../support/memory_http.ts";
import { events, failure, later, problems, says, world } from "./support.ts";

test("a port that cannot accept a connection is told as that, and the server goes on", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }], handler: says("x") });
  const seen: unknown[] = [];
  pool.addEventListener("error", ({ detail: { server, error } }) => seen.push([server, (error as ServerError).code]));
  await pool.start();
  w.http.service(8080).owner.failed(Object.assign(new Error("accept EMFILE"), { code: "EMFILE" }), "port");
  assertEquals(seen, [["a", "ERR_SERVER_LISTEN"]]);
  assertEquals([pool.get("a")!.state, await w.http.text(8080)], ["running", "x"]);
});

test("a server listens where it is told, answers, and frees its port", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "web", listen: "127.0.0.1:8080", handler: says("hello") }] });
  const heard = events(pool);
  const server = pool.get("web")!;
  assertEquals([server.state, server.bind, server.expose, server.uptime], [
    "stopped",
    "127.0.0.1:8080",
    "http://127.0.0.1:8080",
    0,
  ]);
  await pool.start();
  await w.pass(50);
  assertEquals([server.state, server.running, pool.running], ["running", true, true]);
  assertEquals([server.uptime, pool.uptime], [50, 50]);
  assertEquals(await w.http.text(8080), "hello");
  await pool.stop();
  assertEquals([server.state, server.uptime, pool.uptime, w.http.open], ["stopped", 0, 0, []]);
  assertEquals(heard, ["web starting", "web running", "web stopping", "web stopped"]);
});

test("start and stop are idempotent", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ listen: ":8080" }] });
  await pool.stop();
  await pool.start();
  await pool.start();
  assertEquals(w.http.opened.length, 1);
  await pool.stop();
  await pool.stop();
  assertEquals(w.http.closed.length, 1);
});

test("concurrent calls end in what the last one asked for", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  const a = pool.get("a")!;
  await Promise.all([a.start(), a.stop(), a.start(), a.restart(), a.stop()]);
  assertEquals([a.state, w.http.open.length], ["stopped", 0]);
  await Promise.all([a.stop(), a.start(), a.stop(), a.restart(), a.start()]);
  assertEquals([a.state, w.http.open.length], ["running", 1]);
  for (let i = 0; i < 20; i++) await Promise.all([a.restart(), a.stop(), a.start()]);
  assertEquals([a.state, w.http.open.length], ["running", 1]);
});

test("a busy port is tried again for a moment", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  w.http.fail(8080, systemError("EADDRINUSE"));
  const started = pool.start();
  await w.pass(300);
  assertEquals(pool.get("a")!.state, "starting");
  w.http.fail(8080, undefined);
  await w.pass(300);
  await started;
  assert(pool.running);
});

test("a port that stays busy is ERR_SERVER_LISTEN with the system's error", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }, { name: "b", listen: ":8081" }] });
  w.http.fail(8080, systemError("EADDRINUSE"));
  const failed = problems(() => pool.start(), "ERR_SERVERS_START");
  await w.pass(2_000);
  const [error, ...more] = await failed;
  assertEquals([error?.code, error?.server, more.length], ["ERR_SERVER_LISTEN", "a", 0]);
  assertEquals((error?.cause as { code?: string }).code, "EADDRINUSE");
  assertStringIncludes(error!.message, "0:8080".slice(1));
  const a = pool.get("a")!;
  assertEquals([a.state, a.error, pool.get("b")!.state], ["failed", error, "running"]);
  w.http.fail(8080, undefined);
  await pool.start();
  assertEquals([a.state, a.error], ["running", undefined]);
});

test("start with allOrNothing stops what this call has started, and only that", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [1, 2, 3].map((n) => ({ name: `s${n}`, listen: `:808${n}` })) });
  await pool.get("s1")!.start();
  w.http.fail(8083, systemError("EACCES"));
  await problems(() => pool.start({ allOrNothing: true }), "ERR_SERVERS_START");
  assertEquals([...pool.values()].map(({ state }) => state), ["running", "stopped", "failed"]);
});

test("a start has its time", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  const release = w.http.hold();
  const failed = failure(() => pool.get("a")!.start({ timeout: 500 }));
  await w.pass(600);
  assertEquals((await failed).code, "ERR_SERVER_START");
  assertEquals(pool.get("a")!.state, "failed");
  release();
  await w.pass(100);
  assertEquals(w.http.open, [], "what came too late is closed");
  await pool.start();
  assertEquals(w.http.open.length, 1);
});

test("an aborted signal ends a start with its reason", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  const release = w.http.hold();
  const abort = new AbortController();
  const started = pool.get("a")!.start({ signal: abort.signal }).then(() => "started", (error) => error);
  await w.turn();
  abort.abort("enough");
  assertEquals(await started, "enough");
  release();
  await w.pass(10);
  assertEquals(w.http.open, []);
  assertEquals(await pool.get("a")!.start({ signal: abort.signal }).catch((e) => e), "enough");
});

test("stop lets requests finish within the grace", async (t) => {
  const w = world(t);
  const slow = later();
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080", handler: slow.handler }] });
  await pool.start();
  const { response } = w.http.ask(8080);
  await w.turn();
  let stopped = false;
  const stopping = pool.stop().then(() => stopped = true);
  await w.pass(3_000);
  assertEquals([stopped, pool.get("a")!.state, w.http.open], [false, "stopping", []]);
  slow.answer("done");
  assertEquals(await (await response).text(), "done");
  await stopping;
  assertEquals(w.clock.pending, 0);
});

test("a request that hangs is aborted after the grace and reported once", async (t) => {
  const w = world(t);
  const slow = later();
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080", handler: slow.handler }] });
  const heard = events(pool);
  await pool.start();
  const lost = [w.http.ask(8080), w.http.ask(8080)].map(({ response }) => response.catch((error) => error.message));
  await w.turn();
  const stopping = pool.stop({ grace: 200 });
  await w.pass(199);
  assertEquals(slow.asked.map(({ signal }) => signal.aborted), [false, false]);
  await w.pass(1);
  await stopping;
  assertEquals(slow.asked.map(({ signal }) => signal.aborted), [true, true]);
  assertEquals(await Promise.all(lost), ["cut: abort", "cut: abort"]);
  assertEquals(heard.filter((one) => one.includes("error")), ["a error ERR_SERVER_STOP"]);
  const { inFlight, responses, errors } = pool.stats().servers[0]!;
  assertEquals([inFlight, responses, errors], [0, { cut: 2 }, 1]);
});

test("an aborted signal, or a second stop with less grace, cuts the grace short", async (t) => {
  const w = world(t);
  const slow = later();
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080", handler: slow.handler }] });
  for (const cut of ["signal", "second"] as const) {
    await pool.start();
    w.http.ask(8080).response.catch(() => {});
    await w.turn();
    const abort = new AbortController();
    const stopping = pool.stop({ grace: 60_000, signal: abort.signal });
    await w.turn();
    assertEquals(pool.get("a")!.state, "stopping");
    if (cut === "signal") abort.abort();
    else void pool.stop({ grace: 0 });
    await stopping;
    assertEquals(pool.get("a")!.state, "stopped");
  }
  assertEquals(w.clock.now(), 1_000, "no time has passed");
});

test("stopping a hundred servers takes as long as the slowest", async (t) => {
  const w = world(t);
  const slow = later();
  const servers = Array.from({ length: 100 }, (_, i) => ({ listen: `:${9_000 + i}`, handler: slow.handler }));
  const pool = w.pool({ servers });
  await pool.start();
  for (let i = 0; i < 100; i++) w.http.ask(9_000 + i).response.catch(() => {});
  const stopping = pool.stop({ grace: 1_000 });
  await w.pass(1_000);
  await stopping;
  assertEquals(w.clock.now(), 2_000);
});

test("stop while it waits for a busy port", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  w.http.fail(8080, systemError("EADDRINUSE"));
  const started = failure(() => pool.get("a")!.start());
  await w.turn();
  await pool.stop();
  assertEquals([(await started).code, pool.get("a")!.state, w.clock.now()], ["ERR_SERVER_LISTEN", "stopped", 1_000]);
});

test("the pool's signal stops it in order, and keeps it from starting", async (t) => {
  const w = world(t);
  const abort = new AbortController();
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }], signal: abort.signal });
  await pool.start();
  abort.abort(new Error("over"));
  await w.pass(10);
  assertEquals([pool.running, w.http.open], [false, []]);
  const [error] = await problems(() => pool.start(), "ERR_SERVERS_START");
  assertEquals((error?.cause as Error).message, "over");
});

test("disposing stops the pool; disposing a view does nothing", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  await pool.start();
  await pool.filter({ field: "name", equals: "a" })[Symbol.asyncDispose]();
  assert(pool.running);
  await pool[Symbol.asyncDispose]();
  assert(!pool.running);
});

test("restart opens the port again and counts", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }, { name: "off", listen: ":8081", disabled: true }] });
  await pool.start();
  await pool.restart({ grace: 0 });
  assertEquals([w.http.opened.length, w.http.open], [2, ["[::]:8080"]]);
  assertEquals(pool.stats().servers.map(({ restarts }) => restarts), [1, 0]);
});

test("a range takes the first free port, and says which", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: ["a", "b", "c"].map((name) => ({ name, listen: "127.0.0.1:8000-8002" })) });
  await pool.start();
  assertEquals([...pool.values()].map(({ bind }) => bind).sort(), [8000, 8001, 8002].map((p) => `127.0.0.1:${p}`));
  assertEquals(pool.get("127.0.0.1:8001")?.expose, "http://127.0.0.1:8001");
  await pool.add({ name: "d", listen: "127.0.0.1:8000-8002" });
  const failed = problems(() => pool.start(), "ERR_SERVERS_START");
  await w.pass(2_000);
  assertEquals((await failed).map(({ server, code }) => [server, code]), [["d", "ERR_SERVER_LISTEN"]]);
});

test("port 0 is a free one; two of them never collide", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: "127.0.0.1:0" }, { name: "b", listen: "127.0.0.1:0" }] });
  await pool.start();
  const [a, b] = [...pool.values()];
  assert(a!.bind !== b!.bind);
  assert(/^http:\/\/127\.0\.0\.1:4\d{4}$/.test(a!.expose), a!.expose);
  assertEquals(pool.get(b!.bind), b);
});

test("options of calls that cannot be", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  const a = pool.get("a")!;
  for (const call of [() => a.start({ timeout: -1 }), () => a.stop({ grace: NaN }), () => a.restart({ grace: -5 })]) {
    assertEquals((await failure(call)).code, "ERR_SERVER_CONFIG");
  }
});
