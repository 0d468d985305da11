/** A parser for TypeScript with erasable types: Node's own stripping, then acorn from npm. @module */
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { installed } from "./npm.ts";

const ACORN = "8.15.0";
const ENTRY = join("node_modules", "acorn", "dist", "acorn.mjs");

/** Makes an ESTree program whose offsets are those of the source: types become spaces. */
export async function parser(): Promise<(code: string) => unknown> {
  const folder = await installed("acorn", ACORN, (folder) => readFileSync(join(folder, ENTRY)));
  const acorn = await import(pathToFileURL(join(folder, ENTRY)).href) as {
    parse(code: string, options: object): unknown;
  };
  return (code) => acorn.parse(stripTypeScriptTypes(code), { ecmaVersion: "latest", sourceType: "module" });
}
