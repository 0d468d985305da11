// The sentences of API.md about streams, on real sockets, where no other test says them.
import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { PoolStream } from "../../../src/streams/mod.ts";
import { test } from "../../support/harness.ts";
import { stalled } from "../../support/stalled.ts";
import { drain, pattern, realPair, realStream, text } from "../support.ts";
import { closes, each, failure, until, within } from "./support.ts";

const CHUNK = 65_536;
const MIB = 1_048_576;
const digest = (...parts: Uint8Array[]): string =>
  parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest("hex");
const soon = (ms: number): Date => new Date(Date.now() + ms);

test("write: the buffer is the caller's again, to the last byte, however long it waited", async (t) => {
  const { near, far } = await realStream(t, { server: { window: { idle: 10_000, stream: 30_000 } } });
  const sent = createHash("sha256");
  const buffer = new Uint8Array(200_000);
  const all = (async () => {
    for (let i = 0; i < 20; i++) {
      buffer.set(pattern(buffer.length, i + 1));
      sent.update(buffer);
      assertEquals(await near.write(buffer), buffer.length);
      buffer.fill(0xee);
    }
    await near.closeWrite();
  })();
  const got = await drain(far, 7_777);
  await all;
  assertEquals([got.length, digest(got)], [4_000_000, sent.digest("hex")]);
});

test("write: without a wait in between, in order; what follows closeWrite is refused", async (t) => {
  const { near, far } = await realStream(t);
  const parts = Array.from({ length: 100 }, (_, i) => pattern(i * 997, i));
  const writes = parts.map((part) => near.write(part));
  const ended = near.closeWrite();
  assertEquals((await failure("a write", near.write(new Uint8Array(1)))).code, "ERR_STREAM_CLOSED");
  const got = await drain(far);
  assertEquals(await Promise.all(writes), parts.map(({ length }) => length));
  await ended;
  await near.closeWrite();
  assertEquals(digest(got), digest(...parts));
  await far.write(Uint8Array.of(1, 2));
  assertEquals(await near.read(new Uint8Array(5)), 2, "a true half-close");
});

/** Writes until nothing more is accepted for a while; gives how many bytes were. */
type Fill = (stream: PoolStream) => Promise<number>;

const FILLS: Record<string, Fill> = {
  async write(stream) {
    let accepted = 0;
    (async () => {
      for (const chunk = new Uint8Array(CHUNK);;) accepted += await stream.write(chunk);
    })().catch(() => {});
    return await stalled(() => accepted, 250);
  },
  async writable(stream) {
    let accepted = 0;
    const writer = stream.writable.getWriter();
    (async () => {
      for (;;) {
        await writer.ready;
        writer.write(new Uint8Array(CHUNK)).catch(() => {});
        accepted += CHUNK;
      }
    })().catch(() => {});
    writer.closed.catch(() => {});
    return await stalled(() => accepted, 250);
  },
  async toDuplex(stream) {
    let accepted = 0;
    const duplex = stream.toDuplex().on("error", () => {});
    const more = (): void => {
      while (duplex.write(new Uint8Array(CHUNK))) accepted += CHUNK;
      accepted += CHUNK;
    };
    duplex.on("drain", more);
    more();
    return await stalled(() => accepted, 250);
  },
};

test("backpressure: to a peer that does not read no more is accepted than its window and a chunk or two", async (t) => {
  await each(FILLS, async (fill, name) => {
    const { near, far, clientPool, serverPool } = await realStream(t);
    // A Duplex has both sides.
    const ways = name === "toDuplex" ? [[far, near]] as const : [[near, far], [far, near]] as const;
    for (const [from, to] of ways) {
      const accepted = await fill(from);
      assert(accepted >= MIB - CHUNK, `${name}: only ${accepted} bytes of a window of 1 MiB`);
      assert(accepted <= MIB + 3 * CHUNK, `${name}: ${accepted} bytes accepted`);
      // It goes on as soon as somebody reads.
      const buffer = new Uint8Array(CHUNK);
      for (let left = 3 * MIB; left > 0;) left -= (await within(5_000, name, to.read(buffer)))!;
    }
    near.abort();
    await closes(clientPool);
    await closes(serverPool);
  });
});

