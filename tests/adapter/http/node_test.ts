/** Node-style handlers over HTTP/1.1: the platform's own req and res. @module */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { IncomingMessage, ServerResponse } from "node:http";
import { test } from "../../support/harness.ts";
import { exchange, later, raw, serve, statuses } from "./support.ts";

const LAST = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

test("node: the platform's own request and response", async (t) => {
  const { port, owner } = await serve(t, {
    node(req, res) {
      assert(req instanceof IncomingMessage);
      assert(res instanceof ServerResponse);
      res.writeHead(201, { "x-a": req.url });
      res.write("hel");
      res.end("lo");
    },
  });
  const text = await exchange(t, port, LAST);
  assertMatch(text, /^HTTP\/1.1 201 [^]*x-a: \/\r\n[^]*hel(?:\r\n[^]*)?lo\r\n0\r\n\r\n$/i);
  assertEquals((await owner.outcome()).status, 201);
});

test("node: the client of a Node-style handler hears 100 (Continue) at once", async (t) => {
  const { port } = await serve(t, { node: (req, res) => void req.pipe(res) });
  const client = await raw(t, port);
  client.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n");
  await client.until("HTTP/1.1 100 Continue\r\n\r\n");
  client.write("hello");
  assertMatch(await client.end(), /hello/);
});

for (
  const [what, node] of [
    ["throws", () => {
      throw new Error("boo");
    }],
    ["rejects", () => Promise.reject(new Error("boo"))],
    ["throws after it has set headers", (_: IncomingMessage, res: ServerResponse) => {
      res.statusCode = 404;
      res.setHeader("x-secret", "a");
      throw new Error("boo");
    }],
  ] as const
) {
  test(`node: an empty 500 and one failure when the handler ${what}`, async (t) => {
    const { port, owner } = await serve(t, { node });
    const text = await exchange(t, port, LAST);
    assertMatch(text, /^HTTP\/1.1 500 [^]*content-length: 0\r\n/i);
    assert(!text.includes("x-secret"), text);
    assertEquals([owner.failures.map((e) => e.message), (await owner.outcome()).status], [["boo"], 500]);
  });
}

test("node: a handler that hands back what it was told of its client's end has not failed", async (t) => {
  const begun = later<void>(), told = later<unknown>();
  const { port, owner } = await serve(t, {
    async node(req) {
      begun.resolve();
      try {
        for await (const _ of req);
      } catch (error) {
        told.resolve(error);
        throw error;
      }
    },
  });
  const client = await raw(t, port);
  client.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhe");
  await begun.promise;
  client.socket.destroy();
  assert(await told.promise instanceof Error);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([owner.failures, (await owner.outcome()).cut], [[], "client"]);
});

test("node: a response that was begun is cut when the handler throws", async (t) => {
  const { port, owner } = await serve(t, {
    node(_, res) {
      res.write("half");
      throw new Error("boo");
    },
  });
  const text = await exchange(t, port, LAST);
  assert(!text.includes("\r\n0\r\n"), text);
  assertEquals([(await owner.outcome()).cut, owner.failures.length], ["handler", 1]);
});

test("node: writing after the end, and after the client has gone, ends nothing", async (t) => {
  const gone = later<ServerResponse>();
  const { port, owner } = await serve(t, {
    node(req, res) {
      if (req.url === "/hang") return void res.on("close", () => gone.resolve(res));
      res.end("x");
      res.write("y");
    },
  });
  await exchange(t, port, LAST);
  const client = await raw(t, port);
  client.write("GET /hang HTTP/1.1\r\nhost: a\r\n\r\n");
  while (owner.begun < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  client.socket.destroy();
  const res = await gone.promise;
  res.write("z");
  res.end("z");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(statuses(await exchange(t, port, LAST)), [200]);
  assertEquals(owner.outcomes.map(({ cut }) => cut), [undefined, "client", undefined]);
});

test("node: an upgrade without a handler for it is a request like any other", async (t) => {
  const { port } = await serve(t, { node: (_, res) => void res.end("plain") });
  assertMatch(await exchange(t, port, LAST.replace("close", "upgrade, close\r\nupgrade: foo")), /plain$/);
});

test("node: an upgrade is under way until its socket is closed", async (t) => {
  const { port, owner, listener } = await serve(t, {
    node: (_, res) => void res.end("plain"),
    upgrade(req, socket, head) {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: foo\r\n\r\n${req.url} ${head.length} `,
      );
      socket.on("data", (data: Uint8Array) => socket.write(data));
      socket.on("end", () => socket.end());
    },
  });
  const client = await raw(t, port);
  client.write("GET /u HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: foo\r\n\r\nhead");
  await client.until("/u 4 ");
  client.write("echo");
  await client.until("echo");
  assertEquals([listener.inFlight, owner.begun, owner.outcomes.length], [1, 1, 0]);
  client.socket.end();
  const { status, cut } = await owner.outcome();
  assertEquals([status, cut, listener.inFlight], [101, undefined, 0]);
});

test("node: an upgrade handler that throws loses its socket and nothing else", async (t) => {
  const { port, owner } = await serve(t, {
    node: (_, res) => void res.end("plain"),
    upgrade() {
      throw new Error("boo");
    },
  });
  assertEquals(await exchange(t, port, "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: foo\r\n\r\n"), "");
  assertEquals([owner.failures.length, (await owner.outcome()).cut], [1, "handler"]);
});

test("node: a refused upgrade is no upgrade", async (t) => {
  const { port, owner } = await serve(t, { node: () => {}, upgrade: () => {} });
  await exchange(t, port, "GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: foo\r\n\r\n");
  assertEquals(owner.begun, 0);
});
