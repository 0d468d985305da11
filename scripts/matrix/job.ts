/** One test file on one runtime: a process, a time limit, a verdict that no crash can turn into a success. @module */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import process from "node:process";
import { childrenOf } from "../../tests/support/processes.ts";
import { ROOT } from "../../tests/support/runtime.ts";
import { type Case, parseReport } from "./junit.ts";

/** What to run. */
export interface Job {
  /** "deno", "bun", "node24", ... */
  readonly runtime: string;
  /** The file below the checkout, or what stands for it. */
  readonly file: string;
  /** Leaves a JUnit report at `report`. */
  readonly command: readonly string[];
  readonly report: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds. */
  readonly timeout: number;
}

/** How it went. */
export interface Result {
  readonly job: Job;
  readonly cases: readonly Case[];
  /** What is wrong with the run as such; it counts as one failure. */
  readonly problem: string | undefined;
  readonly output: string;
  readonly seconds: number;
}

const LONGEST = 1 << 20;

/** Runs it. Never rejects. */
export async function runJob(job: Job): Promise<Result> {
  rmSync(job.report, { force: true });
  const start = performance.now();
  const { code, late, output } = await finish(job);
  const seconds = (performance.now() - start) / 1000;
  let cases: Case[] = [];
  let problem: string | undefined;
  try {
    if (!existsSync(job.report)) throw new Error("No report");
    cases = parseReport(readFileSync(job.report, "utf8"));
    if (cases.length === 0) throw new Error("No tests");
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  if (late) problem = `Not over after ${job.timeout / 1000} s`;
  else if (problem) problem += `, exit code ${code}`;
  else if (code !== 0 && !cases.some(({ result }) => result === "failed")) problem = `Exit code ${code}`;
  return { job, cases, problem, output, seconds };
}

function finish(job: Job): Promise<{ code: number | string; late: boolean; output: string }> {
  return new Promise((resolve) => {
    const [program = "", ...args] = job.command;
    let output = "", late = false;
    const child = spawn(program, args, {
      cwd: ROOT,
      env: { ...process.env, NO_COLOR: "1", ...job.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const timer = setTimeout(() => {
      late = true;
      killTree(child.pid!);
    }, job.timeout);
    const collect = (chunk: Uint8Array): void => {
      output = (output + chunk).slice(-LONGEST);
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    child.once("error", (error) => {
      clearTimeout(timer);
      resolve({ code: String(error), late, output });
    });
    // "exit", not "close": an orphan that the test left may hold the pipes for ever.
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      setTimeout(() => resolve({ code: code ?? signal ?? "?", late, output }), 20);
    });
  });
}

/** Ends a process and what it started, children first known first gone, each by its pid. */
export function killTree(pid: number): void {
  const below = childrenOf(pid);
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is over.
  }
  below.forEach(killTree);
}
