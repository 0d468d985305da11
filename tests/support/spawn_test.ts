import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "./harness.ts";
import { linux, runtime } from "./needs.ts";
import { currentRuntime, RUNTIMES } from "./runtime.ts";
import { exitsByItself, spawnProgram, spawnRuntime } from "./spawn.ts";

const echo = new URL("./programs/echo.ts", import.meta.url);

for (const name of RUNTIMES) {
  test(`spawn: runs TypeScript, and @std/assert, under ${name}`, { needs: runtime(name) }, async (t) => {
    const child = spawnRuntime(t, name, echo, ["one", "two"]);
    assertEquals((await child.out.line(/^ready (\S+)/))[1], name);
    assertEquals((await child.out.line("args"))[0], "args one,two");
    child.write("hello\n");
    await child.out.line("heard hello");
    child.end();
    assertEquals(await child.exit(), { code: 3, signal: null });
    assertEquals(child.err.text, "bye\n");
  });
}

test("spawn: what never comes is told with what came instead", async (t) => {
  const child = spawnRuntime(t, currentRuntime(), echo);
  await child.out.line("ready");
  await assertRejects(() => child.out.line("unheard", 50), Error, "After 50 ms");
  await assertRejects(() => child.exit(50), Error, "did not exit");
  child.end();
  await assertRejects(() => child.out.line("unheard"), Error, "ended its stdout without unheard");
});

test("spawn: a program that is not there", async (t) => {
  const child = spawnProgram(t, ["h2pool-no-such-program"]);
  assertEquals((await child.exit()).code, 127);
  assert(/ENOENT|not found/i.test(child.err.text), child.err.text);
});

test("spawn: signals, and the end of the test, reach a process that is stopped", { needs: linux }, async (t) => {
  const child = spawnRuntime(t, currentRuntime(), echo);
  await child.out.line("ready");
  child.kill("SIGSTOP");
  child.write("frozen\n");
  await assertRejects(() => child.out.line("heard", 100));
  child.kill("SIGCONT");
  await child.out.line("heard frozen");
  child.kill("SIGSTOP");
});

test("spawn: a program that something keeps alive does not exit by itself", async (t) => {
  const child = spawnRuntime(t, currentRuntime(), new URL("./programs/stuck.ts", import.meta.url));
  await assertRejects(() => exitsByItself(child, 300), Error, "did not exit");
});
