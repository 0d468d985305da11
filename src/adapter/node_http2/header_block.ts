/** A header block as HEADERS and, where it is long, CONTINUATION (RFC 9113 sections 6.2 and 6.10). @module */
import { CONTINUATION, END_HEADERS, HEADERS } from "../http2/frames.ts";
import type { FrameSpace } from "../http2/control.ts";

/** `block` is copied. */
export function writeBlock(into: FrameSpace, id: number, block: Uint8Array, flags: number, maxFrame: number): void {
  let type = HEADERS;
  let at = 0;
  do {
    const piece = block.subarray(at, at + maxFrame);
    at += piece.length;
    const end = at >= block.length ? END_HEADERS : 0;
    const to = into.frame(piece.length, type, (type === HEADERS ? flags : 0) | end, id);
    into.bytes.set(piece, to);
    type = CONTINUATION;
  } while (at < block.length);
}
