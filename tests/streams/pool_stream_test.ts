import { Buffer } from "node:buffer";
import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { PoolError } from "../../src/streams/mod.ts";
import { test } from "../support/harness.ts";
import { bytes, drain, memoryPair, memoryStream, pattern, rejects, settled, text, turn } from "./support.ts";

test("stream: both ends know it by its id and its connection", async (t) => {
  const { near, far, serverPool, clientPool } = await memoryStream(t);
  assertEquals(near.id, "00000000");
  assertEquals(near.id, far.id);
  assertStrictEquals(far.connection, serverPool.connections()[0]);
  assertEquals(near.localAddr, far.remoteAddr);
  assertEquals(near.remoteAddr, far.localAddr);
  assertEquals(near.tls.alpn, "h2");
  assertEquals(clientPool.stats().inUse, 1);
});

test("stream: bytes go both ways, in order and whole", async (t) => {
  const { near, far } = await memoryStream(t);
  const up = pattern(3_000_000, 1), down = pattern(2_000_000, 2);
  const send = async (stream: typeof near, data: Uint8Array): Promise<void> => {
    for (let at = 0; at < data.length; at += 70_001) await stream.write(data.subarray(at, at + 70_001));
    await stream.closeWrite();
  };
  const [a, b] = await Promise.all([drain(far), drain(near), send(near, up), send(far, down)]);
  assert(Buffer.from(a).equals(up));
  assert(Buffer.from(b).equals(down));
  await near.closed;
  await far.closed;
});

test("stream: read fills what it is given, and keeps the rest", async (t) => {
  const { near, far } = await memoryStream(t);
  await near.write(bytes("abcdef"));
  await turn();
  assertEquals(await text(far, 4), "abcd");
  assertEquals(await text(far, 4), "ef");
  const reading = text(far, 2);
  await near.write(bytes("xyz"));
  assertEquals(await reading, "xy");
  assertEquals(await text(far), "z");
  assertEquals(await far.read(new Uint8Array()), 0);
});

test("stream: an end is an end only after every byte", async (t) => {
  const { near, far } = await memoryStream(t);
  await near.write(bytes("tail"));
  await near.closeWrite();
  await turn();
  assertEquals(await text(far, 3), "tai");
  assertEquals(await text(far, 3), "l");
  assertEquals(await text(far), null);
  assertEquals(await text(far), null);
  await far.write(bytes("half-closed"));
  assertEquals(await text(near), "half-closed");
  await rejects(near.write(bytes("x")), "ERR_STREAM_CLOSED");
  await near.closeWrite();
});

test("stream: what came before a reset can be read, then the reset", async (t) => {
  const { near, far } = await memoryStream(t);
  await near.write(bytes("before"));
  await turn();
  near.abort(new Error("why"));
  await turn();
  assertEquals(await text(far), "before");
  const error = await rejects(text(far), "ERR_STREAM_RESET");
  assert(error instanceof PoolError);
  assertEquals(error.rstCode, 8);
  assertEquals((await rejects(far.write(bytes("x")), "ERR_STREAM_RESET") as PoolError).rstCode, 8);
  const own = await rejects(text(near), "ERR_STREAM_CLOSED");
  assertEquals((own.cause as Error).message, "why");
  await rejects(near.write(bytes("x")), "ERR_STREAM_CLOSED");
  await near.closed;
  await far.closed;
});

test("stream: a reset after the end does not spoil the end", async (t) => {
  const { near, far } = await memoryStream(t);
  await near.write(bytes("all"));
  await near.closeWrite();
  await turn();
  near.abort();
  await turn();
  assertEquals(await text(far), "all");
  assertEquals(await text(far), null);
  await rejects(far.write(bytes("x")), "ERR_STREAM_RESET");
});

test("stream: a lost connection is an error with a cause, after what had come", async (t) => {
  const { near, far, engine } = await memoryStream(t);
  await near.write(bytes("before"));
  await turn();
  const pending = text(near);
  engine.links[0]!.cut(new Error("read ECONNRESET"));
  const error = await rejects(pending, "ERR_STREAM_LOST");
  assert(String((error.cause as Error).message).includes("ECONNRESET"));
  assertEquals(await text(far), "before");
  await rejects(text(far), "ERR_STREAM_LOST");
  await far.closed;
});

