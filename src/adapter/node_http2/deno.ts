/** @module */
import { INTERNAL_ERROR } from "../http2/errors.ts";
import { MAX_31 } from "../http2/frames.ts";
import type { Rules } from "./rules.ts";

export const denoRules: Rules = {
  destroy: "deferred",
  end: "deferred",
  connectionWindow: MAX_31,
  silentEnd: INTERNAL_ERROR,
  endings: "kept away",
};