test("backpressure: many unread streams hold no more than window.total, and this process stays small", async (t) => {
  const { clientPool, serverPool } = await realPair(t, {
    server: { window: { total: 16 * MIB } },
    client: { minCapacity: 64, maxCapacity: 64 },
  });
  await clientPool.filled();
  const before = process.memoryUsage().rss;
  const near = await Promise.all(Array.from({ length: 64 }, () => clientPool.incomingGet()));
  for (const { id } of near) await serverPool.outgoingGet(id);
  let accepted = 0;
  const chunk = new Uint8Array(CHUNK);
  for (const stream of near) {
    (async () => {
      for (;;) {
        const n = await stream.write(chunk);
        accepted += n;
      }
    })().catch(() => {});
  }
  await stalled(() => accepted, 250);
  assert(accepted <= 16 * MIB + 64 * CHUNK, `${accepted / MIB} MiB accepted`);
  assert(accepted >= 8 * MIB, `only ${accepted / MIB} MiB accepted`);
  const grown = (process.memoryUsage().rss - before) / MIB;
  assert(grown < 150, `${Math.round(grown)} MiB more than before`);
  await closes(clientPool);
  await closes(serverPool);
});

test("abort: resets at once with CANCEL, and its reason is the cause of this side's errors", async (t) => {
  const { near, far } = await realStream(t);
  const reason = new Error("no more need");
  const [reading, writing] = [
    failure("read", near.read(new Uint8Array(1))),
    failure("write", near.write(new Uint8Array(5 * MIB))),
  ];
  near.abort(reason);
  for (const error of [await reading, await writing, await failure("later", near.read(new Uint8Array(1)))]) {
    assertEquals(error.code, "ERR_STREAM_CLOSED");
    assertStrictEquals(error.cause, reason);
  }
  await near.closed;
  near.abort();
  near.close();
  await drain(far).catch(() => {});
  const there = await failure("there", far.read(new Uint8Array(1)));
  assertEquals([there.code, there.rstCode], ["ERR_STREAM_RESET", 8]);
  await far.closed;
});

test("deadlines: points in time of one stream alone; it stays open, and they can be moved and cleared", async (t) => {
  const { near, far, clientPool } = await realStream(t);
  const other = await clientPool.incomingGet();
  const untouched = failure("another stream", other.read(new Uint8Array(1)), 10_000);

  const began = performance.now();
  near.setReadDeadline(soon(200));
  assertEquals((await failure("read", near.read(new Uint8Array(1)))).code, "ERR_STREAM_DEADLINE");
  const took = performance.now() - began;
  assert(took > 150 && took < 2_200, `after ${Math.round(took)} ms`);
  assertEquals((await failure("a later read", near.read(new Uint8Array(1)))).code, "ERR_STREAM_DEADLINE");
  await near.write(Uint8Array.of(1));
  assertEquals(await far.read(new Uint8Array(9)), 1, "the writing side goes on");
  await far.write(Uint8Array.of(1, 2, 3));
  near.setReadDeadline(soon(60_000));
  assertEquals(await near.read(new Uint8Array(9)), 3, "nothing was lost");

  near.setWriteDeadline(soon(200));
  assertEquals((await failure("write", near.write(new Uint8Array(5 * MIB)))).code, "ERR_STREAM_DEADLINE");
  near.setWriteDeadline(null);
  let got = 0;
  const buffer = new Uint8Array(CHUNK);
  // The part that was sent is there, and then what is written next.
  const next = near.write(Uint8Array.of(42));
  for (let n = 0; buffer[n - 1] !== 42; got += n) n = (await within(5_000, "bytes", far.read(buffer)))!;
  await next;
  assert(got > 1 && got < 5 * MIB);

  near.setDeadline(new Date(0));
  assertEquals((await failure("read", near.read(buffer))).code, "ERR_STREAM_DEADLINE");
  assertEquals((await failure("write", near.write(buffer))).code, "ERR_STREAM_DEADLINE");
  near.setDeadline(null);
  await far.write(Uint8Array.of(7));
  assertEquals(await near.read(buffer), 1);
  for (const wrong of [new Date(NaN), 5, undefined, "2026-01-01"]) {
    let error: unknown;
    try {
      near.setDeadline(wrong as never);
    } catch (thrown) {
      error = thrown;
    }
    assert(error instanceof TypeError, String(wrong));
  }
  near.setDeadline(soon(50));
  near.close();
  await far.read(buffer);
  far.close();
  await within(5_000, "closed", near.closed);
  other.abort();
  assertEquals((await untouched).code, "ERR_STREAM_CLOSED");
});

