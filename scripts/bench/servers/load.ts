/** h2load: requests from a process of its own, in C. @module */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../matrix/npm.ts";
import type { Measure } from "./measures.ts";

/** What h2load saw. */
export interface Load {
  /** Requests per second. */
  readonly rate: number;
  /** Of the time to answer, milliseconds. */
  readonly p99: number;
  readonly requests: number;
}

/** How long, or how many requests. */
export type Much = { readonly seconds: number } | { readonly requests: number };

/** A folder for logs and bodies; deleted by `close`. */
export interface Generator {
  load(measure: Measure, port: number, much: Much): Promise<Load>;
  close(): void;
}

const BODY = 1_024;

/** Throws when h2load is not installed. */
export async function generator(): Promise<Generator> {
  const { code } = await run(["h2load", "--version"]);
  if (code !== 0) throw new Error("h2load is not installed; Debian: nghttp2-client");
  const folder = mkdtempSync(join(tmpdir(), "h2pool-bench-"));
  const body = join(folder, "body");
  writeFileSync(body, new Uint8Array(BODY).fill(97));
  return {
    load: (measure, port, much) => load(measure, port, much, body, join(folder, "log")),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function load(measure: Measure, port: number, much: Much, body: string, log: string): Promise<Load> {
  rmSync(log, { force: true });
  const { code, text } = await run([
    "h2load",
    "seconds" in much ? `--duration=${Math.round(much.seconds * 1000)}ms` : `--requests=${much.requests}`,
    `--clients=${measure.clients}`,
    `--max-concurrent-streams=${measure.streams}`,
    `--log-file=${log}`,
    ...(measure.protocol === "h1" ? ["--h1"] : ["--npn-list=h2"]),
    ...(measure.method === "POST" ? [`--data=${body}`] : []),
    `${measure.protocol === "h1" ? "http" : "https"}://127.0.0.1:${port}/`,
  ]);
  return read(code, text, readFileSync(log, "utf8"));
}

/** From what h2load printed, and from its log, whose columns are: start, status, microseconds to the end. */
export function read(code: number, text: string, log: string): Load {
  const rate = Number(/finished in [^,]+, ([\d.]+) req\/s/.exec(text)?.[1] ?? "NaN");
  const done = Number(/^requests: .*, (\d+) done, .* 0 errored/m.exec(text)?.[1] ?? "0");
  // It sees no status in "HTTP/1.1 200 " without a reason, which is right (RFC 9112 section 4), and counts such a response as failed.
  const good = /^status codes: \d+ 2xx, 0 3xx, 0 4xx, 0 5xx/m.test(text);
  if (code !== 0 || !(rate > 0) || done === 0 || !good) {
    throw new Error(`h2load (${code}): ${text.split("\n").slice(-12).join(" ").slice(0, 300)}`);
  }
  const times = log.trim().split("\n").map((line) => Number(line.split("\t")[2])).sort((a, b) => a - b);
  const p99 = times[Math.ceil(times.length * 0.99) - 1]!;
  if (!(p99 > 0)) throw new Error("h2load logged no request");
  return { rate, p99: p99 / 1_000, requests: done };
}
