import { assertEquals } from "@std/assert";
import { test } from "../support/harness.ts";
import { currentRuntime } from "../support/runtime.ts";
import { spawnRuntime } from "../support/spawn.ts";

test("callbacks that throw are reported as uncaught exceptions, and disturb nothing", async (t) => {
  const child = spawnRuntime(t, currentRuntime(), new URL("./programs/throwing.ts", import.meta.url));
  const [line] = await child.out.line(/^\{.*$/);
  const { thrown, reported, ...rest } = JSON.parse(line);
  assertEquals(rest, { third: 5, alive: true, missing: [] });
  assertEquals(reported, thrown);
  assertEquals((await child.exit()).code, 0);
});
