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
  // A1, A2 and the rest of `rules.ts`.
  endings: "kept away",
};
