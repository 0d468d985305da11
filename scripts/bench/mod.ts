/**
 * `deno task bench`: how fast the pools are, on both engines, against bare node:http2, a raw TLS socket and the
 * prototype engine, on each runtime, both ends in separate processes.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import os from "node:os";
import process from "node:process";
import { type ImplementationName, IMPLEMENTATIONS, MEASURES, type RuntimeName } from "./measures.ts";
import { type IdleMemory, idleMemory } from "./memory.ts";
import { killAll, type PairOptions } from "./pair.ts";
import { coreCosts, takes } from "./extras.ts";
import { cpuFigures, type Extra, figures, ratios, type RuntimeReport, table } from "./report.ts";
import { openField, type Rounds } from "./rounds.ts";
import { findPrototype, findRuntime } from "./runtimes.ts";

const HELP = `deno task bench [options]

  --runtime LIST   node, deno, bun (default: all three)
  --only LIST      measures: ${MEASURES.map((m) => m.id).join(", ")}, idle, take, core
  --who LIST       implementations: ${IMPLEMENTATIONS.join(", ")}
  --rounds N       paired rounds of a measure (default 7)
  --size MIB       bytes of one direction in a round, MiB (default 128); other measures scale with it
  --quick          3 rounds of 48 MiB, without Duplex, web streams and the core
  --cpu            the CPU time of each side too
  --json           JSON instead of tables on standard output
  --profile DIR    CPU profiles of every process
  --against DIR    another checkout: its pool and engine run along as old-pool and old-engine
`;
const EVERYTHING: readonly string[] = [...MEASURES.map((m) => m.id), "idle", "take", "core"];
const QUICK: readonly string[] = EVERYTHING.filter((id) => id !== "core");
const RUNTIMES: readonly RuntimeName[] = ["node", "deno", "bun"];

interface Options {
  readonly runtimes: readonly RuntimeName[];
  readonly only: ReadonlySet<string>;
  readonly who: readonly ImplementationName[];
  readonly rounds: number;
  readonly size: number;
  readonly output: "json" | "tables";
  readonly cpu: "cpu" | "no cpu";
  readonly profile: string | undefined;
  readonly against: string | undefined;
}

class UsageError extends Error {}

function parse(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      runtime: { type: "string" },
      only: { type: "string" },
      who: { type: "string" },
      rounds: { type: "string" },
      size: { type: "string" },
      quick: { type: "boolean" },
      json: { type: "boolean" },
      cpu: { type: "boolean" },
      profile: { type: "string" },
      against: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return undefined;
  const list = <T extends string>(option: string, text: string | undefined, known: readonly T[]): T[] => {
    if (text === undefined) return [...known];
    return text.split(",").map((word) => {
      if (!known.includes(word as T)) throw new UsageError(`--${option}: "${word}" is none of ${known.join(", ")}.`);
      return word as T;
    });
  };
  const count = (option: string, text: string | undefined, standard: number): number => {
    const value = text === undefined ? standard : Number(text);
    if (!(value > 0)) throw new UsageError(`--${option}: "${text}" is not a number above 0.`);
    return value;
  };
  const everybody = values.quick
    ? IMPLEMENTATIONS.filter((n) => n !== "pool-duplex" && n !== "pool-web")
    : IMPLEMENTATIONS;
  return {
    runtimes: list("runtime", values.runtime, RUNTIMES),
    only: new Set(list("only", values.only ?? (values.quick ? QUICK.join() : undefined), EVERYTHING)),
    who: values.who === undefined ? everybody : list("who", values.who, IMPLEMENTATIONS),
    rounds: count("rounds", values.rounds, values.quick ? 3 : 7),
    size: count("size", values.size, values.quick ? 48 : 128),
    output: values.json ? "json" : "tables",
    cpu: values.cpu ? "cpu" : "no cpu",
    profile: values.profile,
    against: values.against,
  };
}

const IDLE_WHO: readonly ImplementationName[] = [
  "pool",
  "pool-platform",
  "h2",
  "engine",
  "proto",
  "old-pool",
  "old-engine",
];

async function benchRuntime(name: RuntimeName, options: Options): Promise<RuntimeReport> {
  const start = performance.now();
  const runtime = await findRuntime(name);
  const prototype = findPrototype();
  const who = options.who.filter((implementation) =>
    (implementation !== "proto" || prototype) && (!implementation.startsWith("old-") || options.against)
  );
  const env = {
    H2POOL_BENCH_CERTS: process.env.H2POOL_BENCH_CERTS ??
      fileURLToPath(new URL("../../tests/support/certs", import.meta.url)),
    H2POOL_PROTOTYPE: prototype ?? "",
    NODE_NO_WARNINGS: "1",
  };
  const pair = (implementation: ImplementationName, purpose: "traffic" | "idle"): PairOptions => ({
    command: runtime.command(options.profile && `${options.profile}/${name}/${implementation}`),
    main: runtime.side("main", implementation.startsWith("old-") ? options.against : undefined),
    implementation: implementation.replace("old-", ""),
    purpose,
    env,
  });
  const progress = (text: string) => process.stderr.write(`${runtime.label}: ${text}\n`);
  const measures = MEASURES.filter((measure) => options.only.has(measure.id));
  const rounds = new Map<string, Rounds>();
  const notes: string[] = prototype ? [] : ["the prototype engine is not here: nothing is compared with it"];
  if (measures.length > 0) {
    const field = await openField(who, (implementation) => pair(implementation, "traffic"), progress);
    for (const measure of measures) {
      progress(measure.title);
      rounds.set(measure.id, await field.measure(measure, options.rounds, options.size));
    }
    await field.quit();
    notes.push(...field.notes);
  }
  const idle: Partial<Record<ImplementationName, IdleMemory>> = {};
  if (options.only.has("idle")) {
    progress("memory per idle stream");
    for (const implementation of IDLE_WHO.filter((each) => who.includes(each))) {
      try {
        idle[implementation] = await idleMemory(pair(implementation, "idle"));
      } catch (error) {
        notes.push(`${implementation}, memory: ${error instanceof Error ? error.message.slice(0, 300) : error}`);
      }
    }
  }
  const extras: Extra[] = [];
  if (options.only.has("core") && who.includes("pool")) {
    progress("the core's costs");
    try {
      extras.push(...await coreCosts(runtime.command(), runtime.side("core_costs"), env));
    } catch (error) {
      notes.push(`the core's costs: ${error instanceof Error ? error.message.slice(0, 300) : error}`);
    }
  }
  if (options.only.has("take") && who.includes("pool")) {
    progress("taking a stream");
    try {
      extras.push(
        ...await takes(
          runtime.command(options.profile && `${options.profile}/${name}/take`),
          runtime.side("take"),
          env,
        ),
      );
    } catch (error) {
      notes.push(`taking a stream: ${error instanceof Error ? error.message.slice(0, 300) : error}`);
    }
  }
  return {
    runtime: runtime.label,
    version: runtime.version,
    rounds: options.rounds,
    size: options.size,
    figures: [
      ...figures(measures, rounds, idle),
      ...(options.cpu === "cpu" ? cpuFigures(measures, rounds) : []),
    ],
    ratios: ratios(name, rounds, idle),
    extras,
    notes,
    seconds: (performance.now() - start) / 1000,
  };
}

async function main(): Promise<number> {
  const options = parse(process.argv.slice(2));
  if (!options) {
    process.stdout.write(HELP);
    return 0;
  }
  const machine = `${os.cpus()[0]?.model.trim() ?? "?"}, ${os.cpus().length} cores, ${os.type()} ${os.release()}`;
  const reports: RuntimeReport[] = [];
  if (options.output === "tables") process.stdout.write(`${machine}\n`);
  for (const runtime of options.runtimes) {
    const report = await benchRuntime(runtime, options);
    reports.push(report);
    if (options.output === "tables") process.stdout.write(`\n${table(report)}\n`);
  }
  if (options.output === "json") process.stdout.write(`${JSON.stringify({ machine, reports }, null, 2)}\n`);
  return 0;
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
