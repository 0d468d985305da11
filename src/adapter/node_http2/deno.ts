/** What the engine has to know of Deno: floor 2.9, measured with 2.9.6. @module */
import { INTERNAL_ERROR } from "../http2/errors.ts";
import { MAX_31 } from "../http2/frames.ts";
import type { Rules } from "./rules.ts";

export const denoRules: Rules = {
  capabilities: {
    // `request` and `respond` take an object.
    rawFields: false,
    // Deno ends the session (GOAWAY PROTOCOL_ERROR) where nghttp2 reports an invalid frame, which Node answers with
    // RST_STREAM alone (2.9.6). There is no option for it.
    messageErrors: false,
    // nghttp2 drops such a field and goes on.
    fieldValues: false,
  },
  // D1, D2: what nghttp2 has freed is freed again when `session.close`, `session.destroy`, `stream.destroy` or `stream.close`
  // run inside a callback of it; the process dies by a signal (2.9.4 to 2.9.6).
  destroy: "deferred",
  // D2: the same with `stream.end`, where the peer resets a stream with a large window at its end.
  end: "deferred",
  // As on Node: the engine's window allows more in one read than the default.
  connectionWindow: MAX_31,
  // nghttp2 always says GOAWAY.
  silentEnd: INTERNAL_ERROR,
  // D1: GOAWAY without an open stream kills the process inside of nghttp2, before any JavaScript runs
  // (denoland/deno#36788; 2.9.4 to 2.9.6). D2: so does RST_STREAM at the end of a stream with a large window, which any peer
  // can send. What Deno does not see cannot do that.
  endings: "kept away",
};
