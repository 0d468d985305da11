/**
 * `deno run -A scripts/survival.ts`: does a process survive what kills node:http2 on Deno? Each trigger of
 * `tests/adapter/node_http2/triggers.ts`, against both roles, with node:http2 as it comes and with our engine on it.
 *
 *   --runs N         processes of each kind (default 50)
 *   --runtime LIST   deno, bun, node22, node24, node26 (default deno)
 *   --over LIST      bare, engine (default both)
 *
 * Exit code 1 when a process died that has the engine.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import {
  attack,
  OVER,
  type Over,
  type Role,
  ROLES,
  type Trigger,
  TRIGGERS,
} from "../tests/adapter/node_http2/triggers.ts";
import type { TestContext } from "../tests/support/harness.ts";
import { type RuntimeName, RUNTIMES } from "../tests/support/runtime.ts";

interface Row {
  readonly runtime: RuntimeName;
  readonly trigger: Trigger;
  readonly role: Role;
  readonly over: Over;
  died: number;
  readonly how: Map<string, number>;
}

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "50" },
    runtime: { type: "string", default: "deno" },
    over: { type: "string", default: OVER.join() },
  },
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) {
  throw new Error(`--runs takes a whole number of at least 1, not ${values.runs}`);
}
const runtimes = words("--runtime", values.runtime, RUNTIMES);
const overs = words("--over", values.over, OVER);

const rows: Row[] = [];
for (const runtime of runtimes) {
  for (const trigger of TRIGGERS) {
    for (const role of ROLES) {
      for (const over of overs) rows.push(await row(runtime, trigger, role, over));
    }
  }
}
console.log(table());
process.exitCode = rows.some(({ over, died }) => over === "engine" && died > 0) ? 1 : 0;

async function row(runtime: RuntimeName, trigger: Trigger, role: Role, over: Over): Promise<Row> {
  const result: Row = { runtime, trigger, role, over, died: 0, how: new Map() };
  for (let run = 0; run < runs; run++) {
    const how = await once((t) => attack(t, runtime, { trigger, role, over }));
    if (how === "alive") continue;
    result.died++;
    result.how.set(how, (result.how.get(how) ?? 0) + 1);
  }
  console.error(`${runtime}, ${trigger}, ${role}, ${over}: ${result.died} of ${runs} died`);
  return result;
}

/** What a test gets, outside of one. */
async function once(body: (t: TestContext) => ReturnType<typeof attack>): Promise<string> {
  const undo: (() => unknown)[] = [];
  try {
    const { survived, exit, said } = await body({ signal: AbortSignal.timeout(60_000), cleanup: (f) => undo.push(f) });
    return survived ? "alive" : `${exit.signal ?? `exit code ${exit.code}`}${said && `: ${said}`}`;
  } catch (error) {
    return error instanceof Error ? error.message.split("\n")[0] ?? "" : String(error);
  } finally {
    for (const f of undo.reverse()) await f();
  }
}

function table(): string {
  const head = ["runtime", "trigger", "role", "over", "died", "how"];
  const lines = rows.map(({ runtime, trigger, role, over, died, how }) => [
    ...[runtime, trigger, role, over, `${died} of ${runs}`],
    [...how].map(([what, times]) => `${times} x ${what.slice(0, 60)}`).join(", "),
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i]!.length)));
  return [head, ...lines].map((line) => line.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd()).join("\n");
}

function words<T extends string>(flag: string, text: string, known: readonly T[]): T[] {
  return text.split(",").map((word) => {
    const found = known.find((one) => one === word);
    if (found === undefined) throw new Error(`${flag} takes ${known.join(", ")}, not ${word}`);
    return found;
  });
}
