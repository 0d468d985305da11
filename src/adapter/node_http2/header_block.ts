/** A header block as HEADERS and, where it is long, CONTINUATION (RFC 9113 sections 6.2 and 6.10). @module */
import { CONTINUATION, END_HEADERS, HEADERS } from "../http2/frames.ts";
import type { FrameWriter } from "./writer.ts";

/** `block` is not written to before the writer's `take`. */
export function writeBlock(into: FrameWriter, id: number, block: Uint8Array, flags: number, maxFrame: number): void {
  let type = HEADERS;
  let at = 0;
  do {
    const piece = block.subarray(at, at + maxFrame);
    at += piece.length;
    into.head(piece.length, type, (type === HEADERS ? flags : 0) | (at >= block.length ? END_HEADERS : 0), id);
    into.payload(piece);
    type = CONTINUATION;
  } while (at < block.length);
}
