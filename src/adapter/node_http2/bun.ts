/** What the engine has to know of Bun: floor 1.4, measured with 1.4.4. @module */
import { COMPRESSION_ERROR } from "../http2/errors.ts";
import { MAX_31 } from "../http2/frames.ts";
import type { Rules } from "./rules.ts";

export const bunRules: Rules = {
  // `request` and `respond` take an object.
  capabilities: { rawFields: false, messageErrors: true, fieldValues: true },
  destroy: "deferred",
  end: "at once",
  // B1: a receiver that calls this stalls after one stream window, because Bun then keeps back the stream's WINDOW_UPDATE
  // (oven-sh/bun#40180, #41942; 1.4.4). Ours are the engine's, and Bun's own are dropped; without the call a burst of
  // more than 65,535 bytes ends the session with a protocol error.
  connectionWindow: MAX_31,
  // Bun says "Protocol error" and sends no GOAWAY (1.4.4). Only a header block can be at fault: frames, windows and stream
  // states have been checked before Bun sees them, so that this is HPACK.
  silentEnd: COMPRESSION_ERROR,
  // A1, A2 and the rest of `rules.ts`.
  endings: "kept away",
};
