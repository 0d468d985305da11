/**
 * `deno task check`: format, lint (the arrows of the architecture are among its rules), types, the specification's
 * declarations, the documents' examples, documentation of every public symbol.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { ROOT } from "../tests/support/runtime.ts";
import { sharedPath } from "../tests/support/shared.ts";
import { comparison, declarations, type Later, specification } from "./api.ts";
import { examples, moduleName, moduleOf } from "./docs.ts";
import { CACHE, run } from "./matrix/npm.ts";
import { packages } from "./matrix/packages.ts";

/** What later work brings; whoever does takes it out of here. */
const LATER: Later = {
  sections: [],
  cut: [` | { server: HttpServer; path?: string }`],
};
/** Entry points that promise the specification's declarations, and the sections they promise. */
const PROMISES: Readonly<Record<string, readonly string[] | undefined>> = {
  ".": undefined,
  "./streams": ["shared", "stream pools"],
  "./servers": ["HTTP server pool"],
  "./metrics": ["metrics"],
};

const { name, exports, imports, compilerOptions } = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8")) as {
  name: string;
  exports: Record<string, string>;
  imports: Record<string, string>;
  compilerOptions: object;
};
/** What published code imports from npm: Deno asks the configuration that it was started with, whoever imports. */
const dependencies = Object.fromEntries(Object.entries(imports).filter(([, from]) => from.startsWith("npm:")));
let failures = 0;

await step("format", ["fmt", "--check"]);
await step("lint", ["lint"]);
await packages();
await step("types", ["check", "--node-modules-dir=manual"]);
await api();
await documents();
await step("schema/servers.json", ["run", "-A", join("scripts", "schema.ts"), "--check"]);
await step("documentation", ["doc", "--lint", ...Object.values(exports)]);
await exampleEach();
console.log(failures === 0 ? "checked" : `failed: ${failures}`);
process.exitCode = failures === 0 ? 0 : 1;

async function step(what: string, args: readonly string[]): Promise<void> {
  const start = performance.now();
  const { code, text } = await run([process.execPath, ...args], { cwd: ROOT, env: { ...process.env, NO_COLOR: "1" } });
  if (code === 0) return console.log(`ok ${what} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  fail(what);
  console.log(text.split("\n").filter((line) => !line.startsWith("Check ")).join("\n"));
}

function fail(message: string): void {
  failures++;
  console.log(`FAILED ${message}`);
}

async function api(): Promise<void> {
  const source = shared();
  if (!source) return console.log("left out: declarations of the specification: no ../shared/design");
  const folder = join(CACHE, "api");
  mkdirSync(folder, { recursive: true });
  const text = specification(readFileSync(source, "utf8"), LATER);
  writeFileSync(join(folder, "api.d.ts"), text);
  // The checkout's own deno.json leaves the cache out.
  writeFileSync(
    join(folder, "deno.json"),
    JSON.stringify({ compilerOptions, nodeModulesDir: "none", imports: dependencies }),
  );
  for (const [entry, sections] of Object.entries(PROMISES)) {
    const module = exports[entry];
    if (!module) continue;
    const path = join(ROOT, module);
    const present = new Set(await exported(path));
    const list = declarations(text).filter(({ name, section }) =>
      present.has(name) || !LATER.sections.includes(section) && (sections?.includes(section) ?? true)
    );
    const missing = list.filter(({ name }) => !present.has(name)).map(({ name }) => name);
    if (missing.length > 0) fail(`${module} does not export ${missing.join(", ")}`);
    const file = join(folder, `${entry === "." ? "all" : entry.slice(2)}.ts`);
    const compared = list.filter(({ name }) => present.has(name));
    writeFileSync(file, comparison(compared, "./api.d.ts", pathToFileURL(path).href));
    const what = `${compared.length} of ${list.length} declarations of the specification in ${module}`;
    await step(what, ["check", "--config", join(folder, "deno.json"), file]);
  }
}

/** The examples of the documents. Those of doc comments are checked where they run: `deno test --doc`. */
async function documents(): Promise<void> {
  const folder = join(CACHE, "examples");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const own = Object.entries(exports).map(([entry, module]) => [
    name + entry.slice(1),
    pathToFileURL(join(ROOT, module)).href,
  ]);
  const imports = { ...dependencies, ...Object.fromEntries(own) };
  // Applications that examples serve are in `node_modules`.
  const config = { compilerOptions, nodeModulesDir: "manual", imports };
  writeFileSync(join(folder, "deno.json"), JSON.stringify(config));
  // The cache may be elsewhere.
  symlinkSync(realpathSync(join(ROOT, "node_modules")), join(folder, "node_modules"), "junction");
  const files = examples().map((block) => {
    const file = join(folder, moduleName(block));
    writeFileSync(file, moduleOf(block));
    return file;
  });
  await step(`${files.length} examples in documents`, ["check", "--config", join(folder, "deno.json"), ...files]);
}

/** Every public symbol shows how it is used. */
async function exampleEach(): Promise<void> {
  const all = await symbols(join(ROOT, exports["."]!));
  const without = all.filter(({ declarations }) =>
    !declarations.some(({ jsDoc }) => jsDoc?.tags?.some(({ kind }) => kind === "example"))
  );
  if (without.length > 0) fail(`public symbols without an example: ${without.map(({ name }) => name).join(", ")}`);
  else console.log(`ok ${all.length} public symbols have an example`);
}

async function exported(path: string): Promise<string[]> {
  return (await symbols(path)).map(({ name }) => name);
}

/** A public symbol, as `deno doc --json` tells it. */
interface PublicSymbol {
  readonly name: string;
  readonly declarations: readonly { readonly jsDoc?: { readonly tags?: readonly { readonly kind: string }[] } }[];
}

async function symbols(path: string): Promise<PublicSymbol[]> {
  const { code, text } = await run([process.execPath, "doc", "--json", path], { cwd: ROOT });
  if (code !== 0) throw new Error(text);
  const { nodes } = JSON.parse(text) as { nodes: Record<string, { symbols: PublicSymbol[] }> };
  return Object.values(nodes).flatMap(({ symbols }) => symbols);
}

function shared(): string | undefined {
  try {
    const path = sharedPath("design", "api.d.ts");
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}
