import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Handler, type RequestInfo, ServerError } from "../../src/servers/mod.ts";
import { test } from "../support/harness.ts";
import { events, problems, says, world } from "./support.ts";

test("handlers are looked up in the order of the specification", async (t) => {
  const w = world(t);
  const pool = w.pool({
    servers: [
      { name: "own", listen: ":8080", handler: says("own"), handlers: { default: says("no") } },
      { name: "keyed", listen: ":8081", handlerKey: "k", handlers: { k: says("own k"), default: says("no") } },
      { name: "default", listen: ":8082", handlers: { default: says("own default"), "": says("no") } },
      { name: "empty", listen: ":8083", handlers: { "": says("own empty"), other: says("no") } },
      { name: "shared key", listen: ":8084", handlerKey: "s" },
      { name: "shared", listen: ":8085" },
      { name: "other key", listen: ":8086", handlers: { k: says("no") } },
    ],
    handlers: { s: says("shared s"), default: says("shared default"), k: says("shared k") },
  });
  await pool.start();
  const all = (): Promise<string[]> => Promise.all(Array.from({ length: 7 }, (_, i) => w.http.text(8080 + i)));
  assertEquals(await all(), [
    "own",
    "own k",
    "own default",
    "own empty",
    "shared s",
    "shared default",
    "shared default",
  ]);
  pool.handle({ handler: says("one for all"), handlers: { s: says("no") } });
  assertEquals((await all()).slice(4), ["one for all", "one for all", "one for all"]);
  pool.handle({ handlers: { "": says("shared empty") } });
  assertEquals((await all()).slice(4), ["500", "shared empty", "shared empty"]);
  pool.get("own")!.handle({});
  assertEquals(await w.http.text(8080), "shared empty");
  assertEquals(pool.get("own")!.config.handler, undefined);
});

test("a key that is inherited from Object is no handler", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8080" }] });
  await problems(() => pool.add({ listen: ":8081", handlerKey: "toString", handlers: {} }), "ERR_SERVERS_ADD");
});

test("a handlerKey that is nowhere is refused, unless the pool has one handler for all", async (t) => {
  const w = world(t);
  const pool = w.pool({ handlers: { a: says("a") } });
  const [error] = await problems(() => pool.add({ name: "x", listen: ":8080", handlerKey: "b" }), "ERR_SERVERS_ADD");
  assertEquals([error?.code, error?.path, error?.server], ["ERR_SERVER_HANDLER", "handlerKey", "x"]);
  await pool.add({ listen: ":8080", handlerKey: "a" });
  await pool.add({ listen: ":8081", handlerKey: "b", handlers: { b: says("b") } });
  pool.handle({ handler: says("all") });
  await pool.add({ listen: ":8082", handlerKey: "c" });
});

test("a handler knows its server, and an application stays itself", async (t) => {
  const w = world(t);
  const seen: RequestInfo[] = [];
  class App {
    readonly greeting = "hello";
    fetch(_request: Request, info: RequestInfo): Response {
      seen.push(info);
      return new Response(this.greeting);
    }
  }
  const pool = w.pool({
    servers: [{ name: "a", listen: ":8080" }, { name: "b", listen: ":8081" }],
    handler: new App(),
  });
  await pool.start();
  assertEquals([await w.http.text(8080), await w.http.text(8081)], ["hello", "hello"]);
  assertEquals(seen.map(({ server }) => server), ["a", "b"]);
  assertEquals([seen[0]!.protocol, seen[0]!.remoteAddr.hostname], ["h1", "127.0.0.1"]);
});

test("a handler that throws is one error event, and counted", async (t) => {
  const w = world(t);
  const pool = w.pool({
    servers: [{ name: "a", listen: ":8080" }],
    handler: () => Promise.reject(new Error("no database")),
  });
  const heard = events(pool);
  const errors: Error[] = [];
  pool.addEventListener("error", ({ detail }) => errors.push(detail.error));
  await pool.start();
  heard.length = 0;
  assertEquals(await w.http.text(8080), "500");
  assertEquals(heard, ["a error ERR_SERVER_HANDLER"]);
  assertEquals((errors[0]!.cause as Error).message, "no database");
  assertEquals(pool.stats().servers[0]!.errors, 1);
});

test("what is no handler is refused", (t) => {
  const pool = world(t).pool({ servers: [{ name: "a", listen: ":8080" }] });
  const both = { fetch: says("x"), node: () => {} } as unknown as Handler;
  for (const handler of ["text", both, {}, null] as unknown as Handler[]) {
    const error = assertThrows(() => pool.get("a")!.handle({ handler }));
    assert(error instanceof ServerError && error.code === "ERR_SERVER_HANDLER");
    assertThrows(() => pool.handle({ handlers: { x: handler } }));
  }
});

test("stats count requests, in flight, bytes and durations", async (t) => {
  const w = world(t);
  let answer = (): void => {};
  const pool = w.pool({
    name: "web",
    servers: [{ name: "a", listen: ":8080" }],
    handler: () => new Promise<Response>((resolve) => answer = () => resolve(new Response("x", { status: 404 }))),
  });
  await pool.start();
  const first = w.http.ask(8080);
  await w.turn();
  assertEquals([pool.stats().servers[0]!.inFlight, pool.stats().servers[0]!.connections], [1, 1]);
  answer();
  await first.response;
  await w.turn();
  await pool.restart();
  const gone = w.http.ask(8080);
  gone.response.catch(() => {});
  await w.turn();
  gone.leave();
  await w.turn();
  const { name, servers: [stats] } = pool.stats();
  assertEquals([name, stats!.requests, stats!.inFlight, stats!.bytesIn, stats!.bytesOut, stats!.restarts], [
    "web",
    2,
    0,
    200,
    200,
    1,
  ]);
  assertEquals(stats!.responses, { "4xx": 1, cut: 1 });
  assertEquals([stats!.duration.count, stats!.duration.sum, stats!.duration.buckets[0]], [2, 2, { le: 5, count: 2 }]);
});