test("stream: write waits for the peer's window, and the buffer is the caller's afterwards", async (t) => {
  const { near, far } = await memoryStream(t, { server: { window: { idle: 1_000, stream: 1_000 } } });
  const data = pattern(5_000);
  const buffer = data.slice();
  const writing = near.write(buffer);
  assert(!await settled(writing));
  const into = new Uint8Array(100_000);
  let at = 0;
  while (at < 5_000) at += (await far.read(into.subarray(at)))!;
  assertEquals(await writing, 5_000);
  buffer.fill(0);
  await near.write(bytes("next"));
  assertEquals(into.subarray(0, 5_000), data);
  assertEquals(await text(far), "next");
});

test("stream: writes that are not awaited go out in the order of the calls", async (t) => {
  const { near, far } = await memoryStream(t, { server: { window: { idle: 10, stream: 10 } } });
  const done: string[] = [];
  for (const part of ["first and longer than the window, ", "second, ", "", "third"]) {
    near.write(bytes(part)).then((n) => done.push(`${n}`));
  }
  const ended = near.closeWrite().then(() => done.push("end"));
  assertEquals(new TextDecoder().decode(await drain(far)), "first and longer than the window, second, third");
  await ended;
  assertEquals(done, ["34", "8", "0", "5", "end"]);
});

test("stream: close sends all that was written, in its time, and throws away what comes", async (t) => {
  const { near, far, serverPool } = await memoryStream(t, { server: { window: { idle: 100, stream: 100 } } });
  const tail = pattern(1_000);
  const writing = near.write(tail);
  await far.write(new Uint8Array(200_000));
  await turn();
  near.close();
  near.close();
  assertEquals(await drain(far), tail);
  assertEquals(await writing, 1_000);
  await far.write(new Uint8Array(3_000_000));
  await far.closeWrite();
  await near.closed;
  await far.closed;
  assertEquals(serverPool.stats().inUse, 0);
  await rejects(near.read(new Uint8Array(1)), "ERR_STREAM_CLOSED");
  await rejects(near.write(new Uint8Array(1)), "ERR_STREAM_CLOSED");
  await near.closeWrite();
});

test("stream: close fails the pending read", async (t) => {
  const { near } = await memoryStream(t);
  const reading = near.read(new Uint8Array(1));
  near.close();
  await rejects(reading, "ERR_STREAM_CLOSED");
});

test("stream: a peer that does not read is reset after closeTimeout", async (t) => {
  const { near, far, pass } = await memoryStream(t, {
    client: { closeTimeout: 3_000 },
    server: { window: { idle: 10, stream: 10 } },
  });
  const writing = near.write(bytes("longer than the window"));
  near.close();
  await pass(2_999);
  assert(!await settled(near.closed));
  assert(!await settled(writing));
  await pass(1);
  await rejects(writing, "ERR_STREAM_CLOSED");
  await near.closed;
  await turn();
  // One byte of the window went to the opening.
  assertEquals(await text(far), "longer th");
  await rejects(text(far), "ERR_STREAM_RESET");
});

test("stream: a peer that does not end is reset after closeTimeout, and has everything", async (t) => {
  const { near, far, pass } = await memoryStream(t, { client: { closeTimeout: 3_000 } });
  await near.write(bytes("all of it"));
  near.close();
  await pass(3_000);
  await near.closed;
  assertEquals(await text(far), "all of it");
  assertEquals(await text(far), null);
  await rejects(far.write(bytes("x")), "ERR_STREAM_RESET");
});

test("stream: asyncDispose waits for what was written, not for the peer", async (t) => {
  const { near, far } = await memoryStream(t);
  await near.write(bytes("x"));
  await near[Symbol.asyncDispose]();
  assertEquals(await text(far), "x");
  assertEquals(await text(far), null);
  far.close();
  await near.closed;
});

test("stream: one read at a time", async (t) => {
  const { near, far } = await memoryStream(t);
  const first = text(near);
  await assertRejects(() => near.read(new Uint8Array(1)), TypeError, "another read");
  await far.write(bytes("x"));
  assertEquals(await first, "x");
});

test("stream: wrong arguments are TypeErrors", async (t) => {
  const { near } = await memoryStream(t);
  await assertRejects(() => near.read("x" as unknown as Uint8Array), TypeError);
  await assertRejects(() => near.write("x" as unknown as Uint8Array), TypeError);
  await assertRejects(() => near.write([1] as unknown as Uint8Array), TypeError);
  assertThrows(() => near.setDeadline(5 as unknown as Date), TypeError);
  assertThrows(() => near.setReadDeadline(new Date(NaN)), TypeError);
});

