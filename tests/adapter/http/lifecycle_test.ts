/** A listener from its port to its last connection, over HTTP/1.1. @module */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { Agent, request as ask } from "node:http";
import { ConnectError } from "../../../src/adapter/contract.ts";
import { httpAdapter } from "../../../src/adapter/http/listen.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { certs, exchange, later, raw, recorder, serve, service, statuses } from "./support.ts";

const GET = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const hello = { fetch: () => new Response("hello") };

test("listen: a busy port is EADDRINUSE, and a closed one is free", async (t) => {
  const { port, listener } = await serve(t, hello);
  const error = await assertRejects(() => httpAdapter.listen({ ...service(recorder(hello)), port }));
  assertEquals((error as { code?: string }).code, "EADDRINUSE");
  await listener.close();
  const second = await httpAdapter.listen({ ...service(recorder(hello)), port });
  await second.close();
});

test("listen: a broken identity opens nothing", async () => {
  const error = await assertRejects(() =>
    httpAdapter.listen({ ...service(recorder(hello)), tls: { cert: certs.server.cert, key: "no key" } })
  );
  assert(error instanceof ConnectError && error.kind === "tls", String(error));
});

test("listen: SO_REUSEPORT lets two share a port", async (t) => {
  const { port } = await serve(t, hello, { reusePort: true });
  const second = await serve(t, hello, { reusePort: true, port });
  assertEquals(second.port, port);
});

test("close: an idle connection ends at once, and all is over", async (t) => {
  const { listener, port } = await serve(t, hello);
  const fresh = await raw(t, port), kept = await raw(t, port);
  kept.write(GET);
  await kept.until("hello");
  while (listener.connections < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  const freed = listener.close();
  assertEquals(listener.close(), freed);
  await freed;
  await listener.closed;
  await Promise.all([fresh.end(), kept.end()]);
  assertEquals([fresh.error, kept.error, listener.connections], [undefined, undefined, 0]);
  await assertRejects(() => raw(t, port));
});

test("close: a request under way is answered with Connection: close, and nothing behind it", async (t) => {
  const go = later<void>();
  const { listener, port, owner } = await serve(t, {
    async fetch() {
      await go.promise;
      return new Response("hello");
    },
  });
  const client = await raw(t, port);
  client.write(GET);
  while (owner.begun === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await listener.close();
  assertEquals([listener.inFlight, listener.connections], [1, 1]);
  go.resolve();
  assertMatch(await client.end(), /connection: close\r\n[^]*hello$/i);
  await listener.closed;
  assertEquals(owner.outcomes.map(({ status, cut }) => [status, cut]), [[200, undefined]]);
});

test("close: pipelined requests that were read are all answered", async (t) => {
  const go = later<void>();
  const { listener, port, owner } = await serve(t, {
    async fetch() {
      await go.promise;
      return new Response("hello");
    },
  });
  const client = await raw(t, port);
  client.write(GET.repeat(3));
  while (owner.begun < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  await listener.close();
  go.resolve();
  const text = await client.end();
  assertEquals(statuses(text), [200, 200, 200]);
  assertEquals(text.match(/connection: close/gi)?.length, 1);
  await listener.closed;
});

test("close: a request of which only the beginning was read is answered", async (t) => {
  const { listener, port } = await serve(t, hello);
  const client = await raw(t, port);
  client.write(GET.slice(0, 20));
  while (listener.bytesIn < 20) await new Promise((resolve) => setTimeout(resolve, 5));
  await listener.close();
  client.write(GET.slice(20));
  assertMatch(await client.end(), /connection: close\r\n[^]*hello$/i);
  await listener.closed;
});

test("close: a response that was begun is finished, and its connection ends", async (t) => {
  const go = later<void>();
  const { listener, port } = await serve(t, {
    fetch: () =>
      new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(new Uint8Array([104, 101]));
            await go.promise;
            controller.enqueue(new Uint8Array([108, 108, 111]));
            controller.close();
          },
        }),
      ),
  });
  const client = await raw(t, port);
  client.write(GET);
  await client.until("he\r\n");
  await listener.close();
  go.resolve();
  assertMatch(await client.end(), /\r\n0\r\n\r\n$/);
  await listener.closed;
});

