/** Where the runtimes are, and how they run a file of the benchmark. @module */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { findRuntime as find } from "../../tests/support/runtime.ts";
import { get } from "../matrix/runtimes.ts";
import type { Command } from "./pair.ts";
import type { RuntimeName } from "./measures.ts";

export interface Runtime {
  readonly name: RuntimeName;
  readonly label: string;
  readonly version: string;
  /** `profile`: a folder for CPU profiles. */
  command(profile?: string): Command;
  /** Where a side's program is, such as "main", of this checkout or of another. */
  side(name: string, checkout?: string): string;
}

/** Found like the tests' runtimes; got from npm into the cache folder where it is not there. */
export async function findRuntime(name: RuntimeName): Promise<Runtime> {
  const of = name === "node" ? "node24" : name;
  const program = find(of) ?? (await get(of)).path;
  const version = /\d+\.\d+\.\d+/.exec(execFileSync(program, ["--version"], { encoding: "utf8" }))?.[0] ?? "?";
  const label = { node: "Node", deno: "Deno", bun: "Bun" }[name];
  return {
    name,
    label,
    version,
    command: (profile) => ({ program, flags: flags(name, profile) }),
    side: (side, checkout = CHECKOUT) => {
      if (name !== "node") return join(checkout, "scripts/bench/side", `${side}.ts`);
      return join(javaScript(program, resolve(checkout)), "scripts/bench/side", `${side}.js`);
    },
  };
}

const CHECKOUT = fileURLToPath(new URL("../../", import.meta.url));
const built = new Map<string, string>();

/** Node is measured with JavaScript: `build.ts` says why. */
function javaScript(node: string, checkout: string): string {
  let folder = built.get(checkout);
  if (folder === undefined) {
    folder = join(checkout, ".cache", "bench");
    const build = fileURLToPath(new URL("./build.ts", import.meta.url));
    execFileSync(node, ["--no-warnings", build, checkout, folder]);
    built.set(checkout, folder);
  }
  return folder;
}

function flags(name: RuntimeName, profile: string | undefined): string[] {
  const profiled = profile ? ["--cpu-prof", `--cpu-prof-dir=${profile}`] : [];
  switch (name) {
    case "node":
      return ["--no-warnings", "--expose-gc", ...profiled];
    case "deno":
      return ["run", "-A", "--no-check", "--quiet", "--node-modules-dir=manual", "--v8-flags=--expose-gc", ...profiled];
    case "bun":
      return profiled;
  }
}

/** The prototype's engine, by environment or beside the checkout. */
export function findPrototype(): string | undefined {
  const given = process.env.H2POOL_PROTOTYPE;
  if (given) return given;
  const beside = fileURLToPath(new URL("../../../shared/prototype/engine.mjs", import.meta.url));
  return existsSync(beside) ? beside : undefined;
}
