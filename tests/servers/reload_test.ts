import { assert, assertEquals } from "@std/assert";
import { test } from "../support/harness.ts";
import * as certs from "../support/certs.ts";
import { systemError } from "../support/memory_http.ts";
import { events, type HttpServerConfig, later, problems, says, world } from "./support.ts";

test("reload adds, removes, changes and keeps", async (t) => {
  const w = world(t);
  const pool = w.pool({
    servers: [
      { name: "keep", listen: ":8080" },
      { name: "gone", listen: ":8081" },
      { name: "change", listen: ":8082" },
    ],
  });
  await pool.start();
  const kept = pool.get("keep"), changed = pool.get("change")!;
  const report = await pool.reload([
    { name: "new", listen: ":8083" },
    { name: "change", listen: ":8082", idleTimeout: "3s" },
    { name: "keep", listen: ":8080" },
  ]);
  assertEquals(report, { added: ["new"], removed: ["gone"], changed: ["change"], kept: ["keep"] });
  assertEquals([...pool.keys()], ["new", "change", "keep"]);
  assertEquals([pool.get("keep") === kept, pool.get("change") === changed], [true, true]);
  assertEquals([...pool.values()].map(({ state }) => state), ["running", "running", "running"]);
  assertEquals(w.http.closed, ["[::]:8081"]);
  assertEquals(w.http.opened.filter((one) => one.endsWith("8082")).length, 1, "the port was never closed");
  assertEquals(w.http.service(8082).limits, { idleTimeout: 3_000 });
  assertEquals(changed.config.idleTimeout, "3s");
});

test("a change of handlers alone touches nothing but the handlers", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080", handler: says("old") }] });
  const heard = events(pool);
  await pool.start();
  const service = w.http.service(8080);
  heard.length = 0;
  const { changed } = await pool.reload([{
    name: "a",
    listen: ":8080",
    handlerKey: "k",
    handlers: { k: says("new") },
  }]);
  assertEquals([changed, await w.http.text(8080)], [["a"], "new"]);
  assertEquals([w.http.service(8080) === service, w.http.opened.length, heard], [true, 1, ["reload"]]);
});

test("on a stopped pool reload starts nothing", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  await pool.reload([{ name: "a", listen: ":8085" }, { name: "b", listen: ":8081" }]);
  assertEquals([[...pool.values()].map(({ bind, state }) => `${bind} ${state}`), w.http.opened], [
    [":8085 stopped", ":8081 stopped"],
    [],
  ]);
});

test("a server that was stopped by itself stays so, one that failed comes up", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: ["a", "b", "c"].map((name, i) => ({ name, listen: `:808${i}` })) });
  w.http.fail(8082, systemError("EACCES"));
  await pool.start().catch(() => {});
  await pool.get("b")!.stop();
  w.http.fail(8082, undefined);
  await pool.reload(["a", "b", "c"].map((name, i) => ({ name, listen: `:808${i}`, idleTimeout: 5 })));
  assertEquals([...pool.values()].map(({ state }) => state), ["running", "stopped", "running"]);
});

test("two servers swap their addresses without a gap", async (t) => {
  const w = world(t);
  const pool = w.pool({
    servers: [{ name: "a", listen: ":8080", handler: says("a") }, { name: "b", listen: ":8081", handler: says("b") }],
  });
  await pool.start();
  const [a, b] = [...pool.values()];
  await pool.reload([{ ...a!.config, listen: ":8081" }, { ...b!.config, listen: ":8080" }]);
  assertEquals([await w.http.text(8080), await w.http.text(8081)], ["b", "a"]);
  assertEquals([a!.bind, b!.bind, a!.state, b!.state], ["[::]:8081", "[::]:8080", "running", "running"]);
  assertEquals([w.http.opened.length, w.http.closed], [2, []]);
  await pool.stop();
  assertEquals(w.http.open, []);
});

test("a renamed server keeps its port", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "old", listen: ":8080" }], handler: says("x") });
  await pool.start();
  const old = pool.get("old")!;
  const report = await pool.reload([{ name: "new", listen: ":8080" }]);
  assertEquals([report.added, report.removed, w.http.opened.length, w.http.closed], [["new"], ["old"], 1, []]);
  assertEquals([old.state, pool.get("new")!.state, await w.http.text(8080)], ["stopped", "running", "x"]);
});

test("from a wildcard to one address and back: the old port is closed first", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  await pool.start();
  for (const listen of ["127.0.0.1:8080", "0.0.0.0:8080", "[::]:8080"]) {
    await pool.reload([{ name: "a", listen }]);
    assertEquals(w.http.open, [listen]);
  }
});

