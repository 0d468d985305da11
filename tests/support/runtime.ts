/** Which runtime this is, where the other ones are, and how a script starts under each. @module */
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The runtimes of the matrix. */
export const RUNTIMES = ["deno", "bun", "node22", "node24", "node26"] as const;
/** One of them. */
export type RuntimeName = (typeof RUNTIMES)[number];

/** The checkout, without a slash at the end. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/** The runtime this code runs on. A Node outside the matrix is named by its major, too. */
export function currentRuntime(): RuntimeName {
  const { deno, bun, node } = process.versions as Record<string, string | undefined>;
  return deno ? "deno" : bun ? "bun" : `node${node?.split(".")[0]}` as RuntimeName;
}

/**
 * The binary of a runtime, or undefined: what `scripts/test.ts` passed on in H2POOL_RUNTIMES, what it left in `.cache`,
 * this process's own binary, or a program of that name on the PATH.
 */
export function findRuntime(name: RuntimeName): string | undefined {
  const given = table(process.env.H2POOL_RUNTIMES)[name];
  if (given) return given;
  if (name === currentRuntime()) return process.execPath;
  const cached = table(read(join(ROOT, ".cache", "runtimes.json")))[name];
  if (cached && existsSync(cached)) return cached;
  return findProgram(name);
}

/** Like {@linkcode findRuntime}, but throws. */
export function runtimePath(name: RuntimeName): string {
  const path = findRuntime(name);
  if (!path) throw new Error(`Cannot find ${name}: "deno task test" installs it into .cache`);
  return path;
}

/** The packages that tests use are where npm has put them (scripts/matrix/packages.ts). */
const DENO: readonly string[] = ["--config", join(ROOT, "deno.json"), "--node-modules-dir=manual"];

/** The command line that runs a script of this repository under a runtime: no type check, the stand-ins resolved. */
export function runtimeCommand(name: RuntimeName, file: string, args: readonly string[] = []): string[] {
  const path = runtimePath(name);
  if (name === "deno") {
    return [path, "run", "-A", "--no-check", "--quiet", ...DENO, file, ...args];
  }
  if (name === "bun") return [path, "--no-install", file, ...args];
  const hook = new URL("../../scripts/node/hook.mjs", import.meta.url).href;
  return [path, "--disable-warning=ExperimentalWarning", "--import", hook, file, ...args];
}

/** The command line that runs a test file under a runtime, and leaves a JUnit report there. */
export function testCommand(name: RuntimeName, file: string, report: string): string[] {
  const path = runtimePath(name);
  if (name === "deno") {
    return [path, "test", "-A", "--no-check", ...DENO, `--junit-path=${report}`, file];
  }
  if (name === "bun") return [path, "test", "--reporter=junit", `--reporter-outfile=${report}`, file];
  const [, ...rest] = runtimeCommand(name, file);
  const reporters = [["spec", "stdout"], ["junit", report]].flatMap(([reporter, to]) => [
    `--test-reporter=${reporter}`,
    `--test-reporter-destination=${to}`,
  ]);
  return [path, ...reporters, ...rest];
}

/** The path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  const ends = process.platform === "win32" ? [".exe", ".cmd"] : [""];
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const end of ends) {
      const path = join(folder, name + end);
      if (folder && existsSync(path)) return path;
    }
  }
}

function table(json: string | undefined): Partial<Record<RuntimeName, string>> {
  if (!json) return {};
  return JSON.parse(json);
}

function read(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}
