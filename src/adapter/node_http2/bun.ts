/** What the engine has to know of Bun: floor 1.4, measured with 1.4.4. @module */
import { COMPRESSION_ERROR } from "../http2/errors.ts";
import { WINDOWS } from "./native.ts";
import type { Rules } from "./rules.ts";

export const bunRules: Rules = {
  // `request` and `respond` take an object.
  capabilities: { rawFields: false, messageErrors: true, fieldValues: true },
  destroy: "deferred",
  end: "at once",
  // B1: a receiver that calls `setLocalWindowSize` stalls after one stream window, because Bun then keeps back the stream's
  // WINDOW_UPDATE (oven-sh/bun#40180, #41942; 1.4.4). It is never called. Given more than it has given back, Bun ends the
  // session with a protocol error.
  ...WINDOWS,
  // Bun says "Protocol error" and sends no GOAWAY (1.4.4). Only a header block can be at fault: frames, windows and stream
  // states have been checked before Bun sees them, so that this is HPACK.
  silentEnd: COMPRESSION_ERROR,
  // Before the peer's SETTINGS its limit of streams reads 4294967295: the engine waits for them. PING takes whole ms, 200 ms of
  // session.setTimeout are 400 and more: own clock. EADDRINUSE has `errno` 98, elsewhere -98: `code` is read (all 1.4.4).
  // A1 and A2 of `rules.ts` and `node.ts`: about 1,000 RST_STREAM end a session of Bun's, too.
  endings: "kept away",
};
