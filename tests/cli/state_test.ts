import { assertEquals, assertRejects } from "@std/assert";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { onceMade } from "../../src/cli/state.ts";
import { test, type TestContext } from "../support/harness.ts";

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "h2pool-"));
  t.cleanup(() => rm(path, { recursive: true }));
  return path;
}

test("state: folders above are made too, for their owner only; what is there is kept", async (t) => {
  const base = await folder(t);
  const deep = join(base, "a", "b", "c");
  assertEquals(await onceMade(deep, "text", () => "first"), "first");
  assertEquals(await onceMade(deep, "text", () => "second"), "first");
  assertEquals(await readdir(deep), ["text"]);
  if (process.platform !== "win32") assertEquals((await stat(join(base, "a", "b"))).mode & 0o777, 0o700);
});

test("state: many at once make the folders once and get the same text", async (t) => {
  const deep = join(await folder(t), "a", "b");
  const texts = await Promise.all(Array.from({ length: 8 }, (_, i) => onceMade(deep, "text", () => `text ${i}`)));
  assertEquals(new Set(texts).size, 1);
});

test("state: a folder that cannot be made is an error at once", async (t) => {
  const file = join(await folder(t), "file");
  await writeFile(file, "");
  await assertRejects(() => onceMade(join(file, "state"), "text", () => ""), Error, "ENOTDIR");
  // A folder that takes none: Node's recursive mkdir spins there.
  if (existsSync("/proc/self")) {
    await assertRejects(() => onceMade("/proc/h2pool/state", "text", () => ""), Error, "ENOENT");
  }
});
