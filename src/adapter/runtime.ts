/** Which runtime this is, and whether it is new enough. @module */
import process from "node:process";

/** The runtimes that the adapter knows. */
export interface Runtime {
  readonly name: "deno" | "bun" | "node";
  readonly version: string;
}

/** The oldest versions whose sockets were measured and found sound. */
export const floors: Readonly<Record<Runtime["name"], readonly [major: number, minor: number]>> = {
  deno: [2, 9],
  bun: [1, 4],
  node: [22, 0],
};

interface Globals {
  Deno?: { version?: { deno?: string } };
  Bun?: { version?: string };
}

/** The runtime that runs this. Deno and Bun also pose as Node in `process.versions`, so they are asked first. */
export function currentRuntime(): Runtime {
  const { Deno, Bun } = globalThis as Globals;
  if (typeof Deno?.version?.deno === "string") return { name: "deno", version: Deno.version.deno };
  if (typeof Bun?.version === "string") return { name: "bun", version: Bun.version };
  return { name: "node", version: process.versions.node };
}

/** Undefined when `runtime` is new enough, else the sentence that says what is needed. */
export function tooOld(runtime: Runtime): string | undefined {
  const [major = 0, minor = 0] = runtime.version.split(".").map((part) => Number.parseInt(part, 10));
  const floor = floors[runtime.name];
  if (major > floor[0] || (major === floor[0] && minor >= floor[1])) return undefined;
  const name = { deno: "Deno", bun: "Bun", node: "Node" }[runtime.name];
  return `h2pool needs ${name} ${floor[0]}.${floor[1]} or newer: this is ${runtime.version}`;
}
