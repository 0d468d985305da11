/** @module */
import { MAX_31 } from "../http2/frames.ts";
import type { Rules } from "./rules.ts";

export const nodeRules: Rules = {
  destroy: "deferred",
  end: "at once",
  connectionWindow: MAX_31,
  endings: "kept away",
};