test("closed: resolves in every way in which a stream can end, and never rejects", async (t) => {
  const ends: Record<string, (near: PoolStream, far: PoolStream, drop: () => unknown) => unknown> = {
    "both half-close": (near, far) => Promise.all([near.closeWrite(), far.closeWrite()]),
    "both close": (near, far) => [near.close(), far.close()],
    "aborted here": (near) => near.abort(),
    "aborted there": (_, far) => far.abort(new Error("x")),
    "the connection is cut": (_near, _far, drop) => drop(),
  };
  await each(ends, async (end) => {
    const { near, far, clientPool, serverPool } = await realStream(t);
    const reads = [near, far].map((stream) => drain(stream).catch(() => {}));
    await end(near, far, () => serverPool.disconnect(serverPool.connections()[0]!));
    await within(5_000, "closed", Promise.all([near.closed, far.closed, ...reads]));
    await near[Symbol.asyncDispose]();
    await until("none is in use", () => clientPool.stats().inUse + serverPool.stats().inUse === 0);
    await closes(clientPool);
    await closes(serverPool);
  });
});

test("read and write: nothing into nothing is nothing; other things than bytes are TypeErrors", async (t) => {
  const { near, far } = await realStream(t);
  assertEquals([await near.write(new Uint8Array()), await far.read(new Uint8Array())], [0, 0]);
  for (const wrong of ["text", new ArrayBuffer(5), new DataView(new ArrayBuffer(5)), null, undefined, 5]) {
    for (const call of [near.write(wrong as never), near.read(wrong as never)]) {
      assert(await call.catch((error) => error) instanceof TypeError, String(wrong));
    }
  }
  const whole = new Uint8Array(20).fill(9);
  await near.write(whole.subarray(5, 8));
  const into = new Uint8Array(10);
  assertEquals(await far.read(into.subarray(4, 6)), 2);
  assertEquals([...into], [0, 0, 0, 0, 9, 9, 0, 0, 0, 0]);
  assertEquals(await far.read(into.subarray(4, 6)), 1);
});

