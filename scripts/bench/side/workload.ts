/** The measures that a client process can run. Each checks what it exchanged, and throws when a byte is missing. @module */
import type { ClientPeer } from "./flow.ts";

/** `bytes` for bulk, `times` for messages of one stream, `streams` at once. */
export interface Load {
  readonly bytes?: number;
  readonly times?: number;
  readonly streams?: number;
}
/** Seconds, what was done in them (bytes, round trips, messages, streams), and what the pool opened meanwhile. */
export interface Timing {
  readonly seconds: number;
  readonly done: number;
  readonly opened?: number;
}
export type Workload = "up" | "down" | "echo" | "rtt" | "messages" | "open";

export async function run(peer: ClientPeer, workload: Workload, load: Load): Promise<Timing> {
  if (workload === "open") return await open(peer, load.times ?? 1, load.streams ?? 1);
  const flows = await Promise.all(Array.from({ length: load.streams ?? 1 }, () => peer.flow()));
  const each = Math.floor((load.bytes ?? 0) / flows.length);
  const times = load.times ?? 1;
  const start = performance.now();
  const counts = await Promise.all(flows.map(async (flow): Promise<number> => {
    switch (workload) {
      case "up": {
        flow.begin("sink", each);
        const answer = flow.answer();
        await flow.send(each);
        return await answer;
      }
      case "down": {
        flow.begin("source", each);
        return await flow.receive(each);
      }
      case "echo": {
        flow.begin("echo", each);
        const received = flow.receive(each);
        await flow.send(each);
        return await received;
      }
      default: {
        flow.begin("echo", times);
        await flow.bounce(workload === "rtt" ? 1 : 64, times);
        return times;
      }
    }
  }));
  const seconds = (performance.now() - start) / 1000;
  for (const flow of flows) flow.finish();
  const done = counts.reduce((sum, n) => sum + n, 0);
  const expected = flows.length * (workload === "rtt" || workload === "messages" ? times : each);
  if (done !== expected) throw new Error(`${workload}: ${done} of ${expected}`);
  return { seconds, done };
}

async function open(peer: ClientPeer, times: number, streams: number): Promise<Timing> {
  if (!peer.exchange) throw new Error("open: not offered");
  const before = peer.opened?.();
  let left = times;
  let bytes = 0;
  const start = performance.now();
  await Promise.all(Array.from({ length: streams }, async () => {
    while (left-- > 0) {
      const answered = await peer.exchange!();
      bytes += answered;
    }
  }));
  const seconds = (performance.now() - start) / 1000;
  if (bytes !== 4 * times) throw new Error(`open: ${bytes} of ${4 * times} bytes`);
  return { seconds, done: times, ...(before === undefined ? {} : { opened: peer.opened!() - before }) };
}
