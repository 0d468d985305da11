/**
 * The suite's own `test`, one behaviour each, the same on every runtime.
 *
 * - `t.cleanup(f)` runs after the test, last first, whether it passed or not.
 * - `t.signal` aborts when the test is over or its time (30 s, or `timeout`) is up.
 * - A test that leaves a socket, a timer, a child process, a watcher or a `process` listener open fails (`leaks.ts`), as
 *   does one during which an exception or a rejection went uncaught. What a test about an uncaught exception needs is a
 *   script of its own under `spawn.ts`.
 * - `needs` skips a test on a machine that lacks something, with the reason.
 *
 * @module
 */
import { test as run } from "node:test";
import process from "node:process";
import { leaks, open, untracked } from "./leaks.ts";
import type { Need } from "./needs.ts";

/** What the body of a test gets. */
export interface TestContext {
  readonly signal: AbortSignal;
  /** Runs after the test, last first, whether it passed or not. */
  cleanup(undo: () => unknown): void;
}

export interface TestOptions {
  /** Milliseconds. Default 30_000. */
  timeout?: number;
  needs?: Need | readonly Need[];
}

type Body = (t: TestContext) => unknown;

/** For cleaning up, after the body. */
const CLEANUP = 10_000;
/** The runtime's own limit is only a net below this one. */
const NET = CLEANUP + 15_000;

let waiting = 0;
const leaked: string[] = [];

export function test(name: string, body: Body): void;
export function test(name: string, options: TestOptions, body: Body): void;
export function test(name: string, second: TestOptions | Body, third?: Body): void {
  const [options, body] = typeof second === "function" ? [{}, second] : [second, third!];
  const { timeout = 30_000, needs = [] } = options;
  const missing = ([] as Need[]).concat(needs).find((need) => need.missing)?.missing;
  if (missing) return void run(name, { skip: missing }, () => {});
  waiting++;
  run(name, { timeout: timeout + NET }, async () => {
    try {
      await once(body, timeout);
    } finally {
      if (--waiting === 0 && leaked.length > 0) stop();
    }
  });
}

async function once(body: Body, timeout: number): Promise<void> {
  const undo: (() => unknown)[] = [];
  const over = new AbortController();
  const errors: unknown[] = [];
  const uncaught = (error: unknown): void => void errors.push(new Error("Uncaught during the test", { cause: error }));
  const attempt = async (what: string, ms: number, f: () => unknown): Promise<void> => {
    try {
      await within(what, ms, f);
    } catch (error) {
      errors.push(error);
    }
  };
  const before = open();
  process.on("uncaughtException", uncaught).on("unhandledRejection", uncaught);
  await attempt("Test", timeout, () => body({ signal: over.signal, cleanup: (f) => undo.push(f) }));
  over.abort(new Error("Test is over"));
  await attempt("Cleanup", CLEANUP, async () => {
    for (const f of undo.reverse()) await attempt("Cleanup", CLEANUP, f);
  });
  process.off("uncaughtException", uncaught).off("unhandledRejection", uncaught);
  const left = await leaks(before);
  if (left.length > 0) {
    leaked.push(`Left open: ${left.join("; ")}`);
    errors.push(new Error(leaked.at(-1)));
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors.map(String).join("\n"));
}

async function within(what: string, ms: number, f: () => unknown): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = untracked(() => reject(new Error(`${what} not over after ${ms} ms`)), ms);
  });
  try {
    await Promise.race([f(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A leak keeps Node's process alive after its last test. It has been told, so nobody needs to wait for it; Node reports at the end only. */
function stop(): void {
  const timer = untracked(() => {
    process.stderr.write(`${leaked.join("\n")}\n`);
    process.exit(1);
  }, 500);
  timer.unref();
}
