/** Applications of others, unchanged. @module */
import { assertEquals, assertMatch } from "@std/assert";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect as connectTcp } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { test, type TestContext } from "../../support/harness.ts";
import { certs, exchange, later, serve, statuses } from "./support.ts";

const request = (path: string, body?: string): string =>
  body === undefined
    ? `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`
    : `POST ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

test("Express 5", async (t) => {
  const app = express();
  app.use(express.json());
  app.get("/hi/:name", (req: { params: { name: string } }, res: { json(value: unknown): void }) => {
    res.json({ hi: req.params.name });
  });
  app.post("/echo", (req: { body: unknown }, res: { status(n: number): { json(value: unknown): void } }) => {
    res.status(201).json(req.body);
  });
  app.get("/boo", () => Promise.reject(new Error("boo")));
  app.use((_: unknown, __: unknown, res: { status(n: number): { end(text: string): void } }, ___: unknown) => {
    res.status(503).end("sorry");
  });
  const { port, owner } = await serve(t, { node: app as (req: IncomingMessage, res: ServerResponse) => void });
  assertMatch(await exchange(t, port, request("/hi/you")), /^HTTP\/1.1 200 [^]*{"hi":"you"}$/);
  assertMatch(await exchange(t, port, request("/echo", `{"a":1}`)), /^HTTP\/1.1 201 [^]*{"a":1}$/);
  assertMatch(await exchange(t, port, request("/boo")), /^HTTP\/1.1 503 [^]*sorry/);
  assertEquals(statuses(await exchange(t, port, request("/none"))), [404]);
  assertEquals(owner.failures, []);
});

test("Fastify", async (t) => {
  const app = fastify();
  app.get("/hi/:name", (req: { params: unknown }) => ({ hi: (req.params as { name: string }).name }));
  app.post("/echo", (req: { body: unknown }) => req.body);
  await app.ready();
  t.cleanup(() => app.close());
  const { port } = await serve(t, { node: app.routing as (req: IncomingMessage, res: ServerResponse) => void });
  assertMatch(await exchange(t, port, request("/hi/you")), /^HTTP\/1.1 200 [^]*{"hi":"you"}$/);
  assertMatch(await exchange(t, port, request("/echo", `{"a":1}`)), /^HTTP\/1.1 200 [^]*{"a":1}$/);
});

test("Hono", async (t) => {
  const app = new Hono();
  app.get("/hi/:name", (c) => c.json({ hi: c.req.param("name") }));
  app.post("/echo", async (c) => c.json(await c.req.json(), 201));
  app.get("/events", (c) =>
    streamSSE(c, async (stream) => {
      for (const data of ["1", "2"]) await stream.writeSSE({ data });
    }));
  const { port } = await serve(t, { fetch: (request) => app.fetch(request) });
  assertMatch(await exchange(t, port, request("/hi/you")), /^HTTP\/1.1 200 [^]*{"hi":"you"}$/);
  assertMatch(await exchange(t, port, request("/echo", `{"a":1}`)), /^HTTP\/1.1 201 [^]*{"a":1}$/);
  assertMatch(await exchange(t, port, request("/events")), /data: 1\n\n[^]*data: 2\n\n/);
  assertEquals(statuses(await exchange(t, port, request("/none"))), [404]);
});

for (const how of ["plain", "tls"] as const) {
  test(`WebSocket with ws (${how})`, async (t: TestContext) => {
    const sockets = new WebSocketServer({ noServer: true });
    sockets.on("connection", (socket: WebSocket) => {
      socket.on("message", (data: Uint8Array, binary: boolean) => socket.send(data, { binary }));
    });
    const { port, owner } = await serve(t, {
      node: (_, res) => void res.end("plain"),
      upgrade: (req, socket, head) =>
        sockets.handleUpgrade(req, socket, head, (ws: WebSocket) => sockets.emit("connection", ws, req)),
    }, how === "tls" ? { tls: certs.server } : {});
    const client = new WebSocket(`${how === "tls" ? "wss" : "ws"}://localhost:${port}/`, {
      ca: certs.ca,
      ...(how === "plain" ? { createConnection: () => connectTcp(port, "127.0.0.1") } : {}),
    });
    t.cleanup(() => client.terminate());
    const closed = later<void>();
    const echo = (data: string): Promise<string> =>
      new Promise((resolve) => {
        client.once("message", (data: unknown) => resolve(String(data)));
        client.send(data);
      });
    await new Promise((resolve, reject) => {
      client.once("open", resolve);
      client.once("error", reject);
    });
    assertEquals(await echo("hello"), "hello");
    assertEquals(await echo("x".repeat(200_000)), "x".repeat(200_000));
    client.once("close", () => closed.resolve());
    client.close();
    await closed.promise;
    assertEquals((await owner.outcome()).status, 101);
  });
}
