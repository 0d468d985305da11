/** Applications of other people's frameworks over HTTP/2, unchanged. @module */
import { assertEquals, assertMatch } from "@std/assert";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { test } from "../../../support/harness.ts";
import { faultOf, type Reply, rig } from "./support.ts";

/** What these tests use of Express, which comes without types. */
interface ExpressRequest extends IncomingMessage {
  readonly protocol: string;
  readonly ip: string;
  readonly hostname: string;
  readonly query: object;
  readonly body: object;
}
interface ExpressResponse extends ServerResponse {
  json(value: unknown): void;
  status(code: number): this;
  set(name: string, value: string): this;
  type(name: string): this;
  send(content: unknown): void;
  sendFile(path: string): void;
}
type ExpressHandler = (req: ExpressRequest, res: ExpressResponse) => void;

const json = { ":method": "POST", "content-type": "application/json" };

/** A field of a reply. */
function field({ fields }: Reply, name: string): string | undefined {
  const at = fields.findIndex((text, i) => i % 2 === 0 && text === name);
  return at < 0 ? undefined : fields[at + 1];
}

test("h2 applications: Hono", async (t) => {
  const app = new Hono();
  app.get("/", (c) => c.json({ host: c.req.header("host"), query: c.req.query("q") }));
  app.post("/", async (c) => c.json(await c.req.json(), 201));
  app.get("/events", (c) =>
    streamSSE(c, async (stream) => {
      await stream.writeSSE({ data: "one" });
      await stream.writeSSE({ data: "two" });
    }));
  app.onError((error, c) => c.text(error.message, 503));
  app.get("/throw", () => {
    throw new Error("of the application");
  });
  const { ask, owner } = await rig(t, app);
  assertEquals((await ask({ ":path": "/?q=1" })).text, '{"host":"localhost","query":"1"}');
  const posted = await ask(json, '{"a":1}');
  assertEquals([posted.status, posted.text], [201, '{"a":1}']);
  const events = await ask({ ":path": "/events" });
  assertEquals([events.text, field(events, "content-type")], ["data: one\n\ndata: two\n\n", "text/event-stream"]);
  assertEquals((await ask({ ":path": "/throw" })).status, 503);
  const head = await ask({ ":method": "HEAD" });
  assertEquals([head.status, head.bytes], [200, 0]);
  assertEquals((await ask({ ":path": "/nowhere" })).status, 404);
  assertEquals(owner.failures, []);
});

test("h2 applications: Express 5", async (t) => {
  const app = express();
  app.set("env", "test");
  app.use(express.json());
  const routes: [method: "get" | "post", path: string, ExpressHandler][] = [
    ["get", "/", (req, res) => res.json({ protocol: req.protocol, ip: req.ip, host: req.hostname, q: req.query })],
    ["post", "/", (req, res) => res.status(201).set("x-a", "1").send(req.body)],
    ["get", "/big", (_, res) => res.type("text").send("abc".repeat(100_000))],
    ["get", "/file", (_, res) => res.sendFile(new URL(import.meta.url).pathname)],
    ["get", "/throw", () => {
      throw new Error("of the application");
    }],
  ];
  for (const [method, path, handler] of routes) app[method](path, handler);
  const { ask, owner } = await rig(t, { node: (req, res) => app(req, res) });
  const root = await ask({ ":path": "/?a=b" });
  assertEquals(JSON.parse(root.text), { protocol: "https", ip: "127.0.0.1", host: "localhost", q: { a: "b" } });
  const posted = await ask(json, '{"a":1}');
  assertEquals([posted.status, posted.text, field(posted, "x-a")], [201, '{"a":1}', "1"]);
  const big = await ask({ ":path": "/big" });
  assertEquals([big.bytes, faultOf(big)], [300_000, "none"]);
  const etag = field(big, "etag")!;
  const cached = await ask({ ":path": "/big", "if-none-match": etag });
  assertEquals([cached.status, cached.bytes], [304, 0]);
  const head = await ask({ ":path": "/big", ":method": "HEAD" });
  assertEquals([head.bytes, field(head, "content-length")], [0, "300000"]);
  const file = await ask({ ":path": "/file", range: "bytes=0-2" });
  assertEquals([file.status, file.text], [206, "/**"]);
  const thrown = await ask({ ":path": "/throw" });
  assertEquals(thrown.status, 500);
  assertMatch(thrown.text, /of the application/);
  assertEquals((await ask({ ":path": "/nowhere" })).status, 404);
  assertEquals(owner.failures, []);
});

test("h2 applications: Fastify", async (t) => {
  const app = fastify();
  t.cleanup(() => app.close());
  app.get("/", (req) => Promise.resolve({ protocol: req.protocol, ip: req.ip, host: req.hostname }));
  app.post("/", (req, reply) => reply.code(201).send(req.body));
  app.get("/stream", (_, reply) => reply.send(Readable.from(["one ", "two"])));
  app.get("/throw", () => Promise.reject(new Error("of the application")));
  await app.ready();
  const { ask, owner } = await rig(t, {
    node: (req: IncomingMessage, res: ServerResponse) => app.routing(req, res),
  });
  assertEquals(JSON.parse((await ask()).text), { protocol: "https", ip: "127.0.0.1", host: "localhost" });
  const posted = await ask(json, '{"a":1}');
  assertEquals([posted.status, posted.text], [201, '{"a":1}']);
  const streamed = await ask({ ":path": "/stream" });
  assertEquals([streamed.text, faultOf(streamed)], ["one two", "none"]);
  const thrown = await ask({ ":path": "/throw" });
  assertEquals([thrown.status, JSON.parse(thrown.text).message], [500, "of the application"]);
  const head = await ask({ ":method": "HEAD" });
  assertEquals([head.status, head.bytes], [200, 0]);
  assertEquals((await ask({ ":path": "/nowhere" })).status, 404);
  assertEquals(owner.failures, []);
});
