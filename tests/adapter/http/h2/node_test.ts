/** Node-style handlers over HTTP/2. @module */
import { assertEquals, assertThrows } from "@std/assert";
import { IncomingMessage, ServerResponse } from "node:http";
import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test } from "../../../support/harness.ts";
import { later } from "../support.ts";
import { faultOf, rig, settled } from "./support.ts";

test("h2 node: request and response as node:http has them", async (t) => {
  const seen: unknown[] = [];
  const { ask } = await rig(t, {
    node(req, res) {
      seen.push(req instanceof IncomingMessage, res instanceof ServerResponse, req.method, req.url, req.httpVersion);
      seen.push(req.headers["x-a"], req.headers.host, req.headersDistinct["x-a"], req.rawHeaders.length);
      seen.push(
        req.socket.remoteAddress,
        "encrypted" in req.socket && req.socket.encrypted,
        req.complete,
        res.headersSent,
      );
      res.statusCode = 201;
      res.setHeader("X-One", 1);
      res.setHeader("Set-Cookie", ["a=1", "b=2"]);
      res.setHeader("Connection", "close");
      assertEquals([res.getHeader("x-one"), res.hasHeader("X-ONE"), res.getHeaderNames().length], ["1", true, 3]);
      res.removeHeader("x-nothing");
      res.end("hello");
      seen.push(res.headersSent, res.writableEnded, res.finished);
    },
  });
  const reply = await ask({ ":path": "/a?b", "x-a": "v" });
  assertEquals(seen, [
    ...[true, true, "GET", "/a?b", "2.0"],
    ...["v", "localhost", ["v"], 4],
    ...["127.0.0.1", true, true, false],
    ...[true, true, true],
  ]);
  assertEquals(reply.fields, ["x-one", "1", "set-cookie", "a=1", "set-cookie", "b=2", "content-length", "5"]);
  assertEquals([reply.status, reply.text, reply.dated], [201, "hello", true]);
});

test("h2 node: what a framework does to the prototypes takes nothing away", async (t) => {
  const request = Object.create(IncomingMessage.prototype, { query: { value: "of the framework" } });
  const response = Object.create(ServerResponse.prototype, {
    send: {
      value(this: ServerResponse, text: string) {
        this.setHeader("content-type", "text/plain");
        this.end(text);
      },
    },
  });
  const { ask } = await rig(t, {
    node(req, res) {
      Object.setPrototypeOf(req, request);
      Object.setPrototypeOf(res, response);
      let text = "";
      req.setEncoding("utf8").on("data", (chunk) => text += chunk).on("end", () => {
        const { query } = req as unknown as { query: string };
        (res as unknown as { send(text: string): void }).send(`${text} ${query} ${req.complete} ${res.headersSent}`);
      });
    },
  });
  const reply = await ask({ ":method": "POST" }, "body");
  assertEquals([reply.text, reply.fields[1]], ["body of the framework true false", "text/plain"]);
});

test("h2 node: writeHead in all its forms, and what it refuses", async (t) => {
  const forms: ((res: ServerResponse) => void)[] = [
    (res) => res.writeHead(202, { "x-a": "1", "x-b": ["2", "3"] }).end(),
    (res) => res.writeHead(202, "Message", { "x-a": "1", "x-b": ["2", "3"] }).end(),
    (res) => res.writeHead(202, ["x-a", "1", "x-b", "2", "x-b", "3"]).end(),
    (res) => {
      res.setHeader("x-a", "before");
      res.appendHeader("x-b", "2").appendHeader("x-b", "3");
      res.writeHead(202, { "X-A": "1" });
      assertThrows(() => res.setHeader("x-c", "late"), Error, "after they are sent");
      assertThrows(() => res.writeHead(200), Error, "after they are sent");
      res.end();
    },
    (res) => {
      assertThrows(() => res.setHeader("x a", "1"), TypeError);
      assertThrows(() => res.setHeader("x-a", "1\r\nx-c: 2"), TypeError);
      assertThrows(() => res.setHeader("x-a", "\u0100"), TypeError);
      assertThrows(() => res.setHeader("x-a", undefined as never), TypeError);
      assertThrows(() => res.writeHead(99), RangeError);
      res.setHeaders(new Headers([["x-a", "1"], ["x-b", "2, 3"]]));
      res.statusCode = 202;
      res.end();
    },
  ];
  let n = 0;
  const { ask, owner } = await rig(t, { node: (_, res) => forms[n]!(res) });
  for (n = 0; n < forms.length; n++) {
    const { status, fields } = await ask();
    assertEquals(status, 202);
    assertEquals(fields.join(" ").replace("x-b 2 x-b 3", "x-b 2, 3"), "x-a 1 x-b 2, 3 content-length 0", `form ${n}`);
  }
  assertEquals(owner.failures, []);
});

