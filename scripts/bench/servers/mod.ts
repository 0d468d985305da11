/**
 * `deno task bench:servers`: how fast the servers of a pool are, against the bare servers of the platform, `srvx` and
 * `@hono/node-server`, on each runtime. The requests come from h2load (Debian: nghttp2-client).
 *
 * @module
 */
import os from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { packages } from "../../matrix/packages.ts";
import { run } from "../extras.ts";
import { killAll } from "../pair.ts";
import { findRuntime } from "../runtimes.ts";
import type { RuntimeName } from "../measures.ts";
import type { Many } from "../side/servers/many.ts";
import { type Generator, generator } from "./load.ts";
import { MEASURES, type ServerName, SERVERS } from "./measures.ts";
import { type Beside, ratios, type ServersReport, table } from "./report.ts";
import { brief, openField, type Rounds } from "./rounds.ts";

const RUNTIMES: readonly RuntimeName[] = ["node", "deno", "bun"];
const PARTS: readonly string[] = [...MEASURES.map(({ id }) => id), "many"];
const HELP = `deno task bench:servers [options]

  --runtime LIST   node, deno, bun (default: all three)
  --only LIST      parts: ${PARTS.join(", ")}
  --who LIST       servers: ${SERVERS.join(", ")}
  --rounds N       paired rounds of a measure (default 5)
  --seconds N      of one server in one round (default 0.5)
  --json           JSON instead of tables on standard output
  --profile DIR    CPU profiles of every process
  --against DIR    another checkout: its pools run along as old-pool and old-pool-node
`;

interface Options {
  readonly runtimes: readonly RuntimeName[];
  readonly only: readonly string[];
  readonly who: readonly ServerName[];
  readonly rounds: number;
  readonly seconds: number;
  readonly output: "json" | "tables";
  readonly profile: string | undefined;
  readonly against: string | undefined;
}

class UsageError extends Error {}

function parse(args: string[]): Options | undefined {
  const text = { type: "string" } as const, flag = { type: "boolean" } as const;
  const { values } = parseArgs({
    args,
    options: {
      runtime: text,
      only: text,
      who: text,
      rounds: text,
      seconds: text,
      profile: text,
      against: text,
      json: flag,
      help: { ...flag, short: "h" },
    },
  });
  if (values.help) return undefined;
  const list = <T extends string>(option: string, text: string | undefined, known: readonly T[]): readonly T[] => {
    const words = text?.split(",") ?? known;
    const wrong = words.find((word) => !known.includes(word as T));
    if (wrong !== undefined) throw new UsageError(`--${option}: "${wrong}" is none of ${known.join(", ")}.`);
    return words as readonly T[];
  };
  const count = (option: string, text: string | undefined, standard: number): number => {
    const value = text === undefined ? standard : Number(text);
    if (!(value > 0)) throw new UsageError(`--${option}: "${text}" is not a number above 0.`);
    return value;
  };
  return {
    runtimes: list("runtime", values.runtime, RUNTIMES),
    only: list("only", values.only, PARTS),
    who: list("who", values.who, SERVERS),
    rounds: count("rounds", values.rounds, 5),
    seconds: count("seconds", values.seconds, 0.5),
    output: values.json ? "json" : "tables",
    profile: values.profile,
    against: values.against,
  };
}

async function benchRuntime(name: RuntimeName, options: Options, load: Generator): Promise<ServersReport> {
  const start = performance.now();
  const runtime = await findRuntime(name);
  const env = {
    H2POOL_BENCH_CERTS: fileURLToPath(new URL("../../../tests/support/certs", import.meta.url)),
    NODE_NO_WARNINGS: "1",
  };
  const noted = (text: string): void => void process.stderr.write(`${runtime.label}: ${text}\n`);
  const samples = new Map<string, Rounds>();
  const notes: string[] = [];
  const measures = MEASURES.filter(({ id }) => options.only.includes(id));
  if (measures.length > 0) {
    const { profile, against } = options;
    const names = options.who.filter((who) =>
      // Node has no server of its own but that of node:http.
      (who !== "native" || name !== "node") && (!who.startsWith("old-") || against !== undefined)
    );
    const field = await openField({ runtime, names, env, generator: load, profile, against, noted });
    for (const measure of measures) {
      noted(measure.title);
      samples.set(measure.id, await field.measure(measure, options.rounds, options.seconds));
    }
    await field.quit();
    notes.push(...field.notes);
  }
  const beside: Beside[] = [];
  if (options.only.includes("many")) {
    noted("many servers");
    try {
      const side = async (who: "pool" | "bare"): Promise<Many> =>
        JSON.parse(await run(runtime.command(), runtime.side("servers/many"), env, [who]));
      const pool = await side("pool"), bare = await side("bare");
      beside.push(
        { title: "100 servers start", unit: "ms", pool: pool.start, bare: bare.start },
        { title: "100 servers stop", unit: "ms", pool: pool.stop, bare: bare.stop },
        { title: "memory of a server", unit: "KiB", pool: pool.memory, bare: bare.memory },
      );
    } catch (error) {
      notes.push(`many servers: ${brief(error)}`);
    }
  }
  return {
    runtime: runtime.label,
    version: runtime.version,
    rounds: options.rounds,
    seconds: options.seconds,
    samples,
    ratios: ratios(samples, options.who),
    beside,
    notes,
    took: (performance.now() - start) / 1000,
  };
}

async function main(): Promise<number> {
  const options = parse(process.argv.slice(2));
  if (!options) {
    process.stdout.write(HELP);
    return 0;
  }
  await packages();
  const load = await generator();
  try {
    const machine = `${os.cpus()[0]?.model.trim() ?? "?"}, ${os.cpus().length} cores, ${os.type()} ${os.release()}`;
    if (options.output === "tables") process.stdout.write(`${machine}\n`);
    const reports: ServersReport[] = [];
    for (const runtime of options.runtimes) {
      const report = await benchRuntime(runtime, options, load);
      reports.push(report);
      if (options.output === "tables") process.stdout.write(`\n${table(report)}\n`);
    }
    if (options.output === "json") {
      const plain = (_: string, value: unknown): unknown => value instanceof Map ? Object.fromEntries(value) : value;
      process.stdout.write(`${JSON.stringify({ machine, reports }, plain, 2)}\n`);
    }
    return 0;
  } finally {
    load.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const usage = error instanceof UsageError || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS");
  process.stderr.write(`${usage ? (error as Error).message : (error as Error).stack}\n`);
  process.exitCode = usage ? 2 : 1;
} finally {
  killAll();
}
