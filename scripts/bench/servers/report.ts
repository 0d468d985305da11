/** From samples to tables. @module */
import { grid, type Mark, mark, number } from "../report.ts";
import { type Spread, spread } from "../statistics.ts";
import {
  CRITERIA,
  type Criterion,
  type Figure,
  type Measure,
  MEASURES,
  type ServerName,
  SERVERS,
  TITLES,
} from "./measures.ts";
import type { Rounds } from "./rounds.ts";

/** A criterion and what came out. */
export interface Ratio extends Criterion, Partial<Spread> {
  /** Ratio of the CPU time of the server's process for a request: less than 1 is cheaper. */
  readonly cpu: number | undefined;
  readonly mark: Mark;
}
/** Something besides: the pool's value, and that of bare `node:http`. */
export interface Beside {
  readonly title: string;
  readonly unit: string;
  readonly pool: number;
  readonly bare: number;
}
export interface ServersReport {
  readonly runtime: string;
  readonly version: string;
  readonly rounds: number;
  readonly seconds: number;
  /** By measure. */
  readonly samples: ReadonlyMap<string, Rounds>;
  readonly ratios: readonly Ratio[];
  readonly beside: readonly Beside[];
  readonly notes: readonly string[];
  readonly took: number;
}

/** The ratios of what was measured: of the same round each. `asked`: whose absence is a lack. */
export function ratios(samples: ReadonlyMap<string, Rounds>, asked: readonly ServerName[]): Ratio[] {
  return CRITERIA.flatMap((criterion) => {
    const { measure, figure, who, of, better, floor } = criterion;
    const rounds = samples.get(measure);
    if (rounds === undefined) return [];
    const ours = rounds.get(who) ?? [], theirs = rounds.get(of) ?? [];
    const each = (what: Figure): number[] =>
      ours.flatMap((sample, i) => sample && theirs[i] ? [sample[what] / theirs[i][what]] : []);
    const seen = spread(each(figure));
    const lacks = floor !== undefined && asked.includes(who) && asked.includes(of);
    if (seen === undefined && !lacks) return [];
    const cpu = figure === "rate" ? spread(each("cpu"))?.median : undefined;
    return [{ ...criterion, ...seen, cpu, mark: mark(seen?.median, better, floor, undefined) }];
  });
}

const UNITS: readonly (readonly [Figure, string])[] = [["rate", "req/s"], ["p99", "p99, ms"], ["cpu", "CPU, us/req"]];

/** All tables of a runtime as text. */
export function table(report: ServersReport): string {
  const measures = MEASURES.filter(({ id }) => report.samples.has(id));
  const lines = [`${report.runtime} ${report.version}: ${report.rounds} paired rounds of ${report.seconds} s`];
  if (measures.length > 0) lines.push("", ...figures(measures, report.samples));
  if (report.ratios.length > 0) {
    const rows = report.ratios.map((ratio) => [
      `${MEASURES.find(({ id }) => id === ratio.measure)!.title}${ratio.figure === "p99" ? ", p99" : ""}`,
      `${TITLES[ratio.who]} / ${TITLES[ratio.of]}`,
      ratio.median?.toFixed(2) ?? "-",
      ratio.min === undefined ? "" : `${ratio.min.toFixed(2)} .. ${ratio.max!.toFixed(2)}`,
      ratio.floor === undefined ? "" : `${ratio.better === "higher" ? ">=" : "<="} ${ratio.floor}`,
      { aim: "yes", floor: "yes", below: "BELOW", reported: "", missing: "MISSING" }[ratio.mark],
      ratio.cpu?.toFixed(2) ?? "",
    ]);
    const head = ["ratio of paired rounds", "", "median", "min .. max", "floor", "reached", "CPU"];
    lines.push("", ...grid([head, ...rows], 2));
  }
  if (report.beside.length > 0) {
    const rows = report.beside.map(({ title, unit, pool, bare }) => [title, unit, number(pool), number(bare)]);
    lines.push("", ...grid([["beside", "", TITLES.pool, "node:http"], ...rows], 2));
  }
  lines.push(...report.notes.map((note) => `! ${note}`), `(${report.took.toFixed(0)} s)`);
  return lines.join("\n");
}

function figures(measures: readonly Measure[], samples: ReadonlyMap<string, Rounds>): string[] {
  const names = SERVERS.filter((name) => measures.some(({ id }) => samples.get(id)!.has(name)));
  const rows = measures.flatMap(({ id, title }) =>
    UNITS.map(([figure, unit]) => [
      title,
      unit,
      ...names.map((name) => {
        const seen = spread((samples.get(id)!.get(name) ?? []).flatMap((sample) => sample ? [sample[figure]] : []));
        return seen === undefined ? "-" : number(seen.median);
      }),
    ])
  );
  return grid([["median of the rounds", "", ...names.map((name) => TITLES[name])], ...rows], 2);
}