test("port 0 keeps the port it has while the config says so", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: "127.0.0.1:0" }] });
  await pool.start();
  const { bind } = pool.get("a")!;
  await pool.reload([{ name: "a", listen: "127.0.0.1:0", writeTimeout: 5 }, { name: "b", listen: "127.0.0.1:0" }]);
  assertEquals([pool.get("a")!.bind, w.http.opened.length], [bind, 2]);
});

test("requests of the old service finish, of a removed server too", async (t) => {
  const w = world(t);
  const slow = later();
  const pool = w.pool({
    servers: [{ name: "a", listen: ":8080", handler: slow.handler }, {
      name: "b",
      listen: ":8081",
      handler: slow.handler,
    }],
  });
  await pool.start();
  const asked = [w.http.ask(8080), w.http.ask(8081)];
  await w.turn();
  const reloading = pool.reload([{ name: "a", listen: ":8080", idleTimeout: 9, handler: says("new") }]);
  await w.turn();
  assertEquals(await w.http.text(8080), "new");
  assertEquals(w.http.open, ["[::]:8080"], "the removed port is free at once");
  slow.answer("1");
  slow.answer("2");
  assertEquals(await Promise.all(asked.map(async ({ response }) => await (await response).text())), ["1", "2"]);
  await reloading;
  assertEquals(pool.stats().servers[0]!.inFlight, 0);
});

test("a stop cuts short what a reload lets finish", async (t) => {
  const w = world(t);
  const slow = later();
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080", handler: slow.handler }] });
  const heard = events(pool);
  await pool.start();
  w.http.ask(8080).response.catch(() => {});
  await w.turn();
  const reloading = pool.reload([{ name: "a", listen: ":8081", handler: slow.handler }]);
  await w.turn();
  assertEquals([pool.get("a")!.bind, w.http.open], ["[::]:8081", ["[::]:8081"]]);
  await pool.stop({ grace: 0 });
  await reloading;
  assertEquals([w.clock.now(), slow.asked[0]!.signal.aborted, w.clock.pending], [1_000, true, 0]);
  assertEquals(heard.filter((one) => one.includes("error")), ["a error ERR_SERVER_STOP"]);
});

test("a start that waits while a reload takes its server out does not bring it back", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }, { name: "b", listen: ":8081" }] });
  await pool.start();
  const release = w.http.hold();
  const reloading = pool.reload([{ name: "b", listen: ":8085" }]);
  await w.turn();
  const calls = [pool.restart(), pool.start()];
  release();
  await Promise.all([reloading, ...calls]);
  assertEquals(w.http.open, ["[::]:8085"]);
});

test("what is detached while a reload waits stays out, and goes on", async (t) => {
  const w = world(t);
  const pool = w.pool({
    servers: [{ name: "a", listen: ":8080" }, { name: "b", listen: ":8081" }, { name: "c", listen: ":8082" }],
  });
  await pool.start();
  const release = w.http.hold();
  const reloading = pool.reload([{ name: "a", listen: ":8085" }, { name: "b", listen: ":8081", idleTimeout: 5 }]);
  await w.turn();
  const [b, c] = [pool.detach("b")!, pool.detach("c")!];
  release();
  await reloading;
  assertEquals([...pool.keys()], ["a"]);
  assertEquals([b.running, c.running], [true, true]);
  await Promise.all([b.stop(), c.stop()]);
  assertEquals(w.http.open, ["[::]:8085"]);
});

const BROKEN: readonly [string, HttpServerConfig[], string[]][] = [
  ["a broken address", [{ name: "a", listen: "nonsense" }], ["[0].listen"]],
  ["a name twice", [{ name: "a", listen: ":1" }, { name: "a", listen: ":2" }], ["[1].name"]],
  ["an address twice", [{ name: "a", listen: ":1" }, { name: "b", listen: "127.0.0.1:1" }], ["[1].listen"]],
  ["https without a certificate", [{ name: "a", listen: ":1", expose: "https://a.example" }], ["[0].tls"]],
  ["a key without a handler", [{ name: "a", listen: ":1", handlerKey: "no" }], ["[0].handlerKey"]],
];
for (const [what, configs, paths] of BROKEN) {
  test(`a reload with ${what} changes nothing`, async (t) => {
    const w = world(t);
    const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }, { name: "b", listen: ":8081" }] });
    await pool.start();
    const heard = events(pool);
    const found = await problems(() => pool.reload(configs), "ERR_SERVERS_RELOAD");
    assertEquals(found.map(({ path }) => path), paths);
    assertEquals([[...pool.keys()], w.http.opened.length, w.http.closed, heard], [["a", "b"], 2, [], []]);
  });
}

