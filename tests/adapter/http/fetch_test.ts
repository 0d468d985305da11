/** Fetch-style handlers over HTTP/1.1. @module */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "../../support/harness.ts";
import { stalled } from "../../support/stalled.ts";
import { exchange, later, raw, serve, statuses } from "./support.ts";

const GET = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const LAST = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

test("fetch: method, absolute URL, headers and body of the request; status, headers and body of the response", async (t) => {
  const { port, owner } = await serve(t, {
    async fetch(request, info) {
      assert(request instanceof Request);
      const seen = [request.method, request.url, request.headers.get("x-a"), await request.text(), info.protocol];
      return new Response(seen.join(" "), { status: 201, statusText: "Made", headers: { "x-b": "c" } });
    },
  });
  const text = await exchange(
    t,
    port,
    "POST /p?q=1 HTTP/1.1\r\nHost: example.com:81\r\nX-A: b\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
  );
  assertMatch(text, /^HTTP\/1.1 201 Made\r\n/);
  assertMatch(text, /x-b: c\r\n/i);
  assertMatch(text, /content-length: \d+\r\n/i);
  assertMatch(text, /connection: close\r\n/i);
  assertMatch(text, /\r\n\r\nPOST http:\/\/example.com:81\/p\?q=1 b hello h1$/);
  const { status, cut } = await owner.outcome();
  assertEquals([status, cut, owner.begun, owner.failures.length], [201, undefined, 1, 0]);
});

test("fetch: a connection is kept for the next request, and pipelined ones are answered in order", async (t) => {
  const { port, owner, listener } = await serve(t, { fetch: (request) => new Response(new URL(request.url).pathname) });
  const client = await raw(t, port);
  client.write(GET.replace("/", "/1"));
  await client.until("/1");
  client.write(GET.replace("/", "/2") + GET.replace("/", "/3"));
  const text = await client.until("/3");
  assert(text.indexOf("/2") < text.indexOf("/3"));
  assertEquals(statuses(text), [200, 200, 200]);
  assertEquals(client.ended, false);
  assertEquals([listener.connections, owner.begun], [1, 3]);
  assert(listener.bytesIn >= 3 * GET.length);
  assert(listener.bytesOut >= text.length);
});

test("fetch: HEAD has the head and no body", async (t) => {
  const { port } = await serve(t, {
    fetch: (request) => new Response("hello", { headers: { "content-length": "5", "x-m": request.method } }),
  });
  const client = await raw(t, port);
  client.write("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
  const text = await client.until("\r\n\r\n");
  assertMatch(text, /content-length: 5/i);
  client.write(LAST);
  assertMatch((await client.end()).slice(text.length), /^HTTP\/1.1 200 [^]*\r\n\r\nhello$/);
});

for (const status of [204, 304]) {
  test(`fetch: ${status} has no body and no length`, async (t) => {
    const { port } = await serve(t, { fetch: () => new Response(null, { status }) });
    const text = await exchange(t, port, LAST);
    assertMatch(text, new RegExp(`^HTTP/1.1 ${status} [^]*\\r\\n\\r\\n$`));
    assert(!/content-length|transfer-encoding/i.test(text), text);
  });
}

test("fetch: an empty response says that it is", async (t) => {
  const { port } = await serve(t, { fetch: () => new Response() });
  assertMatch(await exchange(t, port, LAST), /content-length: 0\r\n[^]*\r\n\r\n$/i);
});

test("fetch: Set-Cookie several times", async (t) => {
  const { port } = await serve(t, {
    fetch: () => new Response("", { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] }),
  });
  const text = await exchange(t, port, LAST);
  assertMatch(text, /set-cookie: a=1\r\n/i);
  assertMatch(text, /set-cookie: b=2\r\n/i);
});

test("fetch: what belongs to the connection is not the handler's to say", async (t) => {
  const { port } = await serve(t, {
    fetch: () =>
      new Response("x", { headers: { "transfer-encoding": "gzip", "keep-alive": "timeout=9", "upgrade": "h2" } }),
  });
  const text = await exchange(t, port, LAST);
  assert(!/gzip|timeout=9|upgrade/i.test(text), text);
});

test("fetch: events are sent when they happen, and so is a head without them", async (t) => {
  const go = later<void>();
  const { port } = await serve(t, {
    fetch: () =>
      new Response(
        new ReadableStream({
          async start(controller) {
            await go.promise;
            controller.enqueue(new TextEncoder().encode("data: 1\n\n"));
          },
        }),
        { headers: { "content-type": "text/event-stream" } },
      ),
  });
  const client = await raw(t, port);
  client.write(GET);
  await client.until("\r\n\r\n");
  go.resolve();
  await client.until("data: 1\n\n");
});

