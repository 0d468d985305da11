/**
 * The code blocks of the documents, as modules that can be checked and run.
 *
 * A block of TypeScript stands alone: it is a program. What is different is said in a comment that readers do not see, on
 * the line above it: `<!-- docs: WORDS -->`.
 *
 * | word     | meaning |
 * |----------|---------|
 * | `given`  | the block uses `server` and `client`, two started pools, and `stream`, `peer`, the two ends of a stream of theirs |
 * | `check`  | it is type-checked, not run: it waits for a signal, or for the rest of the world |
 * | `prints` | above a block of text: what the TypeScript before it prints |
 *
 * `ts ignore` keeps `deno test --doc` from those that cannot run in the checkout's own folder. They are checked and run
 * here as all others are, where what they need is there.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../tests/support/runtime.ts";

/** The documents. */
export const DOCUMENTS: readonly string[] = ["README.md", "docs/guide.md", "docs/servers.md", "CONTRIBUTING.md"];
/** Those for users, whose examples are run. */
const FOR_USERS: readonly string[] = ["README.md", "docs/guide.md", "docs/servers.md"];

/** A fenced block. */
export interface Block {
  /** "docs/guide.md:12", its first line. */
  readonly place: string;
  readonly file: string;
  readonly line: number;
  /** What follows the fence: "ts", "ts ignore", "sh", "text", "". */
  readonly language: string;
  readonly text: string;
  /** Words of the comment above it. */
  readonly words: readonly string[];
  /** What it prints, where the document says so. */
  readonly prints?: string;
}

/** Reads a document of this repository. */
export function readDocument(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** The blocks of a document, in order. Throws for a fence without an end. */
export function blocks(file: string, markdown: string): Block[] {
  const found: { -readonly [K in keyof Block]: Block[K] }[] = [];
  const lines = markdown.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const fence = /^(`{3,})(.*)$/.exec(lines[i]!);
    if (!fence) continue;
    const end = lines.indexOf(fence[1]!, i + 1);
    if (end < 0) throw new Error(`${file}:${i + 1}: this block has no end`);
    const words = wordsAbove(lines, i);
    const text = lines.slice(i + 1, end).join("\n") + "\n";
    const last = found.at(-1);
    if (words.includes("prints") && last) last.prints = text;
    found.push({ place: `${file}:${i + 2}`, file, line: i + 2, language: fence[2]!.trim(), text, words });
    i = end;
  }
  return found;
}

/** The blocks of TypeScript in the documents for users. */
export function examples(): Block[] {
  return FOR_USERS.flatMap((file) => blocks(file, readDocument(file))).filter(({ language }) => /^ts\b/.test(language));
}

/** A module whose default export runs the block in a test. Imports come first, as the language wants it. */
export function moduleOf({ text, words }: Block): string {
  const [, imports = "", body = ""] = /^((?:import [^;]+;\n)*)([\s\S]*)$/.exec(text)!;
  const support = (file: string): string => JSON.stringify(pathToFileURL(join(ROOT, file)).href);
  const given = words.includes("given");
  return [
    imports,
    `import type { TestContext } from ${support("tests/support/harness.ts")};\n`,
    given ? `import { given } from ${support("tests/docs/given.ts")};\n` : "",
    "export default async function (_: TestContext): Promise<void> {\n",
    given ? "const { client, server, stream, peer } = await given(_);\n" : "",
    body,
    "await undefined; }\n",
  ].join("");
}

/** A file name for the block's module: "docs-guide-12.mts". */
export function moduleName({ file, line }: Block): string {
  return `${relative(".", file).replace(/\.md$/, "").replaceAll(/[\\/]/g, "-")}-${line}.mts`;
}

function wordsAbove(lines: readonly string[], at: number): string[] {
  let above = at - 1;
  while (above >= 0 && lines[above]!.trim() === "") above--;
  const comment = /^<!-- docs: ([a-z ]+) -->$/.exec(lines[above] ?? "")?.[1];
  return comment?.split(" ") ?? [];
}
