/** What one process tells by itself: the time to take a stream, and the core's cost per operation. @module */
import { spawn } from "node:child_process";
import process from "node:process";
import type { CoreCost } from "./core.ts";
import type { Command } from "./pair.ts";
import { type Extra, mark } from "./report.ts";

const DEADLINE_MS = 90_000;

/** Median times to take a stream, against the limits of the project. */
export async function takes(command: Command, file: string, env: Readonly<Record<string, string>>): Promise<Extra[]> {
  const output = await run(command, file, env);
  const { pooled, waitingById, waitingNext } = JSON.parse(output) as Record<string, number>;
  const extra = (title: string, value: number | undefined, floor: number): Extra => ({
    title,
    unit: "us",
    value: value ?? NaN,
    floor,
    mark: mark(value, "lower", floor, undefined),
  });
  return [
    extra("taking a pooled stream by its id", pooled, 2),
    extra("a taker that waits for an id, from the arrival", waitingById, 300),
    extra("a taker that waits for the next one, from the arrival", waitingNext, 300),
  ];
}

/** How much more an operation of the core may cost at 100,000 members than at 10, beyond what a bare `Map` grows by. */
const FLAT = 2;

/** The core's costs at 10, 1,000 and 100,000 members. Flat means: it does not grow faster than a `Map` does, whose caches miss too. */
export async function coreCosts(
  command: Command,
  file: string,
  env: Readonly<Record<string, string>>,
): Promise<Extra[]> {
  const costs = JSON.parse(await run(command, file, env)) as CoreCost[];
  const growth = ({ ns }: CoreCost): number => ns.at(-1)! / ns[0]!;
  const yardstick = Math.max(1, growth(costs[0]!));
  return costs.map((cost, i) => ({
    title: `core: ${cost.operation}`,
    unit: `ns at 10 / 1,000 / 100,000: ${cost.ns.map((ns) => ns.toFixed(0)).join(" / ")}`,
    value: growth(cost) / yardstick,
    floor: i === 0 ? undefined : FLAT,
    mark: i === 0 ? "reported" : mark(growth(cost) / yardstick, "lower", FLAT, undefined),
  }));
}

/** Runs a file to its end and gives the last line that it printed. */
export function run(
  command: Command,
  file: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<string> {
  const child = spawn(command.program, [...command.flags, file, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: DEADLINE_MS,
    killSignal: "SIGKILL",
  });
  let output = "";
  let complaints = "";
  child.stdout.on("data", (text) => output += text);
  child.stderr.on("data", (text) => complaints = (complaints + text).slice(-2_000));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(output.trimEnd().split("\n").at(-1)!);
      else reject(new Error(`${file} ended with ${signal ?? code}. ${complaints}`));
    });
  });
}
