/** Memory of 10,000 idle streams: both processes, after garbage collection, over what 50 streams take. @module */
import { type PairOptions, startPair } from "./pair.ts";
import type { Vitals } from "./side/vitals.ts";

/** KiB of resident memory per idle stream. */
export interface IdleMemory {
  readonly client: number;
  readonly server: number;
}
const FEW = 50;
const MANY = 10_000;
const DEADLINE_MS = 60_000;

export async function idleMemory(options: PairOptions): Promise<IdleMemory> {
  const pair = await startPair(options);
  try {
    const look = async (side: "client" | "server") =>
      (await pair[side].ask<Vitals>({ ask: "vitals", collect: "collect" }, DEADLINE_MS)).rss;
    await pair.client.ask({ ask: "hold", count: FEW }, DEADLINE_MS);
    const before = { client: await look("client"), server: await look("server") };
    await pair.client.ask({ ask: "hold", count: FEW + MANY }, DEADLINE_MS);
    const each = async (side: "client" | "server") => (await look(side) - before[side]) / MANY / 1024;
    return { client: await each("client"), server: await each("server") };
  } finally {
    pair.kill();
  }
}
