import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { HttpServerPool, type HttpServerPoolOptions, ServerBatchError, ServerError } from "../../src/servers/mod.ts";
import { test } from "../support/harness.ts";
import { later, problems, says, world } from "./support.ts";

test("members keep the order in which they came, and are found by name and by address", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "b", listen: "LOCALHOST:8081" }, { listen: ":8082" }] });
  const a = await pool.add({ name: "a", listen: "[0:0::1]:8083" });
  assertEquals([...pool.keys()], ["b", ":8082", "a"]);
  assertEquals([...pool.values()].map(({ bind }) => bind), ["localhost:8081", ":8082", "[::1]:8083"]);
  assertEquals([...pool].map(([name]) => name), [...pool.entries()].map(([name]) => name));
  assertEquals([pool.get("a"), pool.get("[::1]:8083"), pool.get("[0::1]:8083")], [a, a, a]);
  assertEquals([pool.has("localhost:8081"), pool.has("Localhost:8081"), pool.has("nobody")], [true, true, false]);
  assertEquals([pool.size, pool.running, pool.uptime], [3, false, 0]);
});

test("add never starts, and replaces the same name when the old one is drained and its port free", async (t) => {
  const w = world(t);
  const slow = later();
  const pool = w.pool({
    servers: [{ name: "a", listen: ":8080", handler: slow.handler }, { name: "b", listen: ":8081" }],
  });
  await pool.start();
  const old = pool.get("a")!;
  const { response } = w.http.ask(8080);
  await w.turn();
  const adding = pool.add({ name: "a", listen: ":8080", handler: says("new") });
  await w.turn();
  assertEquals([old.state, pool.get("a") === old], ["stopping", true]);
  slow.answer("old");
  assertEquals(await (await response).text(), "old");
  const added = await adding;
  assertEquals([old.state, added.state, pool.get("a") === added, w.http.open], ["stopped", "stopped", true, [
    "[::]:8081",
  ]]);
  assertEquals([...pool.keys()], ["a", "b"]);
  await added.start();
  assertEquals(await w.http.text(8080), "new");
});

test("add tells every problem with its path, and nothing has changed", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  const found = await problems(
    () => pool.add({ name: "", listen: "nowhere", expose: "ftp://x", tls: { cert: "abc" }, maxHeaderBytes: 3 }),
    "ERR_SERVERS_ADD",
  );
  assertEquals(found.map(({ path }) => path), ["name", "listen", "expose", "tls.cert", "maxHeaderBytes"]);
  assertStringIncludes(found[1]!.message, '`listen` is "nowhere", expected an address such as');
  assertEquals([...pool.keys()], ["a"]);
});

test("addresses collide, over wildcards too, unless all reuse the port", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "all", listen: "0.0.0.0:80" }, { name: "six", listen: "[::1]:81" }] });
  for (const listen of ["127.0.0.1:80", ":80", "[::]:80", "localhost:80", ":81", "[0:0:0:0:0:0:0:1]:81"]) {
    const [error] = await problems(() => pool.add({ name: "x", listen }), "ERR_SERVERS_ADD");
    assertEquals([error?.path, error?.code], ["listen", "ERR_SERVER_CONFIG"], listen);
  }
  await problems(() => pool.add({ name: "x", listen: ":80", reusePort: true }), "ERR_SERVERS_ADD");
  for (const listen of ["[::1]:80", "127.0.0.1:81", "127.0.0.1:0", "0.0.0.0:0", "127.0.0.1:80-90"]) {
    await pool.add({ name: `at ${listen}`, listen });
  }
  const both = w.pool({
    servers: [{ name: "1", listen: ":80", reusePort: true }, { name: "2", listen: "127.0.0.1:80", reusePort: true }],
  });
  await both.start();
  assertEquals(w.http.open.length, 2);
});

