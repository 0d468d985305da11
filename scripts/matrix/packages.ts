/**
 * The npm packages that tests and benchmarks use (`packages.json`, in exact versions) and those that published code does
 * (`dependencies` of `package.json`), in `node_modules`.
 *
 * They are not `devDependencies`: Deno would fetch those by itself before any task begins, from a registry that it may not
 * reach where npm, with its own settings, does. What uses them runs on Deno with `--node-modules-dir=manual`.
 *
 * A checkout without `node_modules` gets a link to a folder of the cache, so that several checkouts share it and a test
 * file run by hand finds the packages too. One in which `npm install` was run is left alone, if it has them all.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ROOT } from "../../tests/support/runtime.ts";
import { together } from "./npm.ts";

const LINK = join(ROOT, "node_modules");

/** Sees to it that `node_modules` has them. Rejects with what is missing. */
export async function packages(): Promise<void> {
  const { dependencies = {} } = read("package.json") as { dependencies?: Record<string, string> };
  const own = read("scripts/matrix/packages.json") as Record<string, string>;
  const wanted = Object.entries({ ...dependencies, ...own }).sort(([a], [b]) => a < b ? -1 : 1);
  const check = (folder: string): void => {
    for (const [name] of wanted) {
      if (!existsSync(join(folder, "node_modules", name, "package.json"))) throw new Error(`${name} is not installed`);
    }
  };
  const kind = lstatSync(LINK, { throwIfNoEntry: false });
  if (kind !== undefined && !kind.isSymbolicLink()) {
    try {
      return check(ROOT);
    } catch (cause) {
      throw new Error(`Cannot use ${LINK}: it lacks packages; delete it`, { cause });
    }
  }
  const specifiers = wanted.map(([name, version]) => `${name}@${version}`);
  const key = createHash("sha256").update(specifiers.join("\n")).digest("hex").slice(0, 12);
  const target = join(await together(`packages-${key}`, specifiers, check), "node_modules");
  if (kind !== undefined && readlinkSync(LINK) === target) return;
  // Renamed into place: another run may be resolving through the one of before.
  const fresh = `${LINK}.${process.pid}`;
  symlinkSync(target, fresh, "junction");
  try {
    renameSync(fresh, LINK);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, file), "utf8"));
}