test("fetch: a body is sent as fast as the client reads, and no faster", async (t) => {
  let made = 0;
  const begun = later<void>();
  const total = 64 * 1024 * 1024, chunk = new Uint8Array(65_536);
  const { port } = await serve(t, {
    fetch: () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            made += chunk.length;
            begun.resolve();
            controller.enqueue(chunk);
            if (made === total) controller.close();
          },
        }),
      ),
  });
  const client = await raw(t, port);
  client.socket.pause();
  client.write(LAST);
  await begun.promise;
  await stalled(() => made, 200);
  assert(made < total / 2, `${made} bytes were made for a client that does not read`);
  let got = 0;
  client.socket.removeAllListeners("data");
  client.socket.on("data", (bytes) => got += bytes.length);
  client.socket.resume();
  await client.end();
  assert(got > total, `${got} bytes came`);
});

for (const how of ["plain", "tls"] as const) {
  test(`fetch: a request's body is read as fast as the handler reads, and no faster (${how})`, async (t) => {
    const total = 64 * 1024 * 1024;
    const go = later<void>(), begun = later<void>();
    const { certs } = await import("./support.ts");
    const { port, listener } = await serve(t, {
      async fetch(request) {
        const reader = request.body!.getReader();
        let read = (await reader.read()).value!.length;
        begun.resolve();
        await go.promise;
        for (let next = await reader.read(); !next.done; next = await reader.read()) read += next.value.length;
        return new Response(String(read));
      },
    }, how === "tls" ? { tls: certs.server } : {});
    // Another process: on Deno a paused TLS client reads all the same, and its server shares the event loop here.
    const client = await raw(t, port, how);
    client.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${total}\r\nconnection: close\r\n\r\n`);
    const block = new Uint8Array(1 << 20);
    for (let i = 0; i < 64; i++) client.write(block);
    await begun.promise;
    const before = await stalled(() => listener.bytesIn, 200);
    assert(before < total / 2, `${before} bytes were read for a handler that does not`);
    go.resolve();
    assertMatch(await client.end(), new RegExp(`\\r\\n\\r\\n${total}$`));
  });
}

test("fetch: the signal aborts and the body fails when the client goes away", async (t) => {
  const aborted = later<unknown>(), failed = later<unknown>();
  const { port, owner } = await serve(t, {
    async fetch(request) {
      request.signal.addEventListener("abort", () => aborted.resolve(request.signal.reason));
      await request.text().catch(failed.resolve);
      return new Response();
    },
  });
  const client = await raw(t, port);
  client.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhe");
  while (owner.begun === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  client.socket.destroy();
  assertMatch(String(await aborted.promise), /AbortError/);
  assertMatch(String(await failed.promise), /AbortError/);
  assertEquals((await owner.outcome()).cut, "client");
  assertEquals(owner.failures.length, 0);
});

test("fetch: the signal does not abort when all went well, and the request is over once", async (t) => {
  let signal: AbortSignal | undefined;
  const { port, owner, listener } = await serve(t, {
    fetch(request) {
      signal = request.signal;
      return new Response("x");
    },
  });
  await exchange(t, port, LAST);
  await owner.outcome();
  assertEquals([signal?.aborted, owner.outcomes.length, listener.inFlight], [false, 1, 0]);
});

test("fetch: the body of a response is cancelled when the client goes away", async (t) => {
  const cancelled = later<unknown>();
  const { port, owner } = await serve(t, {
    fetch: () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(1000)),
          cancel: cancelled.resolve,
        }),
      ),
  });
  const client = await raw(t, port);
  client.write(GET);
  await client.until("\r\n\r\n");
  client.socket.destroy();
  await cancelled.promise;
  assertEquals((await owner.outcome()).cut, "client");
});

for (
  const [what, fetch] of [
    ["throws", () => {
      throw new Error("boo");
    }],
    ["rejects", () => Promise.reject(new Error("boo"))],
    ["throws no error", () => {
      throw "boo";
    }],
    ["answers something else", () => ({}) as Response],
    ["answers with a body that was read", async () => {
      const response = new Response("x");
      await response.text();
      return response;
    }],
    ["answers with an error", () => Response.error()],
    ["answers with a body that fails at once", () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.error(new Error("boo"));
          },
        }),
      )],
  ] as const
) {
  test(`fetch: an empty 500 and one failure when the handler ${what}`, async (t) => {
    const { port, owner } = await serve(t, { fetch });
    const client = await raw(t, port);
    client.write(GET);
    const text = await client.until("\r\n\r\n");
    assertMatch(text, /^HTTP\/1.1 500 [^]*content-length: 0\r\n/i);
    assertEquals([owner.failures.length, (await owner.outcome()).status], [1, 500]);
    client.write(LAST);
    assertEquals(statuses(await client.end()), [500, 500]);
  });
}

test("fetch: a response whose stream fails is cut, and cannot be taken for a whole one", async (t) => {
  const { port, owner } = await serve(t, {
    fetch: () =>
      new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(new Uint8Array(10));
            await new Promise((resolve) => setTimeout(resolve, 50));
            controller.error(new Error("boo"));
          },
        }),
      ),
  });
  const text = await exchange(t, port, GET);
  assertMatch(text, /transfer-encoding: chunked/i);
  assert(!text.includes("\r\n0\r\n"), text);
  assertEquals([(await owner.outcome()).cut, owner.failures.map((e) => e.message)], ["handler", ["boo"]]);
});

for (const length of ["3", "9"]) {
  test(`fetch: a body of 5 bytes that says it has ${length} is no response`, async (t) => {
    const { port, owner } = await serve(t, {
      fetch: () => new Response("hello", { headers: { "content-length": length } }),
    });
    const text = await exchange(t, port, LAST);
    assertEquals(statuses(text), [500]);
    assertMatch(owner.failures[0]!.message, /content-length/);
  });
}

test("fetch: 100 (Continue) comes when the body is read, and not without", async (t) => {
  const go = later<void>();
  const { port } = await serve(t, {
    async fetch(request) {
      if (request.url.endsWith("/no")) return new Response("", { status: 401 });
      await go.promise;
      return new Response(await request.text());
    },
  });
  const expects = (path: string): string =>
    `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n`;
  const client = await raw(t, port);
  client.write(expects("/yes"));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(client.text, "");
  go.resolve();
  await client.until("HTTP/1.1 100 Continue\r\n\r\n");
  client.write("hello");
  await client.until(/200 [^]*\r\n\r\nhello/);
  assertEquals(statuses(await exchange(t, port, expects("/no"))), [401]);
});

test("fetch: an answer before the body was read, and the next request", async (t) => {
  const { port } = await serve(t, { fetch: (request) => new Response(request.method) });
  const client = await raw(t, port);
  client.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello${LAST}`);
  assertEquals(statuses(await client.end()), [200, 200]);
});