test("h2 node: events come once and in order", async (t) => {
  const { promise, resolve } = later<string[]>();
  const { ask } = await rig(t, {
    node(req, res) {
      const events: string[] = [];
      const note = (event: string) => (): void => void events.push(event);
      req.on("end", note("req end")).on("close", note("req close")).on("aborted", note("aborted"));
      res.on("prefinish", note("prefinish")).on("finish", note("finish"));
      res.on("close", () => {
        events.push(`close ${res.writableFinished} ${res.destroyed}`);
        setTimeout(() => resolve(events), 0);
      });
      res.on("error", note("error"));
      req.resume().on("end", () => {
        res.write("a", note("written"));
        res.end("b", note("ended"));
      });
    },
  });
  assertEquals((await ask({ ":method": "POST" }, "body")).text, "ab");
  const events = await promise;
  assertEquals(events.toSorted(), [
    ...["close true true", "ended", "finish", "prefinish", "req close", "req end", "written"],
  ]);
  assertEquals(events.filter((event) => /finish|^close/.test(event)), ["prefinish", "finish", "close true true"]);
});

test("h2 node: HEAD, 204 and 304 have no content, whatever is written", async (t) => {
  const { ask } = await rig(t, {
    node(req, res) {
      if (req.url !== "/") res.statusCode = Number(req.url!.slice(1));
      else res.setHeader("content-length", "8");
      res.write("one ");
      res.end("more");
    },
  });
  const head = await ask({ ":method": "HEAD" });
  assertEquals([head.status, head.fields, head.bytes, faultOf(head)], [200, ["content-length", "8"], 0, "none"]);
  for (const status of [204, 304]) {
    const reply = await ask({ ":path": `/${status}` });
    assertEquals([reply.status, reply.fields, reply.bytes, faultOf(reply)], [status, [], 0, "none"]);
  }
});

test("h2 node: trailers both ways", async (t) => {
  const { ask } = await rig(t, {
    node(req, res) {
      req.resume().on("end", () => {
        res.write("x");
        res.addTrailers({ "X-Sum": `${req.trailers["x-in"]} ${req.rawTrailers.length}` });
        res.end();
      });
    },
  });
  const reply = await ask({ ":method": "POST" }, "body", ["x-in", "given"]);
  assertEquals([reply.text, reply.trailers], ["x", ["x-sum", "given 2"]]);
});

test("h2 node: informational responses, and 100 when the body is first read", async (t) => {
  const { ask, open } = await rig(t, {
    node(req, res) {
      if (req.method === "GET") {
        res.writeEarlyHints({ link: "</style.css>; rel=preload" });
        res.writeProcessing();
        return void res.end("hinted");
      }
      setTimeout(() => req.pipe(res), 0);
    },
  });
  const hinted = await ask();
  assertEquals(hinted.informational, [":status 103 link </style.css>; rel=preload", ":status 102"]);
  assertEquals([hinted.status, hinted.text], [200, "hinted"]);
  const stream = open({ ":method": "POST", expect: "100-continue" });
  await settled();
  assertEquals(stream.reply.informational, []);
  await stream.until(() => stream.reply.informational.length > 0);
  stream.channel.write(new TextEncoder().encode("body"));
  stream.channel.end();
  assertEquals((await stream.done).text, "body");
});

test("h2 node: writes wait for the client, drain says when, pipes go both ways", async (t) => {
  const size = 400_000;
  const { promise, resolve } = later<unknown[]>();
  const { open, ask } = await rig(t, {
    async node(req, res) {
      if (req.method === "POST") return await pipeline(req, res);
      const taken: number[] = [];
      const first = res.write(new Uint8Array(size), () => void taken.push(1));
      const second = res.write(new Uint8Array(size), () => void taken.push(2));
      const noted = [first, second, res.writableNeedDrain, res.writableLength, taken.length];
      await new Promise<void>((drained) => res.once("drain", drained));
      await settled();
      res.end("the end");
      resolve([...noted, ...taken, res.writableLength]);
    },
  });
  const stream = open({}, { body: "none" });
  const reply = await stream.done;
  assertEquals([reply.bytes, reply.text.endsWith("the end"), faultOf(reply)], [2 * size + 7, true, "none"]);
  assertEquals(await promise, [false, false, true, 2 * size, 0, 1, 2, 0]);
  const body = new Uint8Array(1_000_000).map((_, i) => i);
  assertEquals((await ask({ ":method": "POST" }, body)).bytes, body.length);
  assertEquals((await ask({ ":method": "POST" }, "short")).text, "short");
});

test("h2 node: end behind writes that wait", async (t) => {
  const { open } = await rig(t, {
    node(_, res) {
      for (let i = 0; i < 5; i++) res.write(new Uint8Array(100_000));
      res.addTrailers({ "x-t": "1" });
      res.end(new Uint8Array(3));
    },
  });
  const reply = await open({}, { body: "none" }).done;
  assertEquals([reply.bytes, faultOf(reply), reply.trailers], [500_003, "none", ["x-t", "1"]]);
});

