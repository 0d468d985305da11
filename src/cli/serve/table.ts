/** The live table of `h2pool serve`. @module */
import type { HttpServerPoolStats } from "../../servers/mod.ts";

const HEAD = ["NAME", "ADDRESS", "STATE", "REQUESTS", "UPTIME"];
/** Numbers stand to the right. */
const RIGHT = [false, false, false, true, true];

/** One line for each server, below a line of headings. */
export function table({ servers }: HttpServerPoolStats): string {
  const rows = servers.map(({ name, bind, state, health, requests, uptime }) => [
    name,
    bind,
    state === "running" && health !== "ok" ? `running (${health})` : state,
    String(requests),
    uptime === 0 ? "-" : showTime(uptime),
  ]);
  const all = [HEAD, ...rows];
  const widths = HEAD.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  const cell = (text: string, i: number): string => RIGHT[i] ? text.padStart(widths[i]!) : text.padEnd(widths[i]!);
  return all.map((row) => row.map(cell).join("  ").trimEnd()).join("\n");
}

/** `5s`, `3m 20s`, `2h 5m`, `4d 1h`. */
export function showTime(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const units: readonly (readonly [string, number])[] = [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first === -1) return "0s";
  const [unit, size] = units[first]!;
  const next = units[first + 1];
  const rest = next === undefined ? 0 : Math.floor(seconds % size / next[1]);
  return `${Math.floor(seconds / size)}${unit}${rest > 0 ? ` ${rest}${next![0]}` : ""}`;
}
