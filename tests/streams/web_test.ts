import { Buffer } from "node:buffer";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { PoolStream } from "../../src/streams/mod.ts";
import { test } from "../support/harness.ts";
import { bytes, drain, memoryStream, pattern, rejects, settled, text, turn } from "./support.ts";

async function collect(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const reader = readable.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value);
  return Buffer.concat(parts);
}

test("web streams: carry everything, with its end", async (t) => {
  const { near, far } = await memoryStream(t);
  const data = pattern(3_000_000);
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < data.length; at += 50_000) controller.enqueue(data.subarray(at, at + 50_000));
      controller.close();
    },
  });
  const [got] = await Promise.all([collect(far.readable), source.pipeTo(near.writable)]);
  assert(Buffer.from(got).equals(data));
  far.close();
  await near.closed;
});

test("web streams: a BYOB reader reads into its own buffer", async (t) => {
  const { near, far } = await memoryStream(t);
  const reader = far.readable.getReader({ mode: "byob" });
  const waiting = reader.read(new Uint8Array(4));
  await near.write(bytes("abcdefgh"));
  assertEquals(new TextDecoder().decode((await waiting).value), "abcd");
  assertEquals(new TextDecoder().decode((await reader.read(new Uint8Array(100))).value), "efgh");
  const last = reader.read(new Uint8Array(4));
  await near.closeWrite();
  assertEquals((await last).done, true);
});

test("web streams: nothing is read before the reader reads", async (t) => {
  const { near, far } = await memoryStream(t, { server: { window: { idle: 1_000, stream: 1_000 } } });
  const { readable } = far;
  const writing = near.write(new Uint8Array(1_500));
  await turn();
  assert(!await settled(writing));
  assertEquals((await collectSome(readable, 1_500)).length, 1_500);
  await writing;
});

async function collectSome(readable: ReadableStream<Uint8Array>, length: number): Promise<Uint8Array> {
  const reader = readable.getReader();
  const parts: Uint8Array[] = [];
  for (let n = 0; n < length;) {
    const { value } = await reader.read();
    parts.push(value!);
    n += value!.length;
  }
  reader.releaseLock();
  return Buffer.concat(parts);
}

test("web streams: writable gives backpressure", async (t) => {
  const { near, far } = await memoryStream(t, { server: { window: { idle: 1_000, stream: 1_000 } } });
  const writer = near.writable.getWriter();
  const writing = writer.write(new Uint8Array(5_000));
  await turn();
  assertEquals(writer.desiredSize, 0);
  assert(!await settled(writing));
  assertEquals((await collectSome(far.readable, 5_000)).length, 5_000);
  await writing;
  await writer.ready;
});

test("web streams: a cut is an error, never an end", async (t) => {
  const { near, far, engine } = await memoryStream(t);
  await near.write(bytes("part"));
  const reader = far.readable.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), "part");
  const pending = reader.read();
  const writer = near.writable.getWriter();
  engine.links[0]!.cut();
  await rejects(pending, "ERR_STREAM_LOST");
  await rejects(writer.closed, "ERR_STREAM_LOST");
  await rejects(writer.write(bytes("x")), "ERR_STREAM_LOST");
});

test("web streams: a reset before anything is read is an error too", async (t) => {
  const { near, far } = await memoryStream(t);
  const { readable } = far;
  near.abort();
  await turn();
  await rejects(readable.getReader().read(), "ERR_STREAM_RESET");
});

test("web streams: aborting the writable resets, closing it half-closes", async (t) => {
  const { near, far } = await memoryStream(t);
  await near.writable.close();
  assertEquals(await text(far), null);
  await far.writable.abort(new Error("enough"));
  await rejects(text(near), "ERR_STREAM_RESET");
});

test("web streams: cancelling the readable leaves the writing side alone, and lets the peer go on to its end", async (t) => {
  const { near, far } = await memoryStream(t);
  await far.write(bytes("unread"));
  await turn();
  await near.readable.cancel();
  await far.write(new Uint8Array(3_000_000));
  await far.closeWrite();
  await near.write(bytes("answer"));
  await near.closeWrite();
  assertEquals(new TextDecoder().decode(await drain(far)), "answer");
  await near.closed;
  await far.closed;
});

