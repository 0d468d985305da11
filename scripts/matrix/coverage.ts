/**
 * Statement coverage of `src`, from what V8 recorded in the processes of the Node run (NODE_V8_COVERAGE, which children
 * inherit). Node blanks types out, so V8's offsets are those of the `.ts` files. A file that was never loaded counts, too.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";

/** A file's statements, and how many of them ran in some process. */
export interface FileCoverage {
  readonly file: string;
  readonly statements: number;
  readonly covered: number;
}

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}
interface Script {
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly Range[] }[];
}
interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

/** Coverage of every `.ts` file below `folder`, from the raw reports in `raw`. `parse` gives an ESTree program with offsets. */
export function coverage(folder: string, raw: string, parse: (code: string) => unknown): FileCoverage[] {
  const files = new Map<string, { file: string; starts: number[]; hit: Uint8Array }>();
  for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    if (!entry.endsWith(".ts") || entry.endsWith(".d.ts")) continue;
    const path = join(folder, entry);
    const starts = statements(parse(readFileSync(path, "utf8")));
    files.set(pathToFileURL(path).href, {
      file: relative(join(folder, ".."), path),
      starts,
      hit: new Uint8Array(starts.length),
    });
  }
  for (const report of readdirSync(raw)) {
    const { result } = JSON.parse(readFileSync(join(raw, report), "utf8")) as { result: Script[] };
    for (const script of result) {
      const known = files.get(script.url);
      if (known) mark(script, known.starts, known.hit);
    }
  }
  return [...files.values()].map(({ file, starts, hit }) => ({
    file,
    statements: starts.length,
    covered: hit.reduce((n, one) => n + one, 0),
  }));
}

/** Where the statements of a program begin: as Istanbul counts them, declarations only where something is evaluated. */
export function statements(program: unknown): number[] {
  const starts: number[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit);
    if (!isNode(value)) return;
    const at = statement(value);
    if (at) starts.push(at.start);
    Object.values(value).forEach(visit);
  };
  visit(program);
  return starts.sort((a, b) => a - b);
}

function statement(node: Node): Node | undefined {
  if (node.type === "VariableDeclarator" || node.type === "PropertyDefinition") {
    const value = node.type === "PropertyDefinition" ? node.value : node.init;
    return isNode(value) ? value : undefined;
  }
  if (node.type === "ArrowFunctionExpression" && isNode(node.body) && node.body.type !== "BlockStatement") {
    return node.body;
  }
  if (node.type === "ExportDefaultDeclaration") return node;
  const plain = node.type.endsWith("Statement") && !/^(Block|Empty|Labeled)/.test(node.type);
  return plain ? node : undefined;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as Node).type === "string";
}

/** V8's ranges nest; the innermost around a statement has its count. */
export function mark(script: Script, starts: readonly number[], hit: Uint8Array): void {
  const ranges = script.functions.flatMap((f) => f.ranges);
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  const around: Range[] = [];
  let next = 0;
  starts.forEach((start, i) => {
    while (next < ranges.length && ranges[next]!.startOffset <= start) {
      const range = ranges[next++]!;
      while (around.length > 0 && around.at(-1)!.endOffset <= range.startOffset) around.pop();
      around.push(range);
    }
    while (around.length > 0 && around.at(-1)!.endOffset <= start) around.pop();
    if ((around.at(-1)?.count ?? 0) > 0) hit[i] = 1;
  });
}
