/**
 * A part of a file as a body.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";

const CHUNK = 65_536;

/** Bytes from `start` to before `end`, as they are asked for. Closes the file at the end, and when nobody wants the rest. */
export function bodyOf(file: FileHandle, start: number, end: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = start;
  return new ReadableStream({
    async pull(controller) {
      try {
        const chunk = new Uint8Array(Math.min(CHUNK, end - at));
        const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
        // Shorter than it was: what was promised in content-length cannot be kept, and must not look complete.
        if (bytesRead === 0) throw new Error("The file has become shorter while it was sent");
        at += bytesRead;
        controller.enqueue(chunk.subarray(0, bytesRead));
        if (at < end) return;
        await file.close();
        controller.close();
      } catch (error) {
        await file.close().catch(() => {});
        throw error;
      }
    },
    async cancel() {
      await file.close();
    },
  }, { highWaterMark: 0 });
}
