/**
 * How long taking a stream takes, in one process with both pools: a pooled one by its id, and one for which the taker
 * already waits, from the pool's `stream` event to the taker's next line. One line of JSON, microseconds.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { ClientPool, ServerPool } from "../../../mod.ts";
import { spread } from "../statistics.ts";

const POOLED = 4_000;
/** Taken in one go: the pool must not fall so low that it refills in between. */
const TAKEN = 3_000;
const WAITS = 1_000;
/** Samples of a cold process. */
const WARM_UP = 200;

const now = (): number => Number(process.hrtime.bigint()) / 1_000;
const certs = process.env.H2POOL_BENCH_CERTS!;
const pem = (name: string): string => readFileSync(`${certs}/${name}`, "utf8");

const server = new ServerPool({
  listen: "127.0.0.1:0",
  tls: { cert: pem("server.pem"), key: pem("server.key") },
  maxCapacity: 2 * POOLED,
  maxIdlePerConnection: 2 * POOLED,
  maxStreams: 4 * POOLED,
});
await server.start();

const result = { pooled: await pooled(), waitingById: await waiting("id"), waitingNext: await waiting("next") };
process.stdout.write(`${JSON.stringify(result)}\n`);
await server.close();
process.exit(0);

function clientPool(capacity: number): ClientPool {
  return new ClientPool({
    address: `127.0.0.1:${server.addr!.port}`,
    hostname: "localhost",
    tls: { ca: pem("ca.pem") },
    minCapacity: capacity,
    maxCapacity: capacity,
    minInterval: 10_000,
    maxInterval: 10_000,
  });
}

async function pooled(): Promise<number> {
  const client = clientPool(POOLED);
  const ids: string[] = [];
  client.addEventListener("stream", (event) => void ids.push(event.detail.id));
  await client.start();
  await client.filled();
  const samples: number[] = [];
  // From the middle outwards: neither the oldest nor the newest, as other machines ask for them.
  for (let i = 0; i < TAKEN; i++) {
    const id = ids[(POOLED >> 1) + (i % 2 ? i >> 1 : -(i >> 1) - 1)]!;
    const start = now();
    const stream = await client.outgoingGet(id);
    const end = now();
    if (stream.id !== id) throw new Error(`asked for ${id}, got ${stream.id}`);
    samples.push(end - start);
  }
  await client.close();
  return spread(samples.slice(WARM_UP))!.median;
}

async function waiting(by: "id" | "next"): Promise<number> {
  const client = clientPool(1);
  const arrived = new Map<string, number>();
  const offered: string[] = [];
  let offer = (): void => {};
  client.addEventListener("stream", (event) => void arrived.set(event.detail.id, now()));
  const heard = (event: CustomEvent<{ id: string }>): void => {
    offered.push(event.detail.id);
    offer();
  };
  server.addEventListener("stream", heard);
  await client.start();
  await client.filled();
  await client.incomingGet();
  const samples: number[] = [];
  for (let i = 0; i < WAITS; i++) {
    if (by === "id" && offered.length <= i + 1) await new Promise<void>((resolve) => offer = resolve);
    const stream = await (by === "id" ? client.outgoingGet(offered[i + 1]!) : client.incomingGet());
    const end = now();
    const start = arrived.get(stream.id);
    if (start !== undefined) samples.push(end - start);
    stream.close();
  }
  server.removeEventListener("stream", heard as EventListener);
  await client.close();
  if (samples.length < WAITS / 2) throw new Error(`only ${samples.length} of ${WAITS} takers had to wait`);
  return spread(samples.slice(WARM_UP))!.median;
}
