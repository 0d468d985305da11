import { assert, assertEquals, assertThrows } from "@std/assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { comparison, declarations, specification } from "../../scripts/api.ts";
import { test, type TestContext } from "../support/harness.ts";
import { runtime } from "../support/needs.ts";
import { runtimePath } from "../support/runtime.ts";
import { spawnProgram } from "../support/spawn.ts";

const SPEC = `
// ───── shared ─────
export interface Addr { readonly host: string; readonly port: number }
export interface WaitOptions { timeout?: number }
export type Code = "ERR_A" | "ERR_B";
// ───── pools ─────
export abstract class Pool extends EventTarget {
  readonly name: string;
  get(id: string | number): Promise<Addr>;
}
export class Client extends Pool { constructor(options: WaitOptions) }
export class Fault extends Error { readonly code: Code }
// ───── later ─────
export function text(...pools: Pool[]): string;
`;

const REAL = `
export interface Addr { readonly host: string; readonly port: number; readonly more: boolean }
export interface WaitOptions { timeout?: number; more?: string }
export type Code = "ERR_A" | "ERR_B";
export abstract class Pool extends EventTarget {
  readonly name: string = "";
  #secret = 1;
  private hidden = 2;
  get(id: string | number | bigint): Promise<Addr> { return Promise.reject(id ? this.#secret : this.hidden); }
}
export class Client extends Pool { constructor(options?: WaitOptions) { super(); if (options) this.get(""); } }
export class Fault extends Error { readonly code: Code; constructor(code: Code) { super(); this.code = code; } }
export function text(...pools: Pool[]): string { return String(pools); }
`;

test("api: declarations, by section", () => {
  const list = declarations(SPEC).map(({ kind, name, section, constructs }) => [kind, name, section, constructs]);
  assertEquals(list, [
    ["interface", "Addr", "shared", false],
    ["interface", "WaitOptions", "shared", false],
    ["type", "Code", "shared", false],
    ["abstract class", "Pool", "pools", false],
    ["class", "Client", "pools", true],
    ["class", "Fault", "pools", false],
    ["function", "text", "later", false],
  ]);
});

test("api: a cut that the specification does not have is told", () => {
  assertEquals(specification("a b c", { sections: [], cut: [" b"] }), "a c");
  assertThrows(() => specification("a c", { sections: [], cut: [" b"] }), Error, "Cannot cut");
});

const BROKEN: Record<string, [from: string, to: string, misfit: string]> = {
  "a member that is gone": ["readonly port: number; ", "", "Addr"],
  "a member of another type": ["port: number", "port: string", "Addr"],
  "an option that must be given": ["more?: string", "more: string", "WaitOptions"],
  "a code that is gone": [`"ERR_A" | "ERR_B"`, `"ERR_A"`, "Code"],
  "a code too many": [`"ERR_A" | "ERR_B"`, `"ERR_A" | "ERR_B" | "ERR_C"`, "Code"],
  "a method that takes less": ["id: string | number | bigint", "id: string", "Pool"],
  "a method that gives less": ["Promise<Addr> {", "Promise<string> {", "Pool"],
  "a constructor that needs more": ["options?: WaitOptions", "options: WaitOptions, more: string", "Client"],
  "a class that is only a type": ["export class Fault", "class Secret", "Fault"],
  "a declaration that is gone": ["export function text", "function text", "text"],
};

test("api: a surface that grew fits, one that shrank or changed does not", { needs: runtime("deno") }, async (t) => {
  const broken = Object.entries(BROKEN).map(([what, [from, to, misfit]]) => {
    assert(REAL.includes(from), what);
    const type = to === "class Secret" ? "export type { Secret as Fault };" : "";
    return { what, misfit, real: REAL.replace(from, to) + type };
  });
  const [grown, ...found] = await misfits(t, [REAL, ...broken.map(({ real }) => real)]);
  assertEquals(grown, []);
  broken.forEach(({ what, misfit }, i) => assert(found[i]?.includes(misfit), `${what}: ${found[i]}`));
});

/** The declarations that do not fit, of each of several surfaces. */
async function misfits(t: TestContext, surfaces: readonly string[]): Promise<string[][]> {
  const folder = mkdtempSync(join(tmpdir(), "h2pool-"));
  t.cleanup(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  write("deno.json", "{}");
  write("api.d.ts", SPEC);
  const checks = surfaces.map((real, i) => {
    write(`real${i}.ts`, real);
    const code = comparison(declarations(SPEC), "./api.d.ts", `./real${i}.ts`);
    write(`check${i}.ts`, code);
    return code.split("\n");
  });
  const child = spawnProgram(t, [runtimePath("deno"), "check", ...checks.keys().map((i) => `check${i}.ts`)], {
    cwd: folder,
  });
  await child.exit(25_000);
  const names = checks.map(() => new Set<string>());
  for (const [, i = 0, line = 0] of child.err.text.matchAll(/check(\d+)\.ts:(\d+)/g)) {
    names[Number(i)]?.add(
      /(\w+?)(_\w+)? ?[:=]/.exec(checks[Number(i)]?.[Number(line) - 1] ?? "")?.[1] ?? `line ${line}`,
    );
  }
  return names.map((set) => [...set]);
}