test("web streams: who cancels, and ends his own side, does not wait for ever", async (t) => {
  const { near, far, pass } = await memoryStream(t, { client: { closeTimeout: 1_000 } });
  await near.readable.cancel();
  await pass(5_000);
  await near.write(bytes("still open"));
  await near.closeWrite();
  await pass(1_000);
  await near.closed;
  assertEquals(await text(far), "still open");
  assertEquals(await text(far), null);
  await rejects(far.write(bytes("x")), "ERR_STREAM_RESET");
});

test("web streams: an echo by pipeTo", async (t) => {
  const { near, far } = await memoryStream(t);
  const piping = far.readable.pipeTo(far.writable);
  const data = pattern(500_000);
  const [got] = await Promise.all([drain(near), near.write(data).then(() => near.closeWrite())]);
  assert(Buffer.from(got).equals(data));
  await piping;
  await near.closed;
});

const sides: [string, (s: PoolStream) => Promise<unknown>][] = [
  ["read", (s) => s.read(new Uint8Array(1))],
  ["write", (s) => s.write(new Uint8Array(1))],
];

test("locks: a reader or a writer of the web streams keeps read and write out, for as long as it lives", async (t) => {
  const { near, far } = await memoryStream(t);
  const reader = near.readable.getReader();
  const writer = near.writable.getWriter();
  for (const [name, use] of sides) await assertRejects(() => use(near), TypeError, "", name);
  assertThrows(() => near.toDuplex(), TypeError);
  reader.releaseLock();
  writer.releaseLock();
  await near.write(bytes("free"));
  assertEquals(await text(far), "free");
  await far.write(bytes("again"));
  assertEquals(await text(near), "again");
});

test("locks: a pending read keeps readable and toDuplex out", async (t) => {
  const { near, far } = await memoryStream(t);
  const reading = text(near);
  assertThrows(() => near.readable, TypeError, "in use by another read");
  assertThrows(() => near.toDuplex(), TypeError);
  await far.write(bytes("x"));
  await reading;
  near.readable;
});

test("locks: a pending write keeps writable out", async (t) => {
  const { near } = await memoryStream(t, { server: { window: { idle: 10, stream: 10 } } });
  const writing = near.write(new Uint8Array(100));
  assertThrows(() => near.writable, TypeError, "in use by another write");
  assertThrows(() => near.toDuplex(), TypeError);
  near.abort();
  await rejects(writing, "ERR_STREAM_CLOSED");
});

test("locks: toDuplex takes both sides for good", async (t) => {
  const { near } = await memoryStream(t);
  const duplex = near.toDuplex();
  duplex.on("error", () => {});
  for (const [name, use] of sides) await assertRejects(() => use(near), TypeError, "toDuplex()", name);
  assertThrows(() => near.readable, TypeError, "toDuplex()");
  assertThrows(() => near.writable, TypeError, "toDuplex()");
  assertThrows(() => near.toDuplex(), TypeError, "toDuplex()");
  duplex.destroy();
});

test("locks: a read that a released reader has left behind is not overtaken", async (t) => {
  const { near, far } = await memoryStream(t);
  const reader = near.readable.getReader();
  const abandoned = reader.read();
  await turn();
  reader.releaseLock();
  await abandoned.catch(() => {});
  await assertRejects(() => near.read(new Uint8Array(1)), TypeError);
  await far.write(bytes("x"));
  await turn();
  assertEquals(new TextDecoder().decode((await near.readable.getReader().read()).value), "x");
});

test("web streams: abort does not wait for a write that a peer does not read", async (t) => {
  const { near, far } = await memoryStream(t);
  const writer = near.writable.getWriter();
  writer.closed.catch(() => {});
  const writing = rejects(writer.write(new Uint8Array(5_000_000)), "ERR_STREAM_CLOSED");
  await turn();
  await writer.abort(new Error("enough"));
  await writing;
  await near.closed;
  const buffer = new Uint8Array(65_536);
  const reading = (async () => {
    while (await far.read(buffer) !== null);
  })();
  await rejects(reading, "ERR_STREAM_RESET");
});
