/**
 * Paired rounds: the implementations take turns in short rounds against processes that are warm, so that what disturbs
 * the machine disturbs them alike, and ratios are taken within a round.
 *
 * @module
 */
import type { Pair, PairOptions } from "./pair.ts";
import { startPair } from "./pair.ts";
import { figure, type ImplementationName, type Measure } from "./measures.ts";
import type { Timing } from "./side/workload.ts";
import type { Vitals } from "./side/vitals.ts";

/** One implementation in one round. */
export interface Sample {
  readonly figure: number;
  /** Seconds of CPU for a MB, or a thousand round trips, messages or streams: each side, and both. */
  readonly client: number;
  readonly server: number;
  readonly cpu: number;
  readonly opened?: number;
}
/** Samples of one measure by implementation; an entry is undefined where that round failed. */
export type Rounds = Map<ImplementationName, (Sample | undefined)[]>;

export interface Field {
  /** Makes the pairs of these implementations run; those that do not start are left out, with the reason noted. */
  measure(measure: Measure, rounds: number, size: number): Promise<Rounds>;
  /** What went wrong, in words. */
  readonly notes: string[];
  quit(): Promise<void>;
}

const DEADLINE_MS = 30_000;

export async function openField(
  names: readonly ImplementationName[],
  pairOptions: (name: ImplementationName) => PairOptions,
  noted: (note: string) => void,
): Promise<Field> {
  const pairs = new Map<ImplementationName, Pair>();
  const notes: string[] = [];
  const note = (text: string) => {
    if (!notes.includes(text)) notes.push(text);
    noted(text);
  };
  const begin = async (name: ImplementationName) => {
    try {
      pairs.set(name, await startPair(pairOptions(name)));
    } catch (error) {
      note(`${name} did not start: ${brief(error)}`);
    }
  };
  for (const name of names) await begin(name);

  const once = async (name: ImplementationName, measure: Measure, size: number): Promise<Sample | undefined> => {
    const pair = pairs.get(name);
    if (!pair) return undefined;
    try {
      const ask = { ask: "run", workload: measure.workload, load: measure.load(size) } as const;
      const before = await pair.server.ask<Vitals>({ ask: "vitals", collect: "as is" }, DEADLINE_MS);
      const timing = await pair.client.ask<Timing & { cpu: number }>(ask, DEADLINE_MS);
      const after = await pair.server.ask<Vitals>({ ask: "vitals", collect: "as is" }, DEADLINE_MS);
      const units = timing.done / (measure.unit === "MB/s" ? 1e6 : 1e3);
      const client = timing.cpu / units;
      const server = (after.cpu - before.cpu) / units;
      return { figure: figure(measure, timing), client, server, cpu: client + server, opened: timing.opened };
    } catch (error) {
      note(`${name}, ${measure.title}: ${brief(error)}; its processes were started anew`);
      pair.kill();
      pairs.delete(name);
      await begin(name);
      return undefined;
    }
  };

  return {
    notes,
    async measure(measure, rounds, size) {
      const who = names.filter((name) => measure.who.includes(name) && pairs.has(name));
      const result: Rounds = new Map(who.map((name) => [name, []]));
      for (const name of who) await once(name, measure, size / 2);
      for (let round = 0; round < rounds; round++) {
        // Every second round backwards: nobody always runs after the same neighbour.
        for (const name of round % 2 ? [...who].reverse() : who) {
          const samples = result.get(name)!;
          const failed = samples.filter((sample) => sample === undefined).length;
          samples.push(failed < 2 ? await once(name, measure, size) : undefined);
        }
      }
      return result;
    },
    async quit() {
      for (const pair of pairs.values()) await pair.quit();
    },
  };
}

function brief(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n").slice(0, 3).join(" ").slice(0, 300);
}
