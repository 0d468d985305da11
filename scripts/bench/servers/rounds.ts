/** Paired rounds of servers: they take turns, so that what disturbs the machine disturbs them alike. @module */
import { type Side, startSide } from "../pair.ts";
import type { Runtime } from "../runtimes.ts";
import type { Vitals } from "../side/vitals.ts";
import type { Generator, Much } from "./load.ts";
import { type Measure, type ServerName, TITLES } from "./measures.ts";

/** One server in one round. */
export interface Sample {
  /** Requests per second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p99: number;
  /** Of the server's process, microseconds for a request. */
  readonly cpu: number;
}
/** Samples by server; undefined where that round failed. */
export type Rounds = Map<ServerName, (Sample | undefined)[]>;

export interface Field {
  measure(measure: Measure, rounds: number, seconds: number): Promise<Rounds>;
  readonly notes: string[];
  quit(): Promise<void>;
}

/** How the field's processes are started. */
export interface FieldOptions {
  readonly runtime: Runtime;
  readonly names: readonly ServerName[];
  readonly env: Readonly<Record<string, string>>;
  readonly generator: Generator;
  /** The checkout of those whose names begin with `old-`. */
  readonly against: string | undefined;
  /** A folder for CPU profiles. */
  readonly profile: string | undefined;
  noted(text: string): void;
}

type Running = Side & { readonly ready: Readonly<Record<string, number>> };

const DEADLINE_MS = 20_000;
/** Requests before the first round: what is measured has been compiled. */
const WARM = 6_000;

export async function openField(options: FieldOptions): Promise<Field> {
  const { runtime, env, generator } = options;
  const running = new Map<ServerName, Running>();
  const notes: string[] = [];
  const note = (text: string): void => {
    if (!notes.includes(text)) notes.push(text);
    options.noted(text);
  };
  const begin = async (name: ServerName): Promise<void> => {
    try {
      const command = runtime.command(options.profile && `${options.profile}/${runtime.name}/${name}`);
      const main = runtime.side("servers/main", name.startsWith("old-") ? options.against : undefined);
      running.set(name, await startSide({ command, main, args: [name.replace("old-", "")], name, env }));
    } catch (error) {
      note(`${TITLES[name]} did not start: ${brief(error)}`);
    }
  };
  for (const name of options.names) await begin(name);

  const once = async (name: ServerName, measure: Measure, much: Much): Promise<Sample | undefined> => {
    const server = running.get(name);
    if (server === undefined) return undefined;
    const look = (): Promise<Vitals> => server.ask({ ask: "vitals", collect: "as is" }, DEADLINE_MS);
    try {
      const before = await look();
      const { rate, p99, requests } = await generator.load(measure, server.ready[measure.protocol]!, much);
      const after = await look();
      return { rate, p99, cpu: (after.cpu - before.cpu) / requests * 1e6 };
    } catch (error) {
      note(`${TITLES[name]}, ${measure.title}: ${brief(error)}; started anew`);
      server.kill();
      running.delete(name);
      await begin(name);
      return undefined;
    }
  };

  return {
    notes,
    async measure(measure, rounds, seconds) {
      const who = options.names.filter((name) => (running.get(name)?.ready[measure.protocol] ?? 0) > 0);
      const result: Rounds = new Map(who.map((name) => [name, []]));
      // Compiles what will be measured.
      for (const name of who) await once(name, measure, { requests: WARM });
      for (let round = 0; round < rounds; round++) {
        for (const name of round % 2 ? [...who].reverse() : who) {
          const samples = result.get(name)!;
          const failed = samples.filter((sample) => sample === undefined).length;
          samples.push(failed < 2 ? await once(name, measure, { seconds }) : undefined);
        }
      }
      return result;
    },
    async quit() {
      await Promise.all([...running.values()].map((server) => server.quit()));
    },
  };
}

/** The first lines of an error. */
export function brief(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n").slice(0, 3).join(" ").slice(0, 300);
}