test("web streams and Node streams: twenty megabytes there and back through sockets, whole, with their end", async (t) => {
  const body = pattern(20 * MIB);
  type Way = (near: PoolStream) => Promise<string>;
  const ways: Record<string, Way> = {
    "web streams": async (near) => {
      const hash = createHash("sha256");
      const sink = new WritableStream<Uint8Array>({ write: (chunk) => void hash.update(chunk) });
      await Promise.all([
        ReadableStream.from(pieces(body)).pipeTo(near.writable),
        near.readable.pipeTo(sink),
      ]);
      return hash.digest("hex");
    },
    "a Duplex": async (near) => {
      const hash = createHash("sha256");
      const duplex = near.toDuplex().on("data", (chunk: Uint8Array) => void hash.update(chunk));
      const ended = new Promise<void>((resolve) => duplex.once("end", () => resolve()));
      await pipeline(Readable.from(pieces(body)), duplex, { end: true });
      await within(30_000, "the end", ended);
      return hash.digest("hex");
    },
    "a TCP client": async (near) => {
      const front = createServer({ allowHalfOpen: true }, (socket) => {
        const duplex = near.toDuplex();
        pipeline(socket, duplex, socket).catch(() => {});
      });
      await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
      t.cleanup(() => front.close());
      const socket: Socket = connect({
        port: (front.address() as { port: number }).port,
        host: "127.0.0.1",
        allowHalfOpen: true,
      });
      const hash = createHash("sha256");
      const read = (async () => {
        for await (const chunk of socket) hash.update(chunk);
      })();
      await pipeline(Readable.from(pieces(body)), socket, { end: true }).catch(() => {});
      await read;
      return hash.digest("hex");
    },
  };
  const expected = digest(body);
  for (const [name, way] of Object.entries(ways)) {
    const { near, far, clientPool, serverPool } = await realStream(t);
    const echo = name === "a Duplex" ? echoDuplex(far) : far.readable.pipeTo(far.writable);
    assertEquals(await way(near), expected, name);
    await within(10_000, "the echo's end", echo);
    await closes(clientPool);
    await closes(serverPool);
  }
});

async function echoDuplex(stream: PoolStream): Promise<void> {
  const duplex = stream.toDuplex();
  await pipeline(duplex, duplex);
}

function* pieces(body: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0, size = 1; at < body.length; at += size) {
    size = 1 + (at * 31 + 7) % 150_000;
    yield body.slice(at, at + size);
  }
}

test("locks: one consumer and one producer; a second one gets a TypeError, and says who has it", async (t) => {
  const { near, clientPool } = await realStream(t);
  const buffer = new Uint8Array(1);
  const reading = failure("the pending read", near.read(buffer));
  await refused(() => near.read(buffer), /another read/);
  await refused(() => near.readable, /another read/);
  await refused(() => near.toDuplex(), /another read/);
  const writing = failure("the pending write", near.write(new Uint8Array(5 * MIB)));
  await refused(() => near.writable, /another write/);
  near.abort();
  await Promise.all([reading, writing]);

  const second = await clientPool.incomingGet();
  const reader = second.readable.getReader();
  const writer = second.writable.getWriter();
  await refused(() => second.read(buffer), /`readable`/);
  await refused(() => second.write(buffer), /`writable`/);
  await refused(() => second.toDuplex(), /`readable`/);
  reader.releaseLock();
  writer.releaseLock();
  await second.write(buffer);
  const duplex = second.toDuplex();
  await refused(() => second.toDuplex(), /toDuplex/);
  await refused(() => second.read(buffer), /toDuplex/);
  await refused(() => second.write(buffer), /toDuplex/);
  duplex.destroy();
  await within(5_000, "closed", second.closed);
});

async function refused(call: () => unknown, says: RegExp): Promise<void> {
  let error: unknown;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  assert(error instanceof TypeError, `${says} was let in`);
  assertMatch(error.message, says);
}

test("text that was read stays what it was, whatever comes after it", async (t) => {
  const { near, far } = await realStream(t);
  const seen: string[] = [];
  const kept: Uint8Array[] = [];
  const reader = far.readable.getReader();
  for (let i = 0; i < 200; i++) {
    await near.write(new TextEncoder().encode(`message ${i};`));
    const { value } = await reader.read();
    kept.push(value!);
    seen.push(new TextDecoder().decode(value));
  }
  reader.releaseLock();
  assertEquals(kept.map((chunk) => new TextDecoder().decode(chunk)).join(""), seen.join(""));
  assertEquals(seen.join("").split(";").length, 201);
  await near.write(new TextEncoder().encode("the end"));
  assertEquals(await text(far), "the end");
});