test("abort: cuts what is left, the signals abort, and it says how many requests that were", async (t) => {
  const aborted: unknown[] = [];
  const { listener, port, owner } = await serve(t, {
    fetch(request) {
      request.signal.addEventListener("abort", () => aborted.push(request.signal.reason));
      return new Promise(() => {});
    },
  });
  const clients = await Promise.all([raw(t, port), raw(t, port), raw(t, port)]);
  for (const client of clients.slice(0, 2)) client.write(GET);
  while (owner.begun < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  const closing = listener.close();
  assertEquals(listener.abort(), 2);
  assertMatch(aborted.map(String).join(), /^AbortError: The server was stopped,AbortError: The server was stopped$/);
  await closing;
  await listener.closed;
  assertEquals(await Promise.all(clients.map((client) => client.end())), ["", "", ""]);
  assertEquals([listener.inFlight, owner.outcomes.map(({ cut }) => cut)], [0, ["abort", "abort"]]);
});

test("abort: an upgraded connection is a request under way", async (t) => {
  const { listener, port, owner } = await serve(t, {
    node: () => {},
    upgrade: (_, socket) => void socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
  });
  const client = await raw(t, port);
  client.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: foo\r\n\r\n");
  await client.until("101");
  await listener.close();
  assertEquals(client.ended, false);
  assertEquals(listener.abort(), 1);
  await listener.closed;
  await client.end();
  assertEquals(owner.outcomes.map(({ status, cut }) => [status, cut]), [[101, "abort"]]);
});

test("replace: new connections are the new service's, what is under way stays the old one's", async (t) => {
  const go = later<void>();
  const { listener, port, owner } = await serve(t, {
    async fetch() {
      await go.promise;
      return new Response("old");
    },
  });
  const busy = await raw(t, port), idle = await raw(t, port);
  busy.write(GET);
  while (owner.begun === 0 || listener.connections < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  const next = recorder({ fetch: () => new Response("new") });
  await listener.replace(service(next));
  assertMatch(await exchange(t, port, GET.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n")), /new$/);
  // A client may be sending a request that it cannot repeat at this very moment: it is answered, by whoever is there now.
  idle.write(GET);
  assertMatch(await idle.end(), /connection: close\r\n[^]*new$/i);
  go.resolve();
  assertMatch(await busy.end(), /connection: close\r\n[^]*old$/i);
  assertEquals([owner.outcomes.length, next.outcomes.length], [1, 2]);
});

test("replace: from plain to TLS and back, on a port that stays open; an idle connection of the old kind ends", async (t) => {
  const { listener, port } = await serve(t, hello);
  const plain = await raw(t, port);
  while (listener.connections === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await listener.replace({ ...service(recorder(hello)), tls: certs.server });
  assertEquals(await plain.end(), "");
  const secure = await raw(t, port, "tls");
  secure.write(GET);
  await secure.until("hello");
  await listener.replace(service(recorder(hello)));
  await secure.end();
  const again = await raw(t, port);
  again.write(GET);
  await again.until("hello");
});

test("replace: a broken certificate is refused, and the old service stays", async (t) => {
  const { listener, port } = await serve(t, hello);
  const error = await assertRejects(() =>
    listener.replace({ ...service(recorder(hello)), tls: { cert: "no", key: "no" } })
  );
  assert(error instanceof ConnectError && error.kind === "tls", String(error));
  const client = await raw(t, port);
  client.write(GET);
  await client.until("hello");
});

test("renew: new handshakes have the new certificate, and open connections go on; a broken pair changes nothing", async (t) => {
  const { listener, port } = await serve(t, hello, { tls: certs.server });
  const serial = async (): Promise<string> => {
    const client = await raw(t, port, "tls");
    return (client.socket as unknown as { getPeerCertificate(): { serialNumber: string } }).getPeerCertificate()
      .serialNumber;
  };
  const before = await serial();
  const open = await raw(t, port, "tls");
  open.write(GET);
  await open.until("hello");
  listener.renew(certs.renewed);
  assert(await serial() !== before, "the certificate is the same");
  assertThrows(() => listener.renew({ cert: certs.server.cert, key: certs.renewed.key }));
  assert(await serial() !== before, "the certificate of before is back");
  open.write(GET);
  await open.until(/hello[^]*hello/);
});

/** Keep-alive clients that ask one request after the other, and repeat one only where a client may: without a byte of an answer. */
function load(
  t: TestContext,
  port: number,
  method: "GET" | "POST",
): { readonly good: number; stop(): Promise<{ good: number; bad: string[] }> } {
  const agent = new Agent({ keepAlive: true });
  t.cleanup(() => agent.destroy());
  let stopping = false, good = 0;
  const bad: string[] = [];
  const once = (): Promise<string> =>
    new Promise((resolve) => {
      const req = ask({ port, host: "127.0.0.1", agent, method }, (res) => {
        let text = "";
        res.on("data", (chunk) => text += chunk);
        res.on("end", () => resolve(text === "hello" && res.statusCode === 200 ? "" : `${res.statusCode} ${text}`));
        res.on("error", (error) => resolve(`in the middle: ${error}`));
      });
      req.on("error", (error: Error & { code?: string }) => resolve(`${error.code} ${req.reusedSocket}`));
      req.end(method === "POST" ? "body" : undefined);
    });
  const client = async (): Promise<void> => {
    while (!stopping) {
      let result = await once();
      // RFC 9110 section 9.2.2: what is idempotent may be sent again when the connection ended without an answer.
      while (method === "GET" && /^ECONNRESET true/.test(result)) result = await once();
      if (result === "") good++;
      else bad.push(result);
    }
  };
  const all = Promise.all(Array.from({ length: 8 }, client));
  return {
    get good() {
      return good;
    },
    async stop() {
      stopping = true;
      await all;
      return { good, bad };
    },
  };
}

for (const method of ["GET", "POST"] as const) {
  test(`replace: 30 times under load, and no ${method} is lost`, async (t) => {
    const answer = {
      async fetch(request: Request) {
        await request.text();
        return new Response("hello");
      },
    };
    const { listener, port } = await serve(t, answer);
    const clients = load(t, port, method);
    for (let i = 0; i < 30; i++) {
      const enough = clients.good + 5;
      while (clients.good < enough) await new Promise((resolve) => setTimeout(resolve, 1));
      await listener.replace(service(recorder(answer)));
    }
    assertEquals((await clients.stop()).bad, []);
  });
}

test("close: under load no request that was begun is lost, and its client never sees half a response", async (t) => {
  for (let i = 0; i < 5; i++) {
    const { listener, port, owner } = await serve(t, hello);
    const clients = load(t, port, "POST");
    while (clients.good < 50) await new Promise((resolve) => setTimeout(resolve, 1));
    await listener.close();
    await listener.closed;
    const { good, bad } = await clients.stop();
    // Those whose connection was never accepted, or ended before their request was read.
    assertEquals(bad.filter((one) => !/^(ECONNREFUSED|ECONNRESET|EPIPE)/.test(one)), []);
    assertEquals([owner.begun, owner.outcomes.every(({ cut }) => cut === undefined)], [good, true]);
  }
});