test("stream: a read deadline fails reads until it is moved, and nothing else", async (t) => {
  const { near, far, pass } = await memoryStream(t);
  near.setReadDeadline(new Date(Date.now() + 1_000));
  const reading = text(near);
  await pass(900);
  assert(!await settled(reading));
  await pass(101);
  await rejects(reading, "ERR_STREAM_DEADLINE");
  await far.write(bytes("data"));
  await turn();
  await rejects(text(near), "ERR_STREAM_DEADLINE");
  await near.write(bytes("still open"));
  assertEquals(await text(far), "still open");
  near.setReadDeadline(new Date(Date.now() + 1_000));
  assertEquals(await text(near), "data");
  near.setReadDeadline(null);
  await pass(5_000);
  const later = text(near);
  await far.write(bytes("more"));
  assertEquals(await later, "more");
});

test("stream: a deadline in the past fails what is pending at once", async (t) => {
  const { near } = await memoryStream(t);
  const reading = text(near);
  near.setDeadline(new Date(Date.now() - 1));
  await rejects(reading, "ERR_STREAM_DEADLINE");
  await rejects(near.write(bytes("x")), "ERR_STREAM_DEADLINE");
});

test("stream: a write deadline gives the buffer back, and what was not sent is not sent", async (t) => {
  const { near, far, pass } = await memoryStream(t, { server: { window: { idle: 10, stream: 10 } } });
  const buffer = bytes("0123456789 never sent");
  const failed = [near.write(buffer), near.write(bytes("never either")), near.closeWrite()].map((one) =>
    rejects(one, "ERR_STREAM_DEADLINE")
  );
  near.setWriteDeadline(new Date(Date.now() + 1_000));
  await pass(1_001);
  await Promise.all(failed);
  buffer.fill(63);
  await rejects(near.write(bytes("x")), "ERR_STREAM_DEADLINE");
  near.setWriteDeadline(null);
  const after = near.write(bytes("after"));
  assertEquals(await text(far), "012345678");
  assertEquals(await after, 5);
  assertEquals(await text(far), "after");
  await near.closeWrite();
  assertEquals(await text(far), null);
});

test("stream: close is not stopped by a passed deadline", async (t) => {
  const { near, far } = await memoryStream(t);
  await near.write(bytes("x"));
  near.setDeadline(new Date(Date.now() - 1));
  near.close();
  assertEquals(await text(far), "x");
  assertEquals(await text(far), null);
});

test("stream: deadlines of one stream do not touch another", async (t) => {
  const { near, serverPool, clientPool, pass } = await memoryStream(t);
  const otherFar = await serverPool.incomingGet();
  const other = await clientPool.outgoingGet(otherFar.id);
  near.setDeadline(new Date(Date.now() + 10));
  const reading = text(other);
  await pass(100);
  await rejects(text(near), "ERR_STREAM_DEADLINE");
  await otherFar.write(bytes("fine"));
  assertEquals(await reading, "fine");
});

test("stream: what was sent before it was taken is there when it is", async (t) => {
  const { serverPool, clientPool } = await memoryPair(t);
  const near = await clientPool.incomingGet();
  await near.write(bytes("early bird"));
  await near.closeWrite();
  await turn();
  const far = await serverPool.outgoingGet(near.id);
  assertEquals(await text(far), "early bird");
  assertEquals(await text(far), null);
});

test("stream: closed resolves once, and is there for late askers", async (t) => {
  const { near, far } = await memoryStream(t);
  const closed = near.closed;
  assertStrictEquals(near.closed, closed);
  near.close();
  far.close();
  await closed;
  await far.closed;
  assert(await settled(far.closed));
  assertNotStrictEquals(near.closed, undefined);
});

test("stream: an unread taken stream holds one window and no more", async (t) => {
  const { near, far } = await memoryStream(t, { server: { window: { idle: 65_536, stream: 262_144 } } });
  let sent = 0;
  const chunk = new Uint8Array(16_384);
  const writing = (async () => {
    for (;;) sent += await near.write(chunk);
  })();
  writing.catch(() => {});
  await turn();
  assertEquals(sent, 262_144);
  near.abort();
  far.abort();
});
