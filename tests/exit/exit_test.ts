import { assert } from "@std/assert";
import { readdirSync } from "node:fs";
import { test } from "../support/harness.ts";
import { currentRuntime } from "../support/runtime.ts";
import { exitsByItself, spawnRuntime } from "../support/spawn.ts";

// Each program opens something, uses it, closes it, writes "closed", and has to exit by itself: no process.exit in there.
const folder = new URL("./programs/", import.meta.url);
const programs = readdirSync(folder).filter((name) => name.endsWith(".ts")).sort();

test("exit: there are programs", () => assert(programs.length > 0));

for (const name of programs) {
  test(`exit: ${name.slice(0, -3)} leaves nothing that holds the process`, async (t) => {
    await exitsByItself(spawnRuntime(t, currentRuntime(), new URL(name, folder)));
  });
}
