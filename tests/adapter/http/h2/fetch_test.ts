/** Fetch-style handlers over HTTP/2. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { HttpRequestInfo } from "../../../../src/adapter/http/contract.ts";
import { fakeClock } from "../../../support/clock.ts";
import { test } from "../../../support/harness.ts";
import { later } from "../support.ts";
import { faultOf, rig, settled } from "./support.ts";

test("h2 fetch: a request as the fetch standard's Request, and what is known of it", async (t) => {
  let request: Request | undefined;
  let info: HttpRequestInfo | undefined;
  const { ask } = await rig(t, {
    fetch(given, about) {
      request = given;
      info = about;
      return new Response("hello");
    },
  });
  const reply = await ask({ ":path": "/a/b?c=d", ":authority": "example.com:8443", "x-a": "1" });
  assertEquals([reply.status, reply.text, faultOf(reply)], [200, "hello", "none"]);
  assert(reply.dated);
  assert(request instanceof Request);
  assertEquals([request.method, request.url], ["GET", "https://example.com:8443/a/b?c=d"]);
  assertEquals([...request.headers], [["host", "example.com:8443"], ["x-a", "1"]]);
  assertEquals(request.body, null);
  assertEquals([info?.protocol, info?.tls?.alpn, info?.remoteAddr.hostname], ["h2", "h2", "127.0.0.1"]);
});

test("h2 fetch: crumbs of cookies are one field (RFC 9113 section 8.2.3)", async (t) => {
  const engine = await rig(t, { fetch: (request) => new Response(request.headers.get("cookie")) });
  const fields = [":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a"];
  const { promise, resolve } = later<string>();
  let text = "";
  engine.client.open(
    [...fields, "cookie", "a=b", "x", "y", "cookie", "c=d", "cookie", "e=f"],
    {
      headers() {},
      data: (chunk) => void (text += new TextDecoder().decode(chunk)),
      end() {},
      accepted() {},
      close: () => resolve(text),
    },
    "none",
  );
  assertEquals(await promise, "a=b; c=d; e=f");
});

test("h2 fetch: status and fields of the response, repeated ones apart, those of HTTP/1.1 connections left out", async (t) => {
  const { ask } = await rig(t, {
    fetch() {
      const headers = new Headers({
        "x-a": "1",
        "connection": "close",
        "keep-alive": "timeout=5",
        "content-type": "a/b",
      });
      headers.append("set-cookie", "a=1; Path=/");
      headers.append("set-cookie", "b=2");
      return new Response("x", { status: 418, headers });
    },
  });
  const reply = await ask();
  assertEquals(reply.status, 418);
  const pairs = [];
  for (let i = 0; i < reply.fields.length; i += 2) pairs.push(`${reply.fields[i]}: ${reply.fields[i + 1]}`);
  assertEquals(pairs.sort(), [
    "content-length: 1",
    "content-type: a/b",
    "set-cookie: a=1; Path=/",
    "set-cookie: b=2",
    "x-a: 1",
  ]);
});

test("h2 fetch: HEAD, 204 and 304 have no content, and what was given as content is cancelled", async (t) => {
  let cancelled = 0;
  const { ask } = await rig(t, {
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname !== "/") return new Response(null, { status: Number(pathname.slice(1)) });
      return new Response(new ReadableStream({ cancel: () => void cancelled++ }), {
        headers: { "content-length": "7" },
      });
    },
  });
  const head = await ask({ ":method": "HEAD" });
  assertEquals([head.status, head.fields.join(" "), head.bytes], [200, "content-length 7", 0]);
  assertEquals(cancelled, 1);
  for (const status of [204, 304]) {
    const reply = await ask({ ":path": `/${status}` });
    assertEquals([reply.status, reply.fields, reply.bytes], [status, [], 0]);
  }
  const empty = await ask({ ":path": "/200" });
  assertEquals([empty.status, empty.fields, faultOf(empty)], [200, ["content-length", "0"], "none"]);
});

test("h2 fetch: what is wrong with a handler is an empty 500, told once", async (t) => {
  const answers: (() => unknown)[] = [
    () => {
      throw new Error("at once");
    },
    () => Promise.reject(new Error("later")),
    () => undefined,
    () => Promise.resolve({}),
    () => Response.error(),
    async () => {
      const response = new Response("used");
      await response.text();
      return response;
    },
    () => {
      throw "no error";
    },
  ];
  let n = 0;
  const { ask, owner, service } = await rig(t, { fetch: () => answers[n]!() as Response });
  for (n = 0; n < answers.length; n++) {
    const reply = await ask();
    assertEquals([reply.status, reply.text, faultOf(reply)], [500, "", "none"], `answer ${n}`);
    assertEquals(owner.failures.length, n + 1);
    assert(owner.failures[n] instanceof Error);
  }
  assertEquals(owner.outcomes.map(({ status, cut }) => `${status} ${cut}`), answers.map(() => "500 undefined"));
  assertEquals(service.inFlight, 0);
});

test("h2 fetch: a body that is not as long as its content-length is a failure, and never a malformed response", async (t) => {
  let cancelled = 0;
  const { ask, owner } = await rig(t, {
    fetch(request) {
      const [, kind, length] = new URL(request.url).pathname.split("/");
      const headers = { "content-length": length! };
      if (kind === "known") return new Response("hello", { headers });
      if (kind === "none") return new Response(null, { headers });
      let chunks = ["he", "llo", "!!!!!!"];
      return new Response(
        new ReadableStream({
          async pull(controller) {
            await settled();
            const chunk = chunks.shift();
            if (length !== "9") chunks = [];
            if (chunk === undefined) controller.close();
            else controller.enqueue(new TextEncoder().encode(chunk));
          },
          cancel: () => void cancelled++,
        }, { highWaterMark: 0 }),
        { headers },
      );
    },
  });
  for (const path of ["/known/3", "/known/9", "/none/1"]) {
    assertEquals((await ask({ ":path": path })).status, 500, path);
  }
  for (const path of ["/stream/9", "/stream/1"]) {
    const reply = await ask({ ":path": path });
    assert(reply.status === 500 || faultOf(reply) !== "none", path);
  }
  assertEquals(cancelled, 2);
  assertEquals(owner.failures.map(({ message }) => /content-length/.test(message)), Array(5).fill(true));
  const head = await ask({ ":method": "HEAD", ":path": "/none/7" });
  assertEquals([head.status, head.fields], [200, ["content-length", "7"]]);
  assertEquals((await ask({ ":path": "/known/5" })).text, "hello");
});

test("h2 fetch: a body that fails before its first byte is a 500, later a reset with INTERNAL_ERROR", async (t) => {
  const { ask, owner } = await rig(t, {
    fetch(request) {
      let pulls = request.url.endsWith("/late") ? 1 : 0;
      return new Response(
        new ReadableStream({
          async pull(controller) {
            if (pulls-- > 0) return controller.enqueue(new Uint8Array(10));
            await settled();
            throw new Error("the source is gone");
          },
        }, { highWaterMark: 0 }),
      );
    },
  });
  const late = await ask({ ":path": "/late" });
  assertEquals([late.status, late.bytes, faultOf(late)], [200, 10, "reset 2 peer"]);
  assertEquals(owner.failures.map(({ message }) => message), ["the source is gone"]);
  assertEquals(owner.outcomes.map(({ status, cut }) => [status, cut]), [[200, "handler"]]);
});

test("h2 fetch: a body of anything but bytes fails", async (t) => {
  const { ask, owner } = await rig(t, {
    fetch: () => new Response(new ReadableStream({ start: (controller) => controller.enqueue("text" as never) })),
  });
  assertEquals((await ask()).status, 500);
  assertEquals(owner.failures.length, 1);
});

test("h2 fetch: the head does not wait for a body that takes its time", async (t) => {
  const { promise, resolve } = later<void>();
  const { open } = await rig(t, {
    fetch: () =>
      new Response(
        new ReadableStream({
          async pull(controller) {
            await promise;
            controller.enqueue(new Uint8Array(3));
            controller.close();
          },
        }, { highWaterMark: 0 }),
        { headers: { "content-type": "text/event-stream" } },
      ),
  });
  const stream = open({}, { body: "none" });
  assertEquals((await stream.head).fields, ["content-type", "text/event-stream"]);
  resolve();
  assertEquals((await stream.done).bytes, 3);
});

test("h2 fetch: a response is pulled as its client reads", async (t) => {
  let pulls = 0;
  const { open } = await rig(t, {
    fetch: () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            if (++pulls > 100) controller.close();
            else controller.enqueue(new Uint8Array(10_000));
          },
        }, { highWaterMark: 0 }),
      ),
  }, { client: { window: 50_000 } });
  const stream = open({}, { body: "none", read: "keep" });
  await stream.until(() => stream.reply.bytes === 50_000);
  await settled();
  assert(pulls < 10, `${pulls} pulls for 5 chunks`);
  const rest = stream.until(() => {
    stream.channel.consume(0);
    return stream.reply.bytes === 1_000_000;
  });
  for (let given = 0; given < 1_000_000;) {
    const now = stream.reply.bytes - given;
    given += now;
    stream.channel.consume(now);
    await settled();
  }
  await rest;
  assertEquals(faultOf(await stream.done), "none");
});

test("h2 fetch: request bodies, whole and in pieces, for every way to read them", async (t) => {
  const { ask } = await rig(t, {
    async fetch(request) {
      switch (new URL(request.url).pathname) {
        case "/json":
          return Response.json(await request.json());
        case "/bytes":
          return new Response(String((await request.arrayBuffer()).byteLength));
        case "/form":
          return new Response((await request.formData()).get("b") as string);
        case "/clone":
          return new Response(await request.clone().text() + await new Request(request).text());
        case "/byob": {
          const reader = request.body!.getReader({ mode: "byob" });
          let text = "";
          for (;;) {
            const { done, value } = await reader.read(new Uint8Array(4));
            if (done) return new Response(`${text}|${value?.length}`);
            text += new TextDecoder().decode(value);
          }
        }
        default:
          return new Response(request.body);
      }
    },
  });
  const post = async (path: string, body: string | Uint8Array, type = "text/plain"): Promise<string> =>
    (await ask({ ":method": "POST", ":path": path, "content-type": type }, body)).text;
  assertEquals(await post("/json", '{"a":[1,2]}'), '{"a":[1,2]}');
  assertEquals(await post("/bytes", new Uint8Array(300_000)), "300000");
  assertEquals(await post("/form", "a=1&b=two", "application/x-www-form-urlencoded"), "two");
  assertEquals(await post("/clone", "twice"), "twicetwice");
  assertEquals(await post("/byob", "0123456789"), "0123456789|0");
  assertEquals(await post("/echo", "there and back"), "there and back");
  assertEquals(await post("/echo", ""), "");
});

test("h2 fetch: a client sends no more than is read, and more of it once somebody reads", async (t) => {
  const { promise, resolve } = later<void>();
  const { open } = await rig(t, {
    async fetch(request) {
      await promise;
      return new Response(String((await request.arrayBuffer()).byteLength));
    },
  }, { limits: { maxUploadBufferPerStream: 200_000 } });
  const stream = open({ ":method": "POST" });
  assertEquals(stream.channel.write(new Uint8Array(1_000_000)), false);
  await settled();
  assertEquals(stream.channel.sendWindow, 0);
  assertEquals(stream.channel.withdraw(), 1_000_000 - 65_535);
  resolve();
  await settled();
  // What was held has been read; of so little the window is told later.
  assertEquals(stream.channel.sendWindow, 200_000 - 65_535);
  stream.channel.end();
  assertEquals((await stream.done).text, "65535");
});

test("h2 fetch: a connection holds no more unread than its upload buffer, and what is read or gone makes room", async (t) => {
  const readers: ReadableStreamDefaultReader<Uint8Array>[] = [];
  const { open } = await rig(t, {
    async fetch(request) {
      const reader = request.body!.getReader();
      await reader.read();
      readers.push(reader);
      return await new Promise<Response>(() => {});
    },
  }, { limits: { maxUploadBufferPerConnection: 300_000, maxUploadBufferPerStream: 200_000 } });
  const streams = Array.from({ length: 3 }, () => open({ ":method": "POST" }));
  for (const { channel } of streams) channel.write(new Uint8Array(1));
  await settled();
  for (const { channel } of streams) channel.write(new Uint8Array(1_000_000));
  await settled();
  const sent = (): number => streams.reduce((all, { channel }) => all + channel.sendWindow, 0);
  assertEquals(sent(), 0);
  assertEquals(streams[2]!.channel.sendWindow, 0);
  const [first, second, third] = streams.map(({ channel }) => 1_000_000 - channel.withdraw());
  assert(first! + second! + third! <= 300_000, `${first} + ${second} + ${third}`);
  assert(first! + second! + third! > 290_000, `${first} + ${second} + ${third}`);
  // Reading makes room, and so does a request that is cut with all it holds.
  streams[0]!.channel.reset();
  await settled();
  assert(streams[2]!.channel.sendWindow > 0);
  streams[2]!.channel.write(new Uint8Array(50_000));
  await settled();
  let read = 0;
  while (read < third! - 1) read += (await readers[2]!.read()).value!.length;
  await settled();
  assert(streams[1]!.channel.sendWindow + streams[2]!.channel.sendWindow > 0);
});

test("h2 fetch: a response to a request that is not read ends its upload with NO_ERROR (RFC 9113 section 8.1)", async (t) => {
  const clock = fakeClock();
  const { open, owner } = await rig(t, { fetch: () => new Response("no, thanks") }, { clock });
  const stream = open({ ":method": "POST" });
  const quick = open({ ":method": "POST" });
  stream.channel.write(new Uint8Array(1_000_000));
  await stream.until(() => stream.reply.bytes === 10);
  await settled();
  // Not at once: curl 7.88 loses a response that RST_STREAM comes with.
  clock.advance(999);
  quick.channel.end();
  assertEquals(faultOf(await quick.done), "none");
  assertEquals([stream.channel.readEnded, stream.channel.writeEnded], [true, false]);
  clock.advance(1);
  const reply = await stream.done;
  assertEquals([reply.status, reply.text, faultOf(reply)], [200, "no, thanks", "reset 0 peer"]);
  assertEquals(owner.outcomes.map(({ status, cut }) => [status, cut]), [[200, undefined], [200, undefined]]);
});

test("h2 fetch: a body that has come can be read after the response, one that has not is an error", async (t) => {
  const clock = fakeClock();
  const requests: Request[] = [];
  const { ask, open } = await rig(t, {
    fetch(request) {
      requests.push(request);
      return new Response("at once");
    },
  }, { clock });
  assertEquals((await ask({ ":method": "POST" }, "whole")).text, "at once");
  assertEquals(await requests[0]!.text(), "whole");
  const half = open({ ":method": "POST" });
  half.channel.write(new TextEncoder().encode("half"));
  await half.until(() => half.reply.bytes === 7);
  const reader = requests[1]!.body!.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), "half");
  const next = assertRejects(() => reader.read());
  clock.advance(1_000);
  await next;
  await half.done;
});

test("h2 fetch: 100 is sent when the body is asked for, and not before", async (t) => {
  const { promise, resolve } = later<void>();
  const { open } = await rig(t, {
    async fetch(request) {
      if (request.url.endsWith("/refuse")) return new Response(null, { status: 413 });
      await promise;
      return new Response(await request.text());
    },
  });
  const stream = open({ ":method": "POST", expect: "100-continue" });
  await settled();
  assertEquals(stream.reply.informational, []);
  resolve();
  await stream.until(() => stream.reply.informational.length > 0);
  assertEquals(stream.reply.informational, [":status 100"]);
  stream.channel.write(new TextEncoder().encode("go on"));
  stream.channel.end();
  assertEquals((await stream.done).text, "go on");
  const refused = open({ ":method": "POST", ":path": "/refuse", expect: "100-continue" });
  const reply = await refused.head;
  refused.channel.end();
  await refused.done;
  assertEquals([reply.status, reply.informational, faultOf(reply)], [413, [], "none"]);
});

test("h2 fetch: a client that goes away aborts the signal, also of what was made of the request", async (t) => {
  const { promise: begun, resolve: begin } = later<Request>();
  const seen: string[] = [];
  const { promise: cancelled, resolve: cancel } = later<unknown>();
  const { open, owner } = await rig(t, {
    fetch(request) {
      const before = new Request(request, { method: "PUT" });
      before.signal.addEventListener("abort", () => seen.push("of the copy"));
      request.signal.addEventListener("abort", () => seen.push("of the request"));
      begin(request);
      return new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(1)), cancel }));
    },
  });
  const stream = open({}, { body: "none" });
  const request = await begun;
  const clone = request.clone();
  await stream.head;
  assertEquals(request.signal.aborted, false);
  stream.channel.reset();
  const reason = await cancelled;
  assertEquals([request.signal.aborted, clone.signal.aborted], [true, true]);
  assertEquals((request.signal.reason as Error).name, "AbortError");
  assertEquals(reason, request.signal.reason);
  assertEquals(seen.sort(), ["of the copy", "of the request"]);
  assertEquals(owner.outcomes.map(({ status, cut }) => [status, cut]), [[200, "client"]]);
});

test("h2 fetch: a handler that hands back what it was told of its client's end has not failed", async (t) => {
  const { promise: begun, resolve: begin } = later<void>();
  const { open, owner } = await rig(t, {
    async fetch(request) {
      begin();
      return new Response(await request.text());
    },
  });
  const stream = open({ ":method": "POST" });
  await begun;
  stream.channel.reset();
  assertEquals((await owner.outcome()).cut, "client");
  await settled();
  assertEquals(owner.failures, []);
});

test("h2 fetch: a signal that is asked for after the client has gone has aborted", async (t) => {
  const { promise: begun, resolve: begin } = later<Request>();
  const { open, owner } = await rig(t, {
    fetch(request) {
      begin(request);
      return new Promise<Response>(() => {});
    },
  });
  const stream = open({}, { body: "none" });
  const request = await begun;
  stream.channel.reset();
  assertEquals((await owner.outcome()).cut, "client");
  assertEquals([request.signal.aborted, new Request(request).signal.aborted], [true, true]);
});

test("h2 fetch: a body that is cut is an error for who reads it, never an end", async (t) => {
  const { promise, resolve } = later<() => Promise<string>>();
  const { open, owner } = await rig(t, {
    fetch(request) {
      const text = request.text();
      resolve(() => text);
      return text.then((all) => new Response(all));
    },
  });
  const stream = open({ ":method": "POST" });
  stream.channel.write(new TextEncoder().encode("half of it"));
  const text = await promise;
  stream.channel.reset();
  await assertRejects(text);
  assertEquals((await owner.outcome()).cut, "client");
});

test("h2 fetch: content that is not as long as its content-length is malformed (RFC 9113 section 8.1.1)", async (t) => {
  const errors: string[] = [];
  const { open, owner } = await rig(t, {
    async fetch(request) {
      const text = await request.text().catch((error) => {
        errors.push((error as Error).name);
        throw error;
      });
      return new Response(text);
    },
  });
  for (const [length, content] of [["5", "123456"], ["5", "1234"]] as const) {
    const stream = open({ ":method": "POST", "content-length": length });
    stream.channel.write(new TextEncoder().encode(content));
    stream.channel.end();
    assertEquals(faultOf(await stream.done), "reset 1 peer");
  }
  await settled();
  assertEquals(errors.length, 2);
  assertEquals(owner.outcomes.map(({ cut }) => cut), ["client", "client"]);
});
