import { assert, assertEquals } from "@std/assert";
import { ReceiveQueue } from "../../src/streams/receive_queue.ts";
import { test } from "../support/harness.ts";
import { pattern } from "./support.ts";

/** A piece of what a socket has read. */
function view(length: number, buffer = 65_536): Uint8Array {
  return new Uint8Array(buffer).subarray(100, 100 + length).fill(7);
}

test("receive queue: gives bytes in order, whatever the sizes", () => {
  const queue = new ReceiveQueue();
  const all = pattern(300_000);
  const sizes = [1, 3, 20_000, 5, 65_536, 64, 64, 1, 40_000, 7];
  const into = new Uint8Array(9_973);
  const got: number[] = [];
  let at = 0;
  for (let i = 0; at < all.length; i++) {
    const part = all.slice(at, at + sizes[i % sizes.length]!);
    queue.push(
      i % 3 === 0 ? part : new Uint8Array([...part, ...new Uint8Array(part.length * 2)]).subarray(0, part.length),
    );
    at += part.length;
    if (i % 4 === 3) got.push(...into.subarray(0, queue.take(into)));
  }
  for (let n = queue.take(into); n > 0; n = queue.take(into)) got.push(...into.subarray(0, n));
  assertEquals(queue.size, 0);
  assertEquals(Uint8Array.from(got), all);
});

test("receive queue: a small chunk does not hold the socket's buffer", () => {
  const queue = new ReceiveQueue();
  queue.push(view(1));
  const piece = queue.shift()!;
  assertEquals(piece, Uint8Array.of(7));
  assert(piece.buffer.byteLength <= 64, `${piece.buffer.byteLength} bytes held for one`);
});

test("receive queue: many small chunks take about their own size", () => {
  const queue = new ReceiveQueue();
  for (let i = 0; i < 10_000; i++) queue.push(view(10));
  let held = 0, pieces = 0;
  for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) {
    held += piece.buffer.byteLength;
    pieces++;
  }
  assert(held < 250_000, `${held} bytes held for 100,000`);
  assert(pieces < 40, `${pieces} pieces`);
});

test("receive queue: holds copies, so that the socket's buffer can be freed", () => {
  const queue = new ReceiveQueue();
  const into = new Uint8Array(100_000);
  for (const length of [10, 10_000, 16_384, 40_000, 65_536]) {
    const chunk = pattern(length);
    queue.push(chunk);
    chunk.buffer.transfer(0);
    assertEquals(queue.take(into), length);
    assertEquals(into.subarray(0, length), pattern(length));
  }
});

test("receive queue: queues that share their blocks never mix their bytes", () => {
  const queues = Array.from({ length: 5 }, () => new ReceiveQueue());
  const handed: { piece: Uint8Array; fill: number }[] = [];
  const into = new Uint8Array(30_000);
  for (let i = 0; i < 2_000; i++) {
    const fill = i % queues.length;
    const queue = queues[fill]!;
    queue.push(view((i * 7_919) % 50_000).fill(fill));
    const n = queue.take(into.subarray(0, (i * 104_729) % 30_000));
    assert(into.subarray(0, n).every((byte) => byte === fill), `byte of another queue at ${i}`);
    if (i % 97 === 0) queues[fill] = new ReceiveQueue();
    if (i % 31 === 0) queue.clear();
    const piece = i % 13 === 0 ? queue.shift() : undefined;
    if (piece !== undefined) handed.push({ piece, fill });
  }
  for (const { piece, fill } of handed) {
    assert(piece.every((byte) => byte === fill), "written to after it was handed out");
  }
});

test("receive queue: what a slow reader leaves takes at most about twice its size", () => {
  for (const length of [1, 100, 2_000, 5_000, 9_000, 20_000, 100_000]) {
    const queue = new ReceiveQueue();
    queue.push(view(length, 200_000));
    let held = 0;
    for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) held += piece.buffer.byteLength;
    assert(held <= Math.max(64, 2 * length), `${held} bytes held for ${length}`);
  }
});

test("receive queue: what is handed out is not written to again", () => {
  const queue = new ReceiveQueue();
  queue.push(view(4));
  const piece = queue.shift()!;
  queue.push(view(4).fill(9));
  assertEquals(piece, Uint8Array.of(7, 7, 7, 7));
  assertEquals(queue.size, 4);
});

test("receive queue: a block that was read is used again, and never twice at once", () => {
  const queue = new ReceiveQueue();
  const into = new Uint8Array(64);
  for (let i = 0; i < 100; i++) {
    queue.push(view(8).fill(i));
    queue.push(view(100).fill(i + 1));
    assertEquals(queue.take(into.subarray(0, 8)), 8);
    assertEquals(into[0], i);
    assertEquals(queue.take(into), 64);
    assertEquals(into[63], i + 1);
    assertEquals(queue.take(into), 36);
  }
  assertEquals(queue.size, 0);
  assertEquals(queue.shift(), undefined);
});

test("receive queue: clear says how much it was", () => {
  const queue = new ReceiveQueue();
  queue.push(view(5));
  queue.push(view(40_000));
  assertEquals(queue.clear(), 40_005);
  assertEquals(queue.take(new Uint8Array(1)), 0);
});
