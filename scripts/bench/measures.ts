/** What is measured, and what the project asks of it. @module */
import type { Load, Workload } from "./side/workload.ts";

export type RuntimeName = "node" | "deno" | "bun";
/**
 * `pool` stands on the portable engine, `pool-platform` on the runtime's own node:http2; `old-pool` and `old-engine`
 * are those of another checkout, for the measuring of a change.
 */
export type ImplementationName =
  | "pool"
  | "pool-platform"
  | "pool-duplex"
  | "pool-web"
  | "engine"
  | "h2"
  | "raw"
  | "proto"
  | "old-pool"
  | "old-engine";
export const IMPLEMENTATIONS: readonly ImplementationName[] = [
  "pool",
  "pool-platform",
  "h2",
  "raw",
  "engine",
  "proto",
  "pool-duplex",
  "pool-web",
  "old-pool",
  "old-engine",
];

export interface Measure {
  readonly id: string;
  readonly title: string;
  readonly workload: Workload;
  readonly unit: "MB/s" | "us" | "/s";
  readonly who: readonly ImplementationName[];
  /** `size` in MiB is what one direction carries; everything else scales with it. */
  load(size: number): Load;
}

const MIB = 1 << 20;
const ALL = IMPLEMENTATIONS;
const FRAMED = ALL.filter((name) => name !== "raw");
const OPENERS = FRAMED.filter((name) => name !== "pool-duplex" && name !== "pool-web");
const bulk = (id: string, title: string, workload: Workload, streams: number): Measure => ({
  id,
  title,
  workload,
  unit: "MB/s",
  who: streams === 1 ? ALL : FRAMED,
  load: (size) => ({ bytes: (workload === "echo" ? size / 2 : size) * MIB, streams }),
});
export const MEASURES: readonly Measure[] = [
  bulk("up", "one stream up", "up", 1),
  bulk("down", "one stream down", "down", 1),
  bulk("echo", "one stream echo", "echo", 1),
  bulk("up100", "100 streams up", "up", 100),
  bulk("down100", "100 streams down", "down", 100),
  bulk("echo100", "100 streams echo", "echo", 100),
  {
    id: "rtt",
    title: "one-byte round trip",
    workload: "rtt",
    unit: "us",
    who: ALL,
    load: (size) => ({ times: Math.ceil(size * 32), streams: 1 }),
  },
  {
    id: "messages",
    title: "64-byte messages over 100 streams",
    workload: "messages",
    unit: "/s",
    who: FRAMED,
    load: (size) => ({ times: Math.ceil(size * 8), streams: 100 }),
  },
  {
    id: "open",
    title: "streams opened, used and ended",
    workload: "open",
    unit: "/s",
    who: OPENERS,
    load: (size) => ({ times: Math.ceil(size * 100), streams: 100 }),
  },
];

/** The figure of a measure from what a client reports. */
export function figure(measure: Measure, timing: { seconds: number; done: number }): number {
  switch (measure.unit) {
    case "MB/s":
      return timing.done / timing.seconds / 1e6;
    case "us":
      return timing.seconds / timing.done * 1e6;
    case "/s":
      return timing.done / timing.seconds;
  }
}

type PerRuntime = Readonly<Record<RuntimeName, number>>;
/** A ratio that the project asks for; `idle` is the memory measure. */
export interface Criterion {
  readonly measure: string;
  readonly who: ImplementationName;
  readonly of: ImplementationName;
  readonly better: "higher" | "lower";
  readonly floor?: PerRuntime;
  readonly aim?: PerRuntime;
}

const per = (node: number, deno = node, bun = node): PerRuntime => ({ node, deno, bun });
const more = (
  measure: string,
  who: ImplementationName,
  of: ImplementationName,
  floor?: PerRuntime,
  aim?: PerRuntime,
): Criterion => ({ measure, who, of, better: "higher", floor, aim });

export const CRITERIA: readonly Criterion[] = [
  more("up", "pool", "h2", per(0.9, 1.4, 0.9), per(1.1, 2.0, 1.4)),
  more("down", "pool", "h2", per(0.9, 1.4, 0.9), per(1.1, 2.0, 1.4)),
  more("echo", "pool", "h2", per(1.1, 1.7, 1.2), per(1.3, 2.4, 1.8)),
  more("up", "pool", "raw", per(0.8, 0.85, 0.55), per(0.95)),
  more("down", "pool", "raw", per(0.8, 0.85, 0.55), per(0.95)),
  more("echo", "pool", "raw", per(0.8, 0.85, 0.55), per(0.95)),
  more("up100", "pool", "h2", per(1.0, 1.5, 1.3), per(1.3, 2.0, 1.8)),
  more("down100", "pool", "h2", per(1.0, 1.5, 1.3), per(1.3, 2.0, 1.8)),
  more("echo100", "pool", "h2", per(1.0, 1.5, 1.3), per(1.3, 2.0, 1.8)),
  { measure: "rtt", who: "pool", of: "h2", better: "lower", floor: per(1.1), aim: per(0.9) },
  { measure: "rtt", who: "pool", of: "raw", better: "lower" },
  more("messages", "pool", "h2", per(2), per(4)),
  more("open", "pool", "h2", per(2), per(4)),
  { measure: "idle", who: "pool", of: "h2", better: "lower", floor: per(1.0), aim: per(0.4) },
  ...["up", "down", "echo", "up100", "down100", "echo100", "messages", "open"].map((measure) =>
    more(measure, "pool", "pool-platform")
  ),
  { measure: "rtt", who: "pool", of: "pool-platform", better: "lower" },
  { measure: "idle", who: "pool", of: "pool-platform", better: "lower" },
  ...(["pool-duplex", "pool-web"] as const).flatMap((who) => [
    ...["up", "down", "echo", "up100", "down100", "echo100", "messages"].map((measure) => more(measure, who, "h2")),
    { measure: "rtt", who, of: "h2", better: "lower" } as const,
  ]),
  ...["up", "down", "echo", "up100", "down100", "echo100", "messages", "open"].map((measure) =>
    more(measure, "engine", "proto", per(0.95))
  ),
  ...(["pool", "engine"] as const).flatMap((who) => [
    ...["up", "down", "echo", "up100", "down100", "echo100", "messages", "open"].map((measure) =>
      more(measure, who, `old-${who}`)
    ),
    { measure: "rtt", who, of: `old-${who}`, better: "lower" } as const,
    { measure: "idle", who, of: `old-${who}`, better: "lower" } as const,
  ]),
  // The same demand from the other side: a round trip may take 1 / 0.95 of the prototype's.
  { measure: "rtt", who: "engine", of: "proto", better: "lower", floor: per(1.05) },
];
