/** Workloads over the web streams of a pool stream. @module */
import { Buffer } from "node:buffer";
import type { PoolStream } from "../../../mod.ts";
import { commandBytes, countBytes, type Flow, parseCommand, PIECE } from "./flow.ts";

type Writer = WritableStreamDefaultWriter<Uint8Array>;

export function webFlow(stream: PoolStream): Flow {
  let writer: Writer;
  let reader: ReadableStreamDefaultReader<Uint8Array>;
  let begun: Promise<void>;
  const next = async (): Promise<Uint8Array> => {
    const { value } = await reader.read();
    if (!value) throw new Error("the stream ended");
    return value;
  };
  return {
    begin(command, total) {
      writer = stream.writable.getWriter();
      reader = stream.readable.getReader();
      begun = writer.write(commandBytes(command, total));
    },
    async send(total) {
      await begun;
      await pour(writer, total);
    },
    async receive() {
      let got = 0;
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return got;
        got += value.length;
      }
    },
    async bounce(size, times) {
      await begun;
      const message = PIECE.subarray(0, size);
      for (let done = 0; done < times; done++) {
        await writer.write(message);
        for (let got = 0; got < size;) got += (await next()).length;
      }
    },
    async answer() {
      let text = "";
      while (text.length < 16) text += Buffer.from(await next()).toString("latin1");
      return Number(text);
    },
    finish() {
      writer.close().catch(() => {});
      reader.cancel().catch(() => {});
    },
  };
}

export async function serveWeb(stream: PoolStream): Promise<void> {
  const reader = stream.readable.getReader();
  let head = Buffer.alloc(0);
  while (head.length < 16) {
    const { value, done } = await reader.read();
    if (done) return stream.close();
    head = Buffer.concat([head, value]);
  }
  const { command, total } = parseCommand(head);
  const writer = stream.writable.getWriter();
  if (command === "source") return await pour(writer, total);
  let got = head.length - 16;
  if (command === "echo") {
    if (got > 0) await writer.write(head.subarray(16));
    writer.releaseLock();
    reader.releaseLock();
    return await stream.readable.pipeTo(stream.writable);
  }
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    got += value.length;
  }
  await writer.write(countBytes(got));
  await writer.close();
}

async function pour(writer: Writer, total: number): Promise<void> {
  for (let left = total; left > 0;) {
    const piece = left >= PIECE.length ? PIECE : PIECE.subarray(0, left);
    left -= piece.length;
    await writer.write(piece);
  }
  await writer.close();
}
