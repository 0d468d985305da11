/**
 * `deno task test [runtime...] [part of a file's name...]`: the suite on every runtime, or on those that are named.
 *
 *   --peers      the tests that need programs from Debian, on Deno and Node 24; a program that lacks fails the run
 *   --jobs N     files at once; default: one for each core, four at most
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { globSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { ROOT, type RuntimeName, RUNTIMES, testCommand } from "../tests/support/runtime.ts";
import { coverage } from "./matrix/coverage.ts";
import { type Job, type Result, runJob } from "./matrix/job.ts";
import { CACHE } from "./matrix/npm.ts";
import { packages } from "./matrix/packages.ts";
import { parser } from "./matrix/parser.ts";
import { printCoverage, printFailures, printRuntime, printSkips, tally, uneven } from "./matrix/report.ts";
import { runtimes, table } from "./matrix/runtimes.ts";

const COVERED_ON = "node24";
const PEERS_ON: readonly RuntimeName[] = ["deno", "node24"];
const FLOOR = 85;
const TIMEOUT = 120_000;

const args = parseArgs(process.argv.slice(2), { boolean: ["peers"], string: ["jobs"] });
const peers = args.peers === true;
const isRuntime = (word: string): word is RuntimeName => (RUNTIMES as readonly string[]).includes(word);
const named = args._.filter(isRuntime);
const parts = args._.filter((word) => !isRuntime(word));
const chosen = named.length > 0 ? named : peers ? PEERS_ON : RUNTIMES;
const covered = chosen.includes(COVERED_ON) && !peers && parts.length === 0;
const jobs = Math.max(1, Number(args.jobs ?? Math.min(4, availableParallelism())));

const work = join(CACHE, "reports", String(process.pid));
const raw = join(work, "v8");
mkdirSync(raw, { recursive: true });
try {
  process.exitCode = await main() ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

async function main(): Promise<boolean> {
  const { found, missing } = await runtimes();
  process.env.H2POOL_RUNTIMES = table(found);
  const total = { passed: 0, failed: 0, skipped: 0 };
  const broken = (message: string): void => {
    total.failed++;
    console.log(`FAILED ${message}`);
  };
  await packages().catch((error: Error) => broken(`packages cannot be had: ${error.message}`));
  for (const { name, error } of missing) if (chosen.includes(name)) broken(`${name} cannot be had: ${error.message}`);

  const files = testFiles();
  if (files.length === 0) broken("no test files");
  const all: Result[] = [];
  for (const { name, version } of found.filter(({ name }) => chosen.includes(name))) {
    const start = performance.now();
    const results = await together(list(name, files));
    all.push(...results);
    const counts = tally(results, peers);
    for (const key of ["passed", "failed", "skipped"] as const) total[key] += counts[key];
    printRuntime(`${name} ${version}`, counts, (performance.now() - start) / 1000);
  }
  uneven(all).forEach(broken);
  printSkips(all);
  if (covered && found.some(({ name }) => name === COVERED_ON)) {
    const percent = printCoverage(coverage(join(ROOT, "src"), raw, await parser()), FLOOR);
    if (percent < FLOOR) broken(`statement coverage is below ${FLOOR} %`);
  }
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed === 0;
}

function testFiles(): string[] {
  const all = globSync("tests/**/*_test.ts", { cwd: ROOT }).map((file) => file.replaceAll("\\", "/")).sort();
  return all.filter((file) =>
    file.startsWith("tests/peers/") === peers && (parts.length === 0 || parts.some((part) => file.includes(part)))
  );
}

function list(runtime: RuntimeName, files: readonly string[]): Job[] {
  const env: Record<string, string> = runtime === COVERED_ON && covered ? { NODE_V8_COVERAGE: raw } : {};
  const jobs = files.map((file, i): Job => {
    const report = join(work, `${runtime}-${i}.xml`);
    const path = join(ROOT, file);
    const seconds = /^\/\/ test-timeout: (\d+) s$/m.exec(readFileSync(path, "utf8"))?.[1];
    return {
      runtime,
      file,
      command: testCommand(runtime, path, report),
      report,
      env,
      timeout: seconds ? Number(seconds) * 1000 : TIMEOUT,
    };
  });
  const examples = runtime === "deno" && !peers && parts.length === 0 ? withExamples() : [];
  if (examples.length > 0) {
    const report = join(work, "examples.xml");
    const command = [
      process.execPath,
      "test",
      "--doc",
      "-A",
      "--node-modules-dir=manual",
      `--junit-path=${report}`,
      ...examples,
    ];
    jobs.unshift({ runtime, file: "examples in doc comments", command, report, timeout: TIMEOUT });
  }
  return jobs;
}

function withExamples(): string[] {
  const sources = ["mod.ts", ...globSync("src/**/*.ts", { cwd: ROOT })].map((file) => join(ROOT, file));
  return sources.filter((file) => /^\s*\* ```(ts|js|typescript)\b/m.test(readFileSync(file, "utf8")));
}

/** A few at a time, longest limit first; prints what fails when it fails. */
async function together(list: readonly Job[]): Promise<Result[]> {
  const queue = [...list].sort((a, b) => b.timeout - a.timeout);
  const results: Result[] = [];
  const worker = async (): Promise<void> => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      const result = await runJob(job);
      results.push(result);
      printFailures(result, peers);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return results;
}
