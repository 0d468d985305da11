/** Packages from npm, each in a folder of its own under `.cache`, whole or not at all. @module */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findProgram, ROOT } from "../../tests/support/runtime.ts";

/** Where downloads, reports and coverage go. Git ignores it; it may be deleted at any time. */
export const CACHE: string = process.env.H2POOL_CACHE ?? join(ROOT, ".cache");

/**
 * The folder whose `node_modules` holds this version. Install scripts do not run: npm asks about them, and the binaries
 * of the runtimes lie in packages of their own.
 */
export function installed(name: string, version: string, check: (folder: string) => unknown): Promise<string> {
  return together(`${name.replace(/[@/]/g, "_")}-${version}`, [`${name}@${version}`], check);
}

/** The folder `as` of the cache, whose `node_modules` holds all of these, given as npm wants them ("ws@8.23.0"). */
export async function together(
  as: string,
  wanted: readonly string[],
  check: (folder: string) => unknown,
): Promise<string> {
  const folder = join(CACHE, "npm", as);
  if (existsSync(folder)) {
    try {
      await check(folder);
      return folder;
    } catch {
      rmSync(folder, { recursive: true });
    }
  }
  const building = `${folder}.${process.pid}`;
  rmSync(building, { recursive: true, force: true });
  mkdirSync(building, { recursive: true });
  try {
    await npm([
      "install",
      "--prefix",
      building,
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--no-save",
      "--no-package-lock",
      "--loglevel=error",
      ...wanted,
    ]);
    await check(building);
    // Another run may have been faster.
    if (!existsSync(folder)) renameSync(building, folder);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  return folder;
}

async function npm(args: readonly string[]): Promise<void> {
  // Where only Deno is installed, it runs npm.
  const [program, ...first] = findProgram("npm")
    ? ["npm"]
    : [process.execPath, "run", "-A", "--quiet", "--no-config", "npm:npm@11"];
  // `npx` tells its children which project it works for; this is another one.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^npm_config_(local_|global_)?prefix$/i.test(key)),
  );
  const { code, text } = await run([program!, ...first, ...args], { env });
  if (code !== 0) throw new Error(`npm ${args.at(-1)} failed (${code})\n${text}`);
}

/** Runs a program to its end, collecting what it writes. */
export function run(
  command: readonly string[],
  options: { env?: Record<string, string | undefined>; cwd?: string } = {},
): Promise<{ code: number; text: string }> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    let text = "";
    const child = spawn(program, args, {
      ...options,
      env: options.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
    });
    child.stdout?.on("data", (chunk) => text += chunk);
    child.stderr?.on("data", (chunk) => text += chunk);
    child.once("error", (error) => resolve({ code: 127, text: String(error) }));
    child.once("close", (code) => resolve({ code: code ?? 1, text }));
  });
}