test("the constructor lists every problem, too", () => {
  const error = assertThrows(() =>
    world({ signal: new AbortController().signal, cleanup() {} }).pool({
      servers: [{ name: "a", listen: ":1" }, { name: "a", listen: ":2" }, { name: "b", listen: ":1" }, {
        name: "c",
        listen: "x",
      }],
    })
  );
  assert(error instanceof ServerBatchError);
  assertEquals(error.errors.map(({ path }) => path), ["[1].name", "[2].listen", "[3].listen"]);
});

test("options of a pool that there are not", () => {
  const options = { sevrers: [], name: "", tls: { cert: "x" } } as unknown as HttpServerPoolOptions;
  const error = assertThrows(() => new HttpServerPool(options));
  assert(error instanceof ServerBatchError && error.code === "ERR_SERVERS_ADD");
  assertEquals(error.errors.map(({ path }) => path), ["sevrers", "name", "tls.key"]);
  assertStringIncludes(error.errors[0]!.message, "did you mean `servers`?");
});

test("delete and clear stop and free the port; detach does not", async (t) => {
  const w = world(t);
  const pool = w.pool({
    servers: ["a", "b", "c", "d"].map((name, i) => ({ name, listen: `:808${i}` })),
    handler: says("shared"),
  });
  await pool.start();
  assertEquals([await pool.delete("a"), await pool.delete("a"), await pool.delete(":8081")], [true, false, true]);
  assertEquals(w.http.open, ["[::]:8082", "[::]:8083"]);
  const c = pool.detach("c")!;
  assertEquals([c.state, pool.has("c"), pool.detach("c")], ["running", false, undefined]);
  assertEquals(await w.http.text(8082), "shared", "a detached one keeps its handlers");
  await pool.clear();
  assertEquals([pool.size, w.http.open], [0, ["[::]:8082"]]);
  await pool.add(c);
  assertEquals([pool.get("c") === c, pool.running], [true, true]);
});

test("forEach stops at false, and visits only the names asked for", (t) => {
  const pool = world(t).pool({ servers: ["a", "b", "c"].map((name, i) => ({ name, listen: `:808${i}` })) });
  const seen: string[] = [];
  pool.forEach((_, name) => void seen.push(name), ["c", "a", "x"]);
  pool.forEach((server) => seen.push(server.name) < 4);
  assertEquals(seen, ["a", "c", "a", "b"]);
});

test("filter and list", async (t) => {
  const w = world(t);
  const pool = w.pool({
    servers: [
      { name: "Api", listen: "127.0.0.1:8080", expose: "http://api.example" },
      { name: "web", listen: "127.0.0.1:0" },
      { name: "webdav", listen: ":8081" },
    ],
  });
  const names = (query: Parameters<typeof pool.list>[0]): string[] => pool.list(query);
  assertEquals(names({ field: "name", equals: "aPI" }), ["Api"]);
  assertEquals(names({ field: "name", matches: "web" }), ["web", "webdav"]);
  assertEquals(names({ field: "name", matches: /WEB/ }), []);
  assertEquals(names({ field: "name", equals: "api", matches: /dav$/g }), ["Api", "webdav"]);
  assertEquals(names({ field: "name" }), []);
  assertEquals(names({ field: "name", matches: "" }), []);
  assertEquals(names({ field: "name", matches: new RegExp("") }), []);
  assertEquals(names({ field: "expose", equals: "api.example:80" }), ["Api"]);
  assertEquals(pool.list({ field: "name", matches: "." }, "expose"), [
    "api.example:80",
    "127.0.0.1:0",
    "localhost:8081",
  ]);
  assertEquals(pool.get("Api")!.expose, "http://api.example");
  await pool.start();
  assertEquals(pool.list({ field: "bind", matches: /:4\d+$/ }, "bind"), [pool.get("web")!.bind]);
  assertThrows(() => pool.filter({ field: "name", matches: "(" }), SyntaxError);
  assertThrows(() => pool.filter({ field: "colour" as "name", equals: "x" }), TypeError);
});

test("a pattern with g or y says the same every time", (t) => {
  const pool = world(t).pool({ servers: [{ name: "web", listen: ":8080" }] });
  const view = pool.filter({ field: "name", matches: /web/gy });
  assertEquals([view.size, view.size, view.has("web")], [1, 1, true]);
});

