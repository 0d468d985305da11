/**
 * What the engine has to know of the runtime whose `node:http2` it stands on. The values are in `node.ts`, `deno.ts` and
 * `bun.ts`, each with what happens without it; tests make other ones to see it happen. @module
 */
import type { Capabilities } from "../contract.ts";
import { currentRuntime, type Runtime } from "../runtime.ts";
import { bunRules } from "./bun.ts";
import { denoRules } from "./deno.ts";
import { nodeRules } from "./node.ts";

/** The rules of one runtime. */
export interface Rules {
  readonly capabilities: Capabilities;
  /** How a session and its streams are destroyed: at once, or outside of every callback of theirs. */
  readonly destroy: "at once" | "deferred";
  /** How a stream's writable side is ended. */
  readonly end: "at once" | "deferred";
  /** The receive window that the session is told to have for the whole connection; undefined: it is not told. */
  readonly connectionWindow: number | undefined;
  /** What a session means by an end without GOAWAY, when it got nothing but what the engine had checked. */
  readonly silentEnd: number;
  /** Whether the peer's GOAWAY and RST_STREAM reach the session, or the engine alone. */
  readonly endings: "kept away" | "shown";
}

/** The rules of a runtime. */
export function rulesOf(runtime: Runtime): Rules {
  return { node: nodeRules, deno: denoRules, bun: bunRules }[runtime.name];
}

/** The rules of the runtime that runs this. */
export const currentRules: Rules = rulesOf(currentRuntime());
