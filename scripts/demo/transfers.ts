/** The demo's files, there and back. @module */
import { createHash, randomFillSync } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A file that the origin serves. */
export interface Served {
  /** In the origin's addresses. */
  readonly path: string;
  /** On disk. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What came of fetching. */
export interface Fetched {
  readonly bytes: number;
  readonly seconds: number;
  /** Paths whose content was not that of the file. */
  readonly different: readonly string[];
  /** Paths that could not be had. */
  readonly missing: readonly string[];
  /** How often a fetch failed and was done again. */
  readonly retries: number;
}

const SIZES: Readonly<Record<string, number>> = {
  "empty.bin": 0,
  "one.bin": 1,
  "small.bin": 1_234,
  "64k.bin": 65_536,
  "medium.bin": 1_000_003,
  "large.bin": 10_000_019,
  "huge.bin": 50_000_017,
};

/** Writes files of several sizes, of bytes that nothing can compress or repeat. */
export async function makeFiles(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, size] of Object.entries(SIZES)) {
    await writeFile(join(folder, name), randomFillSync(new Uint8Array(size)));
  }
}

/** All files of a folder, with what they should be. `index` is the folder's number at the origin. */
export async function listFiles(folder: string, index: number): Promise<Served[]> {
  const files: Served[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const content = await readFile(file);
    const path = `/${index}/${file.slice(folder.length + 1).replaceAll("\\", "/")}`;
    files.push({ path, file, bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") });
  }
  return files.sort((a, b) => a.bytes - b.bytes);
}

/** How {@linkcode fetchAll} goes about it. */
export interface FetchPlan {
  /** How many at once. */
  readonly together: number;
  /** Milliseconds; a fetch that fails is done again until then. */
  readonly retryFor: number;
  /** Called once, when the first bytes of the largest file have come. */
  inTheMiddle?(): Promise<void>;
}

/** Fetches files, the largest first. */
export async function fetchAll(url: string, files: readonly Served[], plan: FetchPlan): Promise<Fetched> {
  const began = performance.now();
  const left = [...files];
  const largest = left.at(-1);
  const different: string[] = [], missing: string[] = [];
  let retries = 0, bytes = 0;
  let middle: Promise<void> | undefined;

  async function fetchOne(served: Served): Promise<void> {
    for (;;) {
      try {
        const { sha256, size } = await download(url + served.path, () => {
          if (served === largest) middle ??= plan.inTheMiddle?.();
        });
        bytes += size;
        if (sha256 !== served.sha256) different.push(served.path);
        return;
      } catch {
        if (performance.now() - began > plan.retryFor) return void missing.push(served.path);
        retries++;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  await Promise.all(Array.from({ length: plan.together }, async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await fetchOne(next);
  }));
  await middle;
  return { bytes, seconds: (performance.now() - began) / 1_000, different, missing, retries };
}

/** Sends files; the origin answers with what it got. */
export async function upload(
  url: string,
  files: readonly Served[],
): Promise<Pick<Fetched, "bytes" | "seconds" | "different">> {
  const began = performance.now();
  const different: string[] = [];
  let bytes = 0;
  for (const served of files) {
    const response = await fetch(url, { method: "POST", body: new Uint8Array(await readFile(served.file)) });
    if (await response.text() !== served.sha256) different.push(served.path);
    bytes += served.bytes;
  }
  return { bytes, seconds: (performance.now() - began) / 1_000, different };
}

async function download(url: string, started: () => void): Promise<{ sha256: string; size: number }> {
  const response = await fetch(url);
  if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of response.body) {
    started();
    hash.update(chunk);
    size += chunk.length;
  }
  const expected = Number(response.headers.get("content-length"));
  if (size !== expected) throw new Error(`${size} bytes of ${expected}`);
  return { sha256: hash.digest("hex"), size };
}
