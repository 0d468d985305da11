import { assert, assertEquals, assertMatch } from "@std/assert";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test, type TestContext } from "./harness.ts";
import { linux } from "./needs.ts";
import { currentRuntime, testCommand } from "./runtime.ts";
import { spawnProgram } from "./spawn.ts";

const LEAKS: Record<string, RegExp> = {
  listener: /Left open: tcp6? socket \S+ LISTEN/,
  connection: /Left open: tcp6? socket \S+ (ESTABLISHED|CLOSE_WAIT|FIN_WAIT2)/,
  child: /Left open: child process \d+ \(sleep\)/,
  timer: /Left open: timer made at .*leaky\.ts/,
  interval: /Left open: timer made at .*leaky\.ts/,
  signal: /Left open: listener of process .*SIGTERM/,
};

for (const [leak, message] of Object.entries(LEAKS)) {
  test(`leak check: a test that leaves a ${leak} open fails`, { needs: linux }, async (t) => {
    const { code, text } = await leaky(t, leak);
    assert(code !== 0, text);
    assertMatch(text, message);
  });
}

test("leak check: a test that leaves nothing open passes", async (t) => {
  const { code, text, report } = await leaky(t, "nothing");
  assertEquals(code, 0, text);
  assertMatch(report, /<testcase name="leaves something open"/);
});

test("harness: an exception that nobody catches fails the test", async (t) => {
  const { code, text } = await leaky(t, "uncaught");
  assert(code !== 0, text);
  assertMatch(text, /nobody caught this/);
});

test("harness: a rejection that nobody handles fails the test", async (t) => {
  const { code, text } = await leaky(t, "rejection");
  assert(code !== 0, text);
  assertMatch(text, /nobody caught this/);
});

test("harness: a test that does not end in its time fails", async (t) => {
  const { code, text } = await leaky(t, "late");
  assert(code !== 0, text);
  assertMatch(text, /Test not over after 50 ms/);
});

test("harness: a cleanup that throws fails the test", async (t) => {
  const { code, text } = await leaky(t, "cleanup");
  assert(code !== 0, text);
  assertMatch(text, /cannot clean up/);
});

test("harness: cleanups run last first, after the signal aborts", async (t) => {
  const order: string[] = [];
  t.cleanup(() => assertEquals(order, ["second", "aborted", "first"]));
  t.cleanup(() => order.push(t.signal.aborted ? "aborted" : "live", "first"));
  t.cleanup(() => order.push("second"));
  await Promise.resolve();
  assert(!t.signal.aborted);
});

test("harness: timers that fired or were cleared are no leak", async () => {
  clearTimeout(setTimeout(() => {}, 60_000));
  clearTimeout(Number(setTimeout(() => {}, 60_000)));
  clearInterval(setInterval(() => {}, 60_000));
  clearTimeout(undefined);
  await new Promise((resolve) => setTimeout(resolve, 1));
});

async function leaky(t: TestContext, leak: string): Promise<{ code: number | null; text: string; report: string }> {
  const folder = mkdtempSync(join(tmpdir(), "h2pool-"));
  t.cleanup(() => rmSync(folder, { recursive: true }));
  const report = join(folder, "report.xml");
  const program = fileURLToPath(new URL("./programs/leaky.ts", import.meta.url));
  const child = spawnProgram(t, testCommand(currentRuntime(), program, report), {
    env: { LEAK: leak, H2POOL_LEAK_GRACE: "100", NODE_TEST_CONTEXT: undefined },
  });
  const { code } = await child.exit();
  return { code, text: child.out.text + child.err.text, report: code === 0 ? readFileSync(report, "utf8") : "" };
}
