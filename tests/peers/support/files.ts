/** Files for programs that read bodies from files. @module */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "../../support/harness.ts";

/** A folder that goes with the test. */
export function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "h2pool-peers-"));
  t.cleanup(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A file with these octets; its path. */
export function file(t: TestContext, octets: Uint8Array | string, name = "body"): string {
  const path = join(folder(t), name);
  writeFileSync(path, octets);
  return path;
}