test("h2 node: a client that goes away", async (t) => {
  const events: string[] = [];
  const { promise: closed, resolve: close } = later<void>();
  const { promise: begun, resolve: begin } = later<void>();
  const { open, owner } = await rig(t, {
    node(req, res) {
      req.on("aborted", () => events.push("aborted")).on("error", (error) => events.push(`error ${error.message}`));
      req.on("close", () => events.push("req close"));
      req.socket.on("close", () => events.push("socket close"));
      res.on("finish", () => events.push("finish"));
      res.on("close", () => {
        events.push(`close ${res.destroyed} ${res.writableEnded} ${res.writableFinished}`);
        setTimeout(close, 0);
      });
      req.resume();
      begin();
    },
  });
  const stream = open({ ":method": "POST" });
  stream.channel.write(new Uint8Array(10));
  await begun;
  await settled();
  stream.channel.reset();
  await closed;
  assertEquals(events.toSorted(), [
    ...["aborted", "close true false false", "error aborted: the peer reset the stream with CANCEL"],
    ...["req close", "socket close"],
  ]);
  assertEquals(owner.outcomes.map(({ cut, status }) => [cut, status]), [["client", 0]]);
});

test("h2 node: nobody listens for the error of a client that goes away", async (t) => {
  const { open, owner } = await rig(t, { node: (req) => void req.resume() });
  const stream = open({ ":method": "POST" });
  await settled();
  stream.channel.reset();
  assertEquals((await owner.outcome()).cut, "client");
  await new Promise((resolve) => setTimeout(resolve, 0));
});

test("h2 node: a handler that hands back what it was told of its client's end has not failed", async (t) => {
  const told = later<unknown>();
  const { open, owner } = await rig(t, {
    async node(req) {
      try {
        for await (const _ of req);
      } catch (error) {
        told.resolve(error);
        throw error;
      }
    },
  });
  const stream = open({ ":method": "POST" });
  await settled();
  stream.channel.reset();
  assertEquals((await told.promise as NodeJS.ErrnoException).code, "ECONNRESET");
  await settled();
  assertEquals(owner.failures, []);
});

test("h2 node: a handler that throws, rejects or destroys", async (t) => {
  const { ask, owner } = await rig(t, {
    // deno-lint-ignore require-await -- that it rejects is what is tested
    async node(req, res) {
      switch (req.url) {
        case "/destroy":
          res.writeHead(200);
          res.write("part");
          return void res.destroy(new Error("no more"));
        case "/socket":
          return void req.socket.destroy();
        case "/request":
          return void req.destroy();
        case "/late":
          res.write("part");
          throw new Error("late");
        default:
          throw new Error("at once");
      }
    },
  });
  const thrown = await ask();
  assertEquals([thrown.status, thrown.text, faultOf(thrown)], [500, "", "none"]);
  const late = await ask({ ":path": "/late" });
  assertEquals([late.status, faultOf(late)], [200, "reset 2 peer"]);
  assertEquals(owner.failures.map(({ message }) => message), ["at once", "late"]);
  assertEquals(faultOf(await ask({ ":path": "/destroy" })), "reset 2 peer");
  assertEquals(faultOf(await ask({ ":path": "/socket" })), "reset 8 peer");
  assertEquals(faultOf(await ask({ ":path": "/request" })), "reset 8 peer");
  assertEquals(owner.outcomes.map(({ cut }) => cut), [undefined, "handler", "handler", "handler", "handler"]);
});

test("h2 node: after the end nothing more is sent, and nothing is uncaught", async (t) => {
  const { promise, resolve } = later<unknown[]>();
  const { ask } = await rig(t, {
    node(_, res) {
      res.end("all");
      const errors: unknown[] = [];
      res.write("more", (error) => errors.push((error as NodeJS.ErrnoException)?.code));
      res.end("again", () => {
        resolve(errors);
      });
    },
  });
  assertEquals((await ask()).text, "all");
  assertEquals(await promise, ["ERR_STREAM_WRITE_AFTER_END"]);
});

test("h2 node: streams of files and generators", async (t) => {
  const { ask } = await rig(t, {
    node: (_, res) => void pipeline(Readable.from(["a", "b", "c"].map((text) => Buffer.from(text))), res),
  });
  const reply = await ask();
  assertEquals([reply.text, faultOf(reply)], ["abc", "none"]);
});

test("h2 node: a timeout of the socket", async (t) => {
  const { ask } = await rig(t, {
    node: (_, res) => void res.setTimeout(1, () => res.writeHead(503).end()),
  });
  assertEquals((await ask()).status, 503);
});
