import type { TLSSocket } from "node:tls";
import { assert, assertEquals } from "@std/assert";
import { currentRuntime } from "../../../src/adapter/runtime.ts";
import { SharedReads, sharedReads } from "../../../src/adapter/tls/reading.ts";
import { test } from "../../support/harness.ts";
import { connected, later, recorder } from "./support.ts";

/** What a socket does: asks for a buffer, fills it, says how much. */
function reader(reads: SharedReads): { read(byte: number, length: number): boolean; buffer(): Uint8Array } {
  const { buffer, callback } = reads.onread;
  return {
    buffer,
    read(byte, length) {
      const into = buffer();
      into.fill(byte, 0, length);
      return callback(length, into);
    },
  };
}

/** Only `resume` is asked of it. */
function socket(): TLSSocket & { resumed: number } {
  const fake = { resumed: 0, resume: () => void fake.resumed++ };
  return fake as unknown as TLSSocket & { resumed: number };
}

test("a buffer that was given back is read into again, one that was kept is not", async () => {
  const reads = new SharedReads();
  const { read, buffer } = reader(reads);
  const kept: Uint8Array[] = [];
  let keep = false;
  reads.start(socket(), (chunk) => {
    if (!keep) return "used";
    kept.push(chunk);
  });
  await Promise.resolve();
  const first = buffer();
  read(1, 16_384);
  assert(buffer() === first, "a used buffer is left");
  keep = true;
  read(2, 10_000);
  assert(buffer() !== first, "a kept buffer would be overwritten");
  keep = false;
  read(3, 16_384);
  assertEquals(kept.map((chunk) => [chunk.length, chunk[0], chunk[9_999]]), [[10_000, 2, 2]]);
});

test("who keeps a few bytes does not hold a whole buffer", async () => {
  const reads = new SharedReads();
  const { read, buffer } = reader(reads);
  const kept: Uint8Array[] = [];
  reads.start(socket(), (chunk) => void kept.push(chunk));
  await Promise.resolve();
  const first = buffer();
  read(1, 30);
  read(2, 30);
  assert(buffer() === first, "small reads are copied");
  assertEquals(kept.map((chunk) => [chunk[29], chunk.buffer.byteLength]), [[1, 30], [2, 30]]);
});

test("what comes before start stops the socket, is kept, and comes first", async () => {
  const reads = new SharedReads();
  const { read } = reader(reads);
  const fake = socket();
  assertEquals([read(1, 5), read(2, 5)], [false, false]);
  const got: number[] = [];
  reads.start(fake, (chunk) => {
    got.push(chunk[0]!);
    return "used";
  });
  assertEquals([got, fake.resumed], [[], 0]);
  await Promise.resolve();
  assertEquals([got, fake.resumed], [[1, 2], 1]);
  assertEquals(read(3, 5), true);
  assertEquals(got, [1, 2, 3]);
});

test("a socket that we open reads into one buffer on Node and Deno", async (t) => {
  const shared = currentRuntime().name !== "bun";
  assertEquals(sharedReads() !== undefined, shared);
  const { client, server } = await connected(t);
  const buffers = new Set<ArrayBufferLike>();
  const all = later<void>();
  let bytes = 0;
  client.start({
    data(chunk) {
      if (chunk.length === 16_384) buffers.add(chunk.buffer);
      bytes += chunk.length;
      if (bytes === 1_000_000) all.resolve();
      return "used";
    },
    wrote() {},
    closed() {},
  });
  server.start(recorder());
  server.write(new Uint8Array(1_000_000));
  await all.promise;
  if (shared) assertEquals(buffers.size, 1);
});