test("when a new server does not come up everything is as before", async (t) => {
  const w = world(t);
  const pool = w.pool({
    servers: [
      { name: "a", listen: ":8080", handler: says("a") },
      { name: "b", listen: ":8081", handler: says("b") },
      { name: "c", listen: "0.0.0.0:8082", handler: says("c") },
    ],
  });
  await pool.start();
  const before = [...pool.values()].map(({ config, bind, state }) => ({ config, bind, state }));
  w.http.fail(8089, systemError("EACCES"));
  const found = await problems(() =>
    pool.reload([
      { name: "a", listen: ":8080", idleTimeout: 7 },
      { name: "c", listen: "127.0.0.1:8082", handler: says("other") },
      { name: "d", listen: ":8088" },
      { name: "e", listen: ":8089" },
    ]), "ERR_SERVERS_RELOAD");
  assertEquals(found.map(({ server, code }) => `${server} ${code}`), ["e ERR_SERVER_LISTEN"]);
  assertEquals([...pool.values()].map(({ config, bind, state }) => ({ config, bind, state })), before);
  assertEquals([...w.http.open].sort(), ["0.0.0.0:8082", "[::]:8080", "[::]:8081"]);
  assertEquals(await Promise.all([8080, 8081, 8082].map((port) => w.http.text(port))), ["a", "b", "c"]);
  assertEquals(w.http.service(8080).limits, {});
  await pool.stop();
  assertEquals(w.http.open, []);
});

test("when a replacement fails those done already are taken back", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }, { name: "b", listen: ":8081" }] });
  await pool.start();
  w.http.failReplace(8081, new Error("no"));
  const found = await problems(() =>
    pool.reload([
      { name: "a", listen: ":8080", idleTimeout: 7 },
      { name: "b", listen: ":8081", idleTimeout: 7 },
      { name: "c", listen: ":8082" },
    ]), "ERR_SERVERS_RELOAD");
  assertEquals(found.map(({ server }) => server), ["b"]);
  assertEquals([w.http.service(8080).limits, w.http.open], [{}, ["[::]:8080", "[::]:8081"]]);
  assertEquals([...pool.keys()], ["a", "b"]);
});

test("a certificate that cannot be read changes nothing", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  await pool.start();
  const tls = { certFile: "/nowhere/cert.pem", keyFile: "/nowhere/key.pem" };
  const [error] = await problems(
    () => pool.reload([{ name: "a", listen: ":8080", tls }, { name: "b", listen: ":8081" }]),
    "ERR_SERVERS_RELOAD",
  );
  assertEquals([error?.code, error?.server, w.http.opened.length], ["ERR_SERVER_TLS", "a", 1]);
});

test("reload makes plain HTTP to HTTPS on the same port, and a kept one keeps its renewed certificate", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  await pool.start();
  const tls = { cert: certs.server.cert, key: certs.server.key };
  await pool.reload([{ name: "a", listen: ":8080", tls }]);
  assertEquals([w.http.certificate(8080), w.http.opened.length, pool.get("a")!.expose], [
    certs.server.cert,
    1,
    "https://localhost:8080",
  ]);
  pool.get("a")!.renewCertificate(certs.renewed);
  const { kept } = await pool.reload([{ name: "a", listen: ":8080", tls: { ...tls } }]);
  assertEquals([kept, w.http.certificate(8080)], [["a"], certs.renewed.cert]);
  await pool.reload([{ name: "a", listen: ":8080", tls: { ...tls }, idleTimeout: 3 }]);
  assertEquals(
    w.http.certificate(8080),
    certs.renewed.cert,
    "the config's certificate is the same: the renewed one stays",
  );
});

test("disabled by a reload, and enabled again", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }, { name: "b", listen: ":8081" }] });
  await pool.start();
  await pool.reload([{ name: "a", listen: ":8080", disabled: true }, { name: "b", listen: ":8081" }]);
  assertEquals([pool.get("a")!.state, w.http.open], ["disabled", ["[::]:8081"]]);
  await pool.start();
  await pool.restart();
  assertEquals([pool.get("a")!.state, w.http.open], ["disabled", ["[::]:8081"]]);
  await pool.reload([{ name: "a", listen: ":8080" }, { name: "b", listen: ":8081" }]);
  assertEquals(pool.get("a")!.state, "running");
});

test("reloads, starts and stops at the same time end in one true state", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 30; i++) {
    calls.push(pool.start(), pool.reload([{ name: "a", listen: `:${8080 + i % 3}` }, { name: "b", listen: ":8089" }]));
    calls.push(pool.stop());
    if (i % 5 === 0) calls.push(pool.reload([{ name: "a", listen: ":8080" }]));
  }
  await Promise.all(calls);
  await pool.stop();
  assertEquals(w.http.open, []);
  await pool.start();
  assertEquals(w.http.open.length, pool.size);
  assert([...pool.values()].every(({ running }) => running));
});

test("a view is not reloaded", async (t) => {
  const pool = world(t).pool({ servers: [{ name: "a", listen: ":8080" }] });
  await problems(() => pool.filter({ field: "name", equals: "a" }).reload([]), "ERR_SERVERS_RELOAD");
  assertEquals(pool.size, 1);
});
