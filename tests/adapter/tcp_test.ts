import { assert, assertEquals, assertRejects } from "@std/assert";
import { dialTcp, listenTcp, type TcpConnection, type TcpListener } from "../../src/adapter/tcp.ts";
import { test, type TestContext } from "../support/harness.ts";
import { stalled } from "../support/stalled.ts";
import { currentRuntime } from "../support/runtime.ts";

/** A port, and both ends of each connection made to it. */
async function port(
  t: TestContext,
): Promise<{ listener: TcpListener; pair(): Promise<[TcpConnection, TcpConnection]> }> {
  const accepted: TcpConnection[] = [];
  let arrived: (() => void) | undefined;
  const all: TcpConnection[] = [];
  const listener = await listenTcp({
    hostname: "127.0.0.1",
    port: 0,
    accept(connection) {
      accepted.push(connection);
      all.push(connection);
      arrived?.();
    },
    failed: (error) => {
      throw error;
    },
  });
  t.cleanup(async () => {
    for (const connection of all) connection.abort();
    await listener.close();
  });
  return {
    listener,
    async pair() {
      const client = await dialTcp({ hostname: "127.0.0.1", port: listener.addr.port, timeout: 5_000 });
      all.push(client);
      while (accepted.length === 0) await new Promise<void>((resolve) => arrived = resolve);
      return [client, accepted.shift()!];
    },
  };
}

