/** @module */
import { INTERNAL_ERROR } from "../http2/errors.ts";
import { MAX_31 } from "../http2/frames.ts";
import type { Rules } from "./rules.ts";

export const nodeRules: Rules = {
  capabilities: {
    // `request` and `respond` take an object; lists are taken by Node 24 and later only.
    rawFields: false,
    messageErrors: true,
    // nghttp2 drops such a field and goes on.
    fieldValues: false,
  },
  destroy: "deferred",
  end: "at once",
  connectionWindow: MAX_31,
  silentEnd: INTERNAL_ERROR,
  endings: "kept away",
};
