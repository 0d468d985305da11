/** The runtimes of the matrix: this Deno, and Bun and Node in the pinned versions, from npm. @module */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type RuntimeName, RUNTIMES } from "../../tests/support/runtime.ts";
import { CACHE, installed, run } from "./npm.ts";

/** Deno's is the floor, since it is the one that runs this; the others are exact. */
export const VERSIONS: Readonly<Record<RuntimeName, string>> = {
  deno: "2.9.0",
  bun: "1.4.4",
  node22: "22.23.3",
  node24: "24.21.0",
  node26: "26.10.0",
};

/** A runtime that runs. */
export interface Runtime {
  readonly name: RuntimeName;
  readonly version: string;
  readonly path: string;
}

/** Every runtime, or the reason why it cannot be had. Leaves a table of paths for tests that start other runtimes. */
export async function runtimes(): Promise<{ found: Runtime[]; missing: { name: RuntimeName; error: Error }[] }> {
  const found: Runtime[] = [], missing: { name: RuntimeName; error: Error }[] = [];
  await Promise.all(RUNTIMES.map(async (name) => {
    try {
      found.push(await get(name));
    } catch (error) {
      missing.push({ name, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }));
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(join(CACHE, "runtimes.json"), table(found));
  return { found: found.sort((a, b) => RUNTIMES.indexOf(a.name) - RUNTIMES.indexOf(b.name)), missing };
}

/** Paths by name, as H2POOL_RUNTIMES has them. */
export function table(found: readonly Runtime[]): string {
  return JSON.stringify(Object.fromEntries(found.map(({ name, path }) => [name, path])));
}

/** One runtime, from npm into the cache folder unless it is there. */
export async function get(name: RuntimeName): Promise<Runtime> {
  const wanted = VERSIONS[name];
  if (name === "deno") {
    const version = await versionOf(process.execPath);
    if (!atLeast(version, wanted)) throw new Error(`Cannot test on Deno ${version}: ${wanted} is the floor`);
    return { name, version, path: process.execPath };
  }
  const program = name === "bun" ? "bun" : "node";
  const find = (folder: string): Promise<string> => binary(folder, program, wanted);
  const path = await find(await installed(name === "bun" ? "bun" : nodePackage(), wanted, find));
  return { name, version: wanted, path };
}

/** Under these names the `node` package has the binaries. */
function nodePackage(): string {
  const platform = process.platform === "win32" ? "win" : process.platform;
  return `${platform === "darwin" && process.arch === "arm64" ? "node-bin" : "node"}-${platform}-${process.arch}`;
}

/** npm may bring several builds of Bun; one of them suits this machine. */
async function binary(folder: string, program: string, version: string): Promise<string> {
  const ends = process.platform === "win32" ? `${program}.exe` : program;
  const modules = join(folder, "node_modules");
  const seen: string[] = [];
  for (const entry of readdirSync(modules, { recursive: true, encoding: "utf8" })) {
    if (!/[\\/]bin[\\/][^\\/]+$/.test(entry) || !entry.endsWith(ends) || /^bun[\\/]/.test(entry)) continue;
    const path = join(modules, entry);
    const has = await versionOf(path);
    if (has === version) return path;
    seen.push(`${entry}: ${has}`);
  }
  throw new Error(`Cannot find ${program} ${version} in ${modules} (${seen.join(", ") || "nothing like it"})`);
}

async function versionOf(path: string): Promise<string> {
  const { text } = await run([path, "--version"]);
  return /\d+\.\d+\.\d+/.exec(text)?.[0] ?? text.trim().slice(0, 200);
}

function atLeast(version: string, floor: string): boolean {
  const a = version.split(".").map(Number), b = floor.split(".").map(Number);
  const i = a.findIndex((n, i) => n !== b[i]);
  return i < 0 || a[i]! > (b[i] ?? 0);
}
