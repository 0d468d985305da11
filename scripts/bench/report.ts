/** From samples to ratios, marks and tables. @module */
import {
  CRITERIA,
  type Criterion,
  type ImplementationName,
  IMPLEMENTATIONS,
  type Measure,
  MEASURES,
  type RuntimeName,
} from "./measures.ts";
import type { IdleMemory } from "./memory.ts";
import type { Rounds } from "./rounds.ts";
import { type Spread, spread } from "./statistics.ts";

/** `aim` and `floor`: reached; `below`: the floor is missed; `reported`: nothing is asked; `missing`: not measured. */
export type Mark = "aim" | "floor" | "below" | "reported" | "missing";
export interface Ratio extends Partial<Spread> {
  readonly measure: string;
  readonly title: string;
  readonly who: ImplementationName;
  readonly of: ImplementationName;
  readonly better: "higher" | "lower";
  readonly floor?: number;
  readonly aim?: number;
  /** Ratio of the CPU time per unit of work, both sides: less than 1 is cheaper. */
  readonly cpu?: number;
  readonly mark: Mark;
}
export interface Figure {
  readonly measure: string;
  readonly title: string;
  readonly unit: string;
  readonly of: Partial<Record<ImplementationName, Spread>>;
}
export interface Extra {
  readonly title: string;
  readonly value: number;
  readonly unit: string;
  readonly floor?: number;
  readonly mark: Mark;
}
export interface RuntimeReport {
  readonly runtime: string;
  readonly version: string;
  readonly rounds: number;
  readonly size: number;
  readonly figures: Figure[];
  readonly ratios: Ratio[];
  readonly extras: Extra[];
  readonly notes: string[];
  readonly seconds: number;
}

export function ratios(
  runtime: RuntimeName,
  rounds: ReadonlyMap<string, Rounds>,
  idle: Partial<Record<ImplementationName, IdleMemory>>,
): Ratio[] {
  return CRITERIA.flatMap((criterion) => {
    const measured = criterion.measure === "idle" ? Object.keys(idle).length > 0 : rounds.has(criterion.measure);
    return measured ? [ratio(runtime, criterion, rounds.get(criterion.measure), idle)] : [];
  }).filter((r) => r.mark !== "missing" || r.floor !== undefined);
}

function ratio(
  runtime: RuntimeName,
  criterion: Criterion,
  rounds: Rounds | undefined,
  idle: Partial<Record<ImplementationName, IdleMemory>>,
): Ratio {
  const { measure, who, of, better } = criterion;
  const floor = criterion.floor?.[runtime];
  const aim = criterion.aim?.[runtime];
  const title = measure === "idle" ? "memory per idle stream" : MEASURES.find((m) => m.id === measure)!.title;
  const base = { measure, title, who, of, better, floor, aim };
  let values: number[] = [];
  let cpu: number | undefined;
  if (measure === "idle") {
    const ours = idle[who];
    const theirs = idle[of];
    if (ours && theirs) values = [(ours.client + ours.server) / (theirs.client + theirs.server)];
  } else {
    const ours = rounds?.get(who) ?? [];
    const theirs = rounds?.get(of) ?? [];
    const both = ours.flatMap((a, i) => a && theirs[i] ? [{ a, b: theirs[i] }] : []);
    values = both.map(({ a, b }) => a.figure / b.figure);
    cpu = spread(both.map(({ a, b }) => a.cpu / b.cpu))?.median;
  }
  const seen = spread(values);
  return { ...base, ...seen, cpu, mark: mark(seen?.median, better, floor, aim) };
}

export function mark(
  value: number | undefined,
  better: "higher" | "lower",
  floor: number | undefined,
  aim: number | undefined,
): Mark {
  if (value === undefined) return "missing";
  if (floor === undefined) return "reported";
  const reaches = (limit: number) => better === "higher" ? value >= limit : value <= limit;
  if (aim !== undefined && reaches(aim)) return "aim";
  return reaches(floor) ? "floor" : "below";
}

