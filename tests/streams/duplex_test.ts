import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { assert, assertEquals } from "@std/assert";
import { test } from "../support/harness.ts";
import { bytes, drain, memoryStream, pattern, realStream, rejects, text, turn } from "./support.ts";

test("duplex: carries everything both ways and ends in order", async (t) => {
  const { near, far } = await memoryStream(t);
  const a = near.toDuplex(), b = far.toDuplex();
  const up = pattern(2_000_000, 1), down = pattern(1_000_000, 2);
  const collect = async (stream: Readable): Promise<Buffer> => {
    const parts: Buffer[] = [];
    stream.on("data", (part) => parts.push(part));
    await once(stream, "end");
    return Buffer.concat(parts);
  };
  const got = Promise.all([collect(b), collect(a)]);
  for (let at = 0; at < up.length; at += 33_333) a.write(up.subarray(at, at + 33_333));
  a.end();
  b.end(down);
  const [gotUp, gotDown] = await got;
  assert(gotUp.equals(up));
  assert(gotDown.equals(down));
  await Promise.all([near.closed, far.closed]);
});

test("duplex: a half-close stays one", async (t) => {
  const { near, far } = await memoryStream(t);
  const a = near.toDuplex();
  a.end("question");
  assertEquals(await text(far), "question");
  assertEquals(await text(far), null);
  await far.write(bytes("answer"));
  const [answer] = await once(a, "data");
  assertEquals(String(answer), "answer");
  far.close();
  await once(a, "end");
  await near.closed;
});

test("duplex: gives backpressure both ways", async (t) => {
  const { near, far } = await memoryStream(t, {
    client: { window: { idle: 1_000, stream: 1_000 } },
    server: { window: { idle: 1_000, stream: 1_000 } },
  });
  const a = near.toDuplex();
  let accepted = 0;
  while (a.write(new Uint8Array(1_000)) && accepted < 1_000) accepted++;
  assert(accepted < 100, "write never says stop");
  let sent = 0;
  const endless = (async () => {
    for (;;) sent += await far.write(new Uint8Array(500));
  })();
  endless.catch(() => {});
  await turn();
  assert(sent <= 2_000, `${sent} bytes taken by a paused duplex`);
  const drained = once(a, "drain");
  const buffer = new Uint8Array(10_000);
  for (let n = 0; n < accepted * 1_000;) n += (await far.read(buffer))!;
  await drained;
  a.on("error", () => {});
  a.destroy();
});

test("duplex: many unread small chunks hold no large buffers", async (t) => {
  const { near, far } = await memoryStream(t);
  const a = near.toDuplex();
  a.once("data", () => a.pause());
  for (let i = 0; i < 1_000; i++) {
    await far.write(bytes("x"));
    await turn();
  }
  assert(a.readableLength <= 1, `${a.readableLength} chunks in the duplex`);
  a.destroy();
});

test("duplex: a cut destroys it with the error, and is never an end", async (t) => {
  const { near, far, engine } = await memoryStream(t);
  const a = near.toDuplex();
  const heard: string[] = [];
  a.on("end", () => heard.push("end")).on("data", () => heard.push("data"));
  await far.write(bytes("part"));
  await turn();
  const error = once(a, "error");
  engine.links[0]!.cut();
  const [cause] = await error;
  assertEquals(cause.code, "ERR_STREAM_LOST");
  assertEquals(heard, ["data"]);
  assert(a.destroyed);
});

test("duplex: destroying it resets the stream", async (t) => {
  const { near, far } = await memoryStream(t);
  const a = near.toDuplex();
  a.write("x");
  a.destroy();
  await near.closed;
  await turn();
  assertEquals(await text(far), "x");
  await rejects(text(far), "ERR_STREAM_RESET");
});

test("duplex: one that has ended both ways is not reset", async (t) => {
  const { near, far } = await memoryStream(t);
  const a = near.toDuplex();
  a.resume();
  a.end("all of it");
  await far.closeWrite();
  await once(a, "close");
  assertEquals(new TextDecoder().decode(await drain(far)), "all of it");
  await far.closed;
});

test("duplex: a reset with writes pending fails them", async (t) => {
  const { near, far } = await memoryStream(t, { server: { window: { idle: 10, stream: 10 } } });
  const a = near.toDuplex();
  const failed = once(a, "error");
  a.write(new Uint8Array(100));
  a.write(new Uint8Array(100));
  await turn();
  far.abort();
  const [error] = await failed;
  assertEquals(error.code, "ERR_STREAM_RESET");
});

test("duplex: pipeline through an echo over real sockets", async (t) => {
  const { near, far } = await realStream(t);
  const echo = far.toDuplex();
  echo.pipe(echo);
  const data = pattern(5_000_000);
  const hash = createHash("sha256");
  const parts = function* (): Generator<Uint8Array> {
    for (let at = 0; at < data.length; at += 60_000) yield data.subarray(at, at + 60_000);
  };
  const duplex = near.toDuplex();
  await Promise.all([
    pipeline(Readable.from(parts()), duplex),
    (async () => {
      for await (const part of duplex) hash.update(part);
    })(),
  ]);
  assertEquals(hash.digest("hex"), createHash("sha256").update(data).digest("hex"));
});

test("duplex: what had come before a reset is read first", async (t) => {
  const { near, far } = await memoryStream(t);
  await far.write(bytes("before"));
  await turn();
  far.abort();
  await turn();
  const heard: string[] = [];
  const a = near.toDuplex();
  a.on("data", (part) => heard.push(String(part))).on("end", () => heard.push("end"));
  const [error] = await once(a, "error");
  assertEquals(error.code, "ERR_STREAM_RESET");
  assertEquals(heard, ["before"]);
});

test("duplex: what had come before a reset is read first, when it was there already", async (t) => {
  const { near, far } = await memoryStream(t);
  const a = near.toDuplex();
  await far.write(bytes("one"));
  await turn();
  a.pause();
  await far.write(bytes("two"));
  await turn();
  await far.write(bytes("three"));
  await turn();
  far.abort();
  await turn();
  const heard: string[] = [];
  a.on("data", (part) => heard.push(String(part)));
  a.resume();
  const [error] = await once(a, "error");
  assertEquals(error.code, "ERR_STREAM_RESET");
  assertEquals(heard.join(""), "onetwothree");
});

test("duplex: the stream's own close is no error of it, and an end in order for the other side", async (t) => {
  const { near, far, turn } = await memoryStream(t);
  const duplex = near.toDuplex();
  // No listener for errors: one would be an uncaught exception.
  const over = new Promise<void>((resolve) => duplex.on("close", resolve));
  duplex.write("all of it");
  await turn();
  near.close();
  await over;
  assertEquals(duplex.errored, null);
  assertEquals(await text(far), "all of it");
  far.close();
  await near.closed;
});
