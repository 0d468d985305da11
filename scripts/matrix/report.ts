/** What the test run prints. @module */
import type { FileCoverage } from "./coverage.ts";
import type { Result } from "./job.ts";

/** Tests by how they went. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const LINES = 60;

/** Counts tests; a run that is wrong as such is one failure. `strict`: a skip is one, too. */
export function tally(results: readonly Result[], strict = false): Counts {
  const count = (wanted: string): number =>
    results.reduce((n, { cases }) => n + cases.filter(({ result }) => result === wanted).length, 0);
  const problems = results.filter(({ problem }) => problem).length;
  const skipped = count("skipped");
  return {
    passed: count("passed"),
    failed: count("failed") + problems + (strict ? skipped : 0),
    skipped: strict ? 0 : skipped,
  };
}

/** One line for a runtime. */
export function printRuntime(name: string, { passed, failed, skipped }: Counts, seconds: number): void {
  console.log(
    `${name.padEnd(16)} ${String(passed).padStart(5)} ok ${String(failed).padStart(4)} not ok ${
      String(skipped).padStart(4)
    } left out ${seconds.toFixed(1).padStart(7)} s`,
  );
}

/** What failed in one file on one runtime, and what it wrote when that does not say why. */
export function printFailures({ job, cases, problem, output }: Result, strict = false): void {
  for (const { name, result, text } of cases) {
    if (result === "failed") console.log(`FAILED ${job.runtime} ${job.file}: ${name}\n${indent(text)}`);
    else if (strict && result === "skipped") {
      console.log(`FAILED ${job.runtime} ${job.file}: ${name}: left out ${text}`);
    }
  }
  if (problem) console.log(`FAILED ${job.runtime} ${job.file}: ${problem}\n${indent(output)}`);
}

/** Every reason for a skip, once. */
export function printSkips(results: readonly Result[]): void {
  const reasons = new Map<string, number>();
  for (const { cases } of results) {
    for (const { result, text } of cases) {
      if (result === "skipped" && text) reasons.set(text, (reasons.get(text) ?? 0) + 1);
    }
  }
  for (const [reason, n] of reasons) console.log(`left out: ${reason} (${n} tests that said why)`);
}

/** The whole, and the files below `floor`, worst first. Returns the percentage. */
export function printCoverage(files: readonly FileCoverage[], floor: number): number {
  const sum = (key: "statements" | "covered"): number => files.reduce((n, file) => n + file[key], 0);
  const percent = share(sum("covered"), sum("statements"));
  console.log(`statement coverage of src: ${percent.toFixed(1)} % (${sum("covered")} of ${sum("statements")})`);
  const low = files.filter(({ covered, statements }) => share(covered, statements) < floor);
  low.sort((a, b) => b.statements - b.covered - (a.statements - a.covered));
  for (const { file, covered, statements } of low) {
    console.log(`  ${share(covered, statements).toFixed(0).padStart(3)} % ${file} (${covered} of ${statements})`);
  }
  return percent;
}

/** Tests that some runtime ran and another did not even list: a file must be the same everywhere. */
export function uneven(results: readonly Result[]): string[] {
  const files = new Map<string, Map<string, Set<string>>>();
  for (const { job, cases, problem } of results) {
    if (problem || !job.file.endsWith("_test.ts")) continue;
    const byRuntime = files.get(job.file) ?? new Map<string, Set<string>>();
    byRuntime.set(job.runtime, new Set(cases.filter(({ name }) => name !== "after a test").map(({ name }) => name)));
    files.set(job.file, byRuntime);
  }
  const out: string[] = [];
  for (const [file, byRuntime] of files) {
    const everywhere = new Set([...byRuntime.values()].flatMap((names) => [...names]));
    for (const [runtime, names] of byRuntime) {
      const lacking = [...everywhere].filter((name) => !names.has(name));
      if (lacking.length > 0) {
        out.push(`${runtime} ${file}: did not run ${lacking.map((name) => JSON.stringify(name)).join(", ")}`);
      }
    }
  }
  return out;
}

function share(covered: number, statements: number): number {
  return statements === 0 ? 100 : covered / statements * 100;
}

function indent(text: string): string {
  const lines = text.trimEnd().split("\n");
  const shown = lines.length > LINES ? [...lines.slice(0, LINES / 2), "...", ...lines.slice(-LINES / 2)] : lines;
  return shown.map((line) => `    ${line}`).join("\n");
}