export function figures(
  measures: readonly Measure[],
  rounds: ReadonlyMap<string, Rounds>,
  idle: Partial<Record<ImplementationName, IdleMemory>>,
): Figure[] {
  const list: Figure[] = measures.map((measure) => {
    const of: Partial<Record<ImplementationName, Spread>> = {};
    for (const [name, samples] of rounds.get(measure.id) ?? []) {
      const seen = spread(samples.flatMap((sample) => sample ? [sample.figure] : []));
      if (seen) of[name] = seen;
    }
    return { measure: measure.id, title: measure.title, unit: measure.unit, of };
  });
  for (const side of ["client", "server"] as const) {
    const of: Partial<Record<ImplementationName, Spread>> = {};
    for (const [name, memory] of Object.entries(idle)) {
      of[name as ImplementationName] = { median: memory[side], min: memory[side], max: memory[side] };
    }
    if (Object.keys(idle).length > 0) {
      list.push({ measure: `idle-${side}`, title: `memory per idle stream, ${side}`, unit: "KiB", of });
    }
  }
  return list;
}

/** CPU time by side, in microseconds for a MB or for one round trip, message or stream. */
export function cpuFigures(measures: readonly Measure[], rounds: ReadonlyMap<string, Rounds>): Figure[] {
  return measures.flatMap((measure) =>
    (["client", "server"] as const).map((side) => {
      const of: Partial<Record<ImplementationName, Spread>> = {};
      const scale = measure.unit === "MB/s" ? 1e6 : 1e3;
      for (const [name, samples] of rounds.get(measure.id) ?? []) {
        const seen = spread(samples.flatMap((sample) => sample ? [sample[side] * scale] : []));
        if (seen) of[name] = seen;
      }
      const unit = measure.unit === "MB/s" ? "us/MB" : "us";
      return { measure: `${measure.id}-cpu-${side}`, title: `${measure.title}, CPU ${side}`, unit, of };
    })
  );
}

/** Both tables of a runtime as text. */
export function table(report: RuntimeReport): string {
  const names = IMPLEMENTATIONS.filter((name) => report.figures.some((figure) => figure.of[name]));
  const head = ["median of the rounds", "", ...names];
  const rows = report.figures.map((figure) => [
    figure.title,
    figure.unit,
    ...names.map((name) => figure.of[name] ? number(figure.of[name].median) : "-"),
  ]);
  const lines = [`${report.runtime} ${report.version}: ${report.rounds} paired rounds, ${report.size} MiB`, ""];
  lines.push(...grid([head, ...rows], 2));
  if (report.ratios.length > 0) {
    const asked = (limit: number | undefined, better: string) =>
      limit === undefined ? "" : `${better === "higher" ? ">=" : "<="} ${limit}`;
    lines.push("");
    lines.push(...grid([
      ["ratio of paired rounds", "", "median", "min .. max", "floor", "aim", "reached", "CPU"],
      ...report.ratios.map((r) => [
        r.title,
        `${r.who} / ${r.of}`,
        r.median?.toFixed(2) ?? "-",
        r.min === undefined || r.max === undefined || r.min === r.max
          ? ""
          : `${r.min.toFixed(2)} .. ${r.max.toFixed(2)}`,
        asked(r.floor, r.better),
        asked(r.aim, r.better),
        { aim: "aim", floor: "floor", below: "BELOW", reported: "", missing: "MISSING" }[r.mark],
        r.cpu?.toFixed(2) ?? "",
      ]),
    ], 2));
  }
  if (report.extras.length > 0) {
    lines.push("");
    lines.push(...grid([
      ["beside", "", "value", "limit", "reached"],
      ...report.extras.map((e) => [
        e.title,
        e.unit,
        number(e.value),
        e.floor === undefined ? "" : `<= ${e.floor}`,
        { aim: "yes", floor: "yes", below: "NO", reported: "", missing: "MISSING" }[e.mark],
      ]),
    ], 2));
  }
  for (const note of report.notes) lines.push(`! ${note}`);
  lines.push(`(${report.seconds.toFixed(0)} s)`);
  return lines.join("\n");
}

/** With as many digits as mean something. */
export function number(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Columns padded to their width; the first `left` to the left, the others to the right. */
export function grid(rows: readonly (readonly string[])[], left: number): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row.map((cell, i) => i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ").trimEnd()
  );
}
