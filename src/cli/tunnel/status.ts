/** The live status line of both sides. @module */
import type { StreamPoolStats } from "../../streams/mod.ts";
import { showBytes } from "../values.ts";

/** What the line shows; bytes are those of the connections, framing included. */
export interface Status {
  /** What this side says first: how it stands. */
  readonly state: string;
  readonly inUse: number;
  readonly waiting?: number;
  readonly stats: StreamPoolStats;
}

/** One line, without the end. */
export function statusLine({ state, inUse, waiting, stats }: Status): string {
  return [
    state,
    `idle ${stats.active}`,
    `in use ${inUse}`,
    ...waiting ? [`waiting ${waiting}`] : [],
    `in ${showBytes(stats.bytesIn)}`,
    `out ${showBytes(stats.bytesOut)}`,
    `rtt ${stats.rtt === undefined ? "-" : `${stats.rtt.toFixed(stats.rtt < 10 ? 1 : 0)} ms`}`,
  ].join("  ");
}
