/** @module */
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
  destroy: "deferred",
  end: "deferred",
  connectionWindow: MAX_31,
  silentEnd: INTERNAL_ERROR,
  endings: "kept away",
};