test("a view shows what matches at any time, and acts on its servers only", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a1", listen: ":8080" }, { name: "b1", listen: ":8081" }] });
  const view = pool.filter({ field: "name", matches: "^a" });
  const states: string[] = [];
  view.addEventListener("state", ({ detail }) => states.push(`${detail.server} ${detail.state}`));
  await pool.add({ name: "a2", listen: ":8082" });
  assertEquals([...view.keys()], ["a1", "a2"]);
  assert(view.get("a1") === pool.get("a1"));
  assertEquals([view.get("b1"), view.has(":8081")], [undefined, false]);
  await view.start();
  assertEquals([...pool.values()].map(({ running }) => running), [true, false, true]);
  await pool.start();
  assertEquals(states, ["a1 starting", "a2 starting", "a1 running", "a2 running"]);
  assertEquals(await view.delete("b1"), false);
  await view.clear();
  assertEquals([...pool.keys()], ["b1"]);
  assertEquals(view.size, 0);
});

test("a clone is of its own", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080", handler: says("one") }], handler: says("shared") });
  await pool.start();
  const clone = pool.clone();
  assertEquals([clone.size, clone.running, clone.get("a") === pool.get("a")], [1, false, false]);
  clone.get("a")!.handle({ handler: says("two") });
  await clone.delete("a");
  assertEquals([pool.size, pool.running, await w.http.text(8080)], [1, true, "one"]);
});

test("merge adds unknown names, and gives known ones the other's config and handlers", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }, { name: "b", listen: ":8081" }] });
  const other = w.pool({
    servers: [{ name: "c", listen: ":8082" }, { name: "a", listen: ":8085", handler: says("new") }],
  });
  await pool.start();
  await pool.merge(other);
  assertEquals([...pool.keys()], ["a", "b", "c"]);
  assertEquals([pool.get("a")!.state, pool.get("a")!.bind, pool.get("b")!.state], ["stopped", ":8085", "running"]);
  assert(pool.get("a") !== other.get("a"));
  await pool.start();
  assertEquals(await w.http.text(8085), "new");
});

test("merge is all or nothing", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }, { name: "b", listen: ":8081" }] });
  await pool.start();
  const found = await problems(
    () => pool.merge([{ name: "a", listen: ":9000" }, { name: "c", listen: ":8081" }, { name: "d", listen: "bad" }]),
    "ERR_SERVERS_ADD",
  );
  assertEquals(found.map(({ path }) => path), ["[2].listen", "[1].listen"]);
  assertEquals([[...pool.keys()], pool.get("a")!.bind, w.http.closed], [["a", "b"], "[::]:8080", []]);
  // An address that a replaced one leaves is free.
  await pool.merge([{ name: "a", listen: ":9000" }, { name: "c", listen: ":8080" }]);
  assertEquals([...pool.values()].map(({ bind }) => bind), [":9000", "[::]:8081", ":8080"]);
});

test("a limit that the runtime cannot honour is refused, naming field and runtime", async (t) => {
  const w = world(t);
  w.http.refuses = [{ option: "maxHeaderBytes", problem: "Deno has no such limit" }];
  const [error] = await problems(
    () => w.pool().add({ name: "a", listen: ":8080", maxHeaderBytes: 5_000 }),
    "ERR_SERVERS_ADD",
  );
  assertEquals([error?.path, error?.message], [
    "maxHeaderBytes",
    "`maxHeaderBytes` is 5000, but Deno has no such limit",
  ]);
});

test("errors of another copy of the package are known", () => {
  const error = new ServerError("ERR_SERVER_CONFIG", "a", "text", { path: "[0].listen" });
  assertEquals([error.name, error.path, error instanceof ServerError], ["ServerError", "[0].listen", true]);
  const batch = new ServerBatchError("ERR_SERVERS_ADD", "bad", [error]);
  assertEquals([batch.name, batch.message, batch.errors.length], ["ServerBatchError", "bad\n- text", 1]);
  assert(!(new Error("x") instanceof ServerError) && batch instanceof AggregateError);
});
