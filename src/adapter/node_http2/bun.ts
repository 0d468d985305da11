/** @module */
import type { Rules } from "./rules.ts";

export const bunRules: Rules = {
  destroy: "deferred",
  end: "at once",
  connectionWindow: 0x7fffffff,
  endings: "kept away",
};
