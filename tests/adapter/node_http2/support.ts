/** The engine with other rules, and node:http2 without any. @module */
import { platformEngineOver } from "../../../src/adapter/node_http2/engine.ts";
import { currentRules, type Rules } from "../../../src/adapter/node_http2/rules.ts";
import { dial } from "../../../src/adapter/tls/dial.ts";
import { listenTls } from "../../../src/adapter/tls/listen.ts";
import type { TestContext } from "../../support/harness.ts";
import { currentRuntime, type RuntimeName } from "../../support/runtime.ts";
import { spawnRuntime } from "../../support/spawn.ts";
import type { Engines } from "../contract/setup.ts";

const runtime = currentRuntime();

export function engines(change: Partial<Rules> = {}): Engines {
  const engine = platformEngineOver({ dial, listen: listenTls }, { ...currentRules, ...change });
  return { client: engine, server: engine };
}

/** What `node:http2` itself makes of it, in the runtime that runs this; "died" when it took the process with it. */
export async function bare(t: TestContext, trigger: string): Promise<string> {
  const child = spawnRuntime(t, runtime, new URL("./programs/bare.ts", import.meta.url), [trigger]);
  await child.exit(30_000);
  return /^result (.*)$/m.exec(child.out.text)?.[1] ?? "died";
}

export function is(...names: RuntimeName[]): boolean {
  return names.includes(runtime);
}
