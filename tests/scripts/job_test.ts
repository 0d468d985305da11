import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Result, runJob } from "../../scripts/matrix/job.ts";
import { tally, uneven } from "../../scripts/matrix/report.ts";
import { test, type TestContext } from "../support/harness.ts";
import { linux } from "../support/needs.ts";
import { childrenOf } from "../support/processes.ts";
import { currentRuntime, testCommand } from "../support/runtime.ts";

const program = fileURLToPath(new URL("./programs/suite.ts", import.meta.url));

test("job: counts what passes and what is left out, by name", async (t) => {
  const result = await run(t, "passes");
  assertEquals(result.problem, undefined, result.output);
  assertEquals(tally([result]), { passed: 2, failed: 0, skipped: 1 });
  assertEquals(result.cases.map(({ name }) => name), [
    `one <passes> & "is" 'quoted'`,
    "one is left out",
    "one depends",
  ]);
});

test("job: a skip is a failure where everything must run", async (t) => {
  assertEquals(tally([await run(t, "passes")], true), { passed: 2, failed: 1, skipped: 0 });
});

test("job: a failing test counts once, with its message", async (t) => {
  const result = await run(t, "fails");
  assertEquals(tally([result]), { passed: 1, failed: 1, skipped: 1 });
  assertStringIncludes(result.cases.find(({ result }) => result === "failed")?.text ?? "", `expected <this> & "that"`);
});

for (const mode of ["throws", "missing", "empty", "crashes", "exits"]) {
  test(`job: a file that ${mode} is a failure`, async (t) => {
    const result = await run(t, mode);
    const { failed } = tally([result]);
    assert(failed > 0, JSON.stringify(result));
  });
}

test("job: a file that hangs is ended, and a failure", { needs: linux }, async (t) => {
  const before = childrenOf("self").length;
  const result = await run(t, "hangs", 2_000);
  assertMatch(result.problem ?? "", /Not over after 2 s/);
  assert(tally([result]).failed > 0);
  assertEquals(childrenOf("self").length, before);
});

test("job: a runtime that is not there is a failure", async (t) => {
  const result = await run(t, "passes", 5_000, ["h2pool-no-such-runtime"]);
  assertEquals(tally([result]), { passed: 0, failed: 1, skipped: 0 });
});

test("report: a test that one runtime does not list is told", () => {
  const result = (runtime: string, names: string[]): Result => ({
    job: { runtime, file: "tests/a_test.ts", command: [], report: "", timeout: 1 },
    cases: names.map((name) => ({ name, result: "passed", text: "" })),
    problem: undefined,
    output: "",
    seconds: 0,
  });
  assertEquals(uneven([result("deno", ["a", "b"]), result("bun", ["b", "a"])]), []);
  assertEquals(uneven([result("deno", ["a", "b"]), result("bun", ["a"])]), [`bun tests/a_test.ts: did not run "b"`]);
});

function run(t: TestContext, mode: string, timeout = 20_000, command?: string[]): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "h2pool-"));
  t.cleanup(() => rmSync(folder, { recursive: true }));
  const report = join(folder, "report.xml");
  const runtime = currentRuntime();
  const env = { ...process.env as Record<string, string>, MODE: mode };
  return runJob({
    runtime,
    file: mode,
    command: command ?? testCommand(runtime, program, report),
    report,
    env,
    timeout,
  });
}