async function readAll(connection: TcpConnection): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let chunk = await connection.read(); chunk !== null; chunk = await connection.read()) {
    chunks.push(chunk);
    size += chunk.length;
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

test("tcp: after a FIN of one side the other goes on writing, and both close in order", async (t) => {
  const [client, server] = await (await port(t)).pair();
  await client.write(bytes("question"));
  client.closeWrite();
  assertEquals(text(await readAll(server)), "question");
  assertEquals(await server.read(), null);
  await server.write(bytes("answer"));
  server.closeWrite();
  assertEquals(text(await readAll(client)), "answer");
  assertEquals(await client.closed, undefined);
  assertEquals(await server.closed, undefined);
});

test("tcp: a reset rejects the pending read of the other side, never an end", async (t) => {
  const [client, server] = await (await port(t)).pair();
  const reading = server.read();
  client.abort();
  const error = await assertRejects(() => reading, Error);
  assertEquals((error as { code?: string }).code, "ECONNRESET");
  assert(await server.closed instanceof Error);
  await assertRejects(() => server.read(), Error);
  await assertRejects(() => server.write(bytes("x")), Error);
});

test("tcp: a reset after bytes is a reset too, and the own side of it as well", async (t) => {
  const [client, server] = await (await port(t)).pair();
  await client.write(bytes("x"));
  assertEquals(text((await server.read())!), "x");
  const mine = client.read();
  client.abort();
  await assertRejects(() => mine, Error);
  await assertRejects(() => server.read(), Error);
});

for (const half of ["open", "half-closed"] as const) {
  test(`tcp: a reset that finds bytes unread is a reset, not an end after them (the reader ${half})`, async (t) => {
    const [client, server] = await (await port(t)).pair();
    if (half === "half-closed") {
      server.closeWrite();
      assertEquals(await client.read(), null);
    }
    // More than the system holds: the last of it is lost with the reset.
    let sent = 0;
    const sending = (async () => {
      for (const chunk = new Uint8Array(65_536);; sent += chunk.length) await client.write(chunk);
    })();
    sending.catch(() => {});
    await stalled(() => sent);
    client.abort();
    await assertRejects(() => sending, Error);
    await client.closed;
    await assertRejects(async () => {
      while (await server.read() !== null);
    }, Error);
  });
}

test("tcp: a FIN that meets a waiting write does not stop it; on Deno it resets the connection, but never looks complete", async (t) => {
  const [client, server] = await (await port(t)).pair();
  const size = 32 * 1024 * 1024;
  let sent = 0;
  const sending = (async () => {
    for (const chunk = new Uint8Array(65_536); sent < size; sent += chunk.length) await client.write(chunk);
    client.closeWrite();
  })();
  sending.catch(() => {});
  const ended = client.read();
  ended.catch(() => {});
  await stalled(() => sent);
  server.closeWrite();
  // The FIN meets the write on the other side, and moves nothing that could be seen.
  await stalled(() => sent);
  if (currentRuntime() === "deno") {
    await assertRejects(() => readAll(server), Error);
    await assertRejects(() => sending, Error);
  } else {
    assertEquals((await readAll(server)).length, size);
    assertEquals(await ended, null);
    await sending;
  }
});

test("tcp: a reset after the peer's FIN fails what is written then", async (t) => {
  const [client, server] = await (await port(t)).pair();
  client.closeWrite();
  assertEquals(await server.read(), null);
  client.abort();
  // After a FIN Node and Deno hear of a reset only by writing; the first write may still be taken by the system.
  await assertRejects(async () => {
    for (;;) await server.write(bytes("late"));
  }, Error);
  assert(await server.closed instanceof Error);
});

test("tcp: a reset right after a FIN goes out, and the socket is gone", async (t) => {
  const [client, server] = await (await port(t)).pair();
  client.closeWrite();
  client.abort();
  assert(await client.closed instanceof Error);
  // What was first on the wire decides what the other side sees: an end or a reset, both are true.
  await server.read().catch(() => null);
});

test("tcp: writing waits for a peer that does not read, and nothing is lost or reordered", async (t) => {
  const [client, server] = await (await port(t)).pair();
  const chunk = new Uint8Array(64 * 1024);
  let written = 0;
  const sending = (async () => {
    for (let i = 0; i < 512; i++) {
      chunk.fill(i & 0xff);
      await client.write(chunk);
      written += chunk.length;
    }
    client.closeWrite();
  })();
  // The peer reads nothing: the writer must come to a stop well before everything is gone.
  await stalled(() => written);
  assert(written < 512 * chunk.length, `${written} bytes were taken without a reader`);
  const got = await readAll(server);
  await sending;
  assertEquals(got.length, 512 * chunk.length);
  for (let i = 0; i < 512; i++) assertEquals(got[i * chunk.length + 17], i & 0xff);
  server.closeWrite();
});

test("tcp: addresses are those of the ends", async (t) => {
  const { listener, pair } = await port(t);
  const [client, server] = await pair();
  assertEquals(client.remoteAddr, listener.addr);
  assertEquals(client.localAddr, server.remoteAddr);
  assertEquals(server.localAddr.hostname, "127.0.0.1");
});

test("tcp: an IPv4 peer of a dual-stack port is shown as IPv4", async (t) => {
  const peer = Promise.withResolvers<TcpConnection>();
  const listener = await listenTcp({ hostname: "", port: 0, accept: peer.resolve, failed: peer.reject });
  const client = await dialTcp({ hostname: "127.0.0.1", port: listener.addr.port, timeout: 5_000 });
  const server = await peer.promise;
  t.cleanup(() => {
    client.abort();
    server.abort();
    return listener.close();
  });
  assertEquals(server.remoteAddr.hostname, "127.0.0.1");
});

test("tcp: a taken port, a refused connection, a passed time and an abort are errors with their names", async (t) => {
  const { listener } = await port(t);
  const taken = listenTcp({ hostname: "127.0.0.1", port: listener.addr.port, accept() {}, failed() {} });
  assertEquals((await assertRejects(() => taken, Error) as { code?: string }).code, "EADDRINUSE");

  const free = await listenTcp({ hostname: "127.0.0.1", port: 0, accept() {}, failed() {} });
  await free.close();
  const refused = dialTcp({ hostname: "127.0.0.1", port: free.addr.port, timeout: 5_000 });
  assertEquals((await assertRejects(() => refused, Error) as { code?: string }).code, "ECONNREFUSED");

  const given = new AbortController();
  const reason = new Error("not any more");
  const aborted = dialTcp({ hostname: "127.0.0.1", port: listener.addr.port, timeout: 5_000, signal: given.signal });
  given.abort(reason);
  assertEquals(await assertRejects(() => aborted, Error), reason);
  await assertRejects(() => dialTcp({ hostname: "127.0.0.1", port: 1, timeout: 1, signal: given.signal }), Error);
});
