/** The folder of test vectors beside the checkout; a checkout without it skips what needs it. @module */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Need } from "./needs.ts";
import { ROOT } from "./runtime.ts";

const CANDIDATES = [process.env.H2POOL_SHARED, join(ROOT, "..", "shared")];
const found = CANDIDATES.find((folder) => folder && existsSync(join(folder, "data")));

/** `test(name, { needs: shared }, body)`. */
export const shared: Need = { missing: found ? undefined : "no ../shared/data" };

/** A path in the folder: `sharedPath("data", "hpack")`. Only in tests that `needs: shared`. */
export function sharedPath(...parts: string[]): string {
  if (!found) throw new Error(`Cannot find ${join(ROOT, "..", "shared")}: does the test say needs: shared?`);
  return join(found, ...parts);
}