test("fetch: an answer before a large body was read: the body is thrown away, and the next request is answered", async (t) => {
  const { port } = await serve(t, { fetch: (request) => new Response(request.method) });
  const client = await raw(t, port);
  client.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10000000\r\n\r\n");
  await client.until("POST");
  client.write(new Uint8Array(10_000_000));
  client.write(LAST);
  assertEquals(statuses(await client.end()), [200, 200]);
});

test("fetch: without a handler there is an empty 500, and with a new one the next request has it", async (t) => {
  let there = false;
  const { port, owner } = await serve(t, () => there ? { fetch: () => new Response("x") } : undefined);
  const client = await raw(t, port);
  client.write(GET);
  assertMatch(await client.until("\r\n\r\n"), /^HTTP\/1.1 500 [^]*content-length: 0/i);
  there = true;
  client.write(LAST);
  assertEquals(statuses(await client.end()), [500, 200]);
  assertEquals(owner.failures.length, 0);
});

test("fetch: absolute targets, an asterisk, no host, and what fetch has no words for", async (t) => {
  const { port } = await serve(t, { fetch: (request) => new Response(`<${request.url}>`) });
  const ask = async (head: string): Promise<string> => {
    const text = await exchange(t, port, `${head}connection: close\r\n\r\n`);
    return /<(.*)>/.exec(text)?.[1] ?? String(statuses(text)[0]);
  };
  assertEquals(await ask("GET http://b/c HTTP/1.1\r\nhost: a\r\n"), "http://b/c");
  assertEquals(await ask("OPTIONS * HTTP/1.1\r\nhost: a\r\n"), "http://a/");
  assertEquals(await ask("GET /x HTTP/1.0\r\n"), "http://127.0.0.1/x");
  assertEquals(await ask("GET //b/c HTTP/1.1\r\nhost: a\r\n"), "http://a//b/c");
  assertEquals(await ask("TRACE / HTTP/1.1\r\nhost: a\r\n"), "501");
  assertEquals(await ask("CONNECT a:1 HTTP/1.1\r\nhost: a\r\n"), "501");
});
