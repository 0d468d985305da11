/**
 * JavaScript of the library and of the bench's sides, as npm's users of Node have it. Node strips the types of a `.ts` file while it
 * loads it, and a process that has done so collects garbage differently for the rest of its life: 15 to 35 % more CPU in bulk.
 * Run by Node: `node build.ts FROM TO`.
 *
 * @module
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";

/** What the sides load. */
const PARTS = ["mod.ts", "src", "scripts/bench", "package.json"];

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined) throw new Error("build.ts FROM TO");
rmSync(to, { recursive: true, force: true });
for (const part of PARTS) build(part);

function build(part: string): void {
  const source = join(from!, part);
  if (statSync(source).isDirectory()) {
    for (const name of readdirSync(source)) build(join(part, name));
    return;
  }
  const target = join(to!, part);
  mkdirSync(dirname(target), { recursive: true });
  if (!part.endsWith(".ts")) return cpSync(source, target);
  const code = stripTypeScriptTypes(readFileSync(source, "utf8"));
  const imports = code.replaceAll(/(["`])(\.\.?\/[^"`\n]*)\.ts\1/g, "$1$2.js$1");
  writeFileSync(target.replace(/\.ts$/, ".js"), imports);
}
