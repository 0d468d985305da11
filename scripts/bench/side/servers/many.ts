/** Many servers in one process: how long 100 take to start and to stop, and what one takes in memory. @module */
import { createServer, type Server } from "node:http";
import process from "node:process";
import { HttpServerPool, type NodeHandler } from "../../../../mod.ts";
import { collect } from "../vitals.ts";
import { HOST, node, web } from "./shape.ts";

/** What it prints: milliseconds, KiB. */
export interface Many {
  readonly start: number;
  readonly stop: number;
  readonly memory: number;
}

const COUNT = 100;
const FEW = 20, MORE = 520;
const ROUNDS = 5;

interface Servers {
  start(): Promise<void>;
  stop(): Promise<void>;
}

const make = process.argv[2] === "pool" ? pool : bare;
const few = make(FEW);
await few.start();
await collect();
const empty = process.memoryUsage().rss;
const more = make(MORE - FEW);
await more.start();
await collect();
const memory = (process.memoryUsage().rss - empty) / (MORE - FEW) / 1024;
await Promise.all([few.stop(), more.stop()]);
const starts: number[] = [], stops: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const servers = make(COUNT);
  const before = performance.now();
  await servers.start();
  const between = performance.now();
  await servers.stop();
  starts.push(between - before);
  stops.push(performance.now() - between);
}
// The first rounds compile.
console.log(JSON.stringify({ start: best(starts), stop: best(stops), memory }));
process.exit(0);

function pool(count: number): Servers {
  const servers = Array.from({ length: count }, (_, i) => ({ name: `s${i}`, listen: `${HOST}:0` }));
  const made = new HttpServerPool({ servers, handler: web });
  return { start: () => made.start(), stop: () => made.stop() };
}

function bare(count: number): Servers {
  const servers = Array.from({ length: count }, () => createServer(node as NodeHandler));
  const all = (each: (server: Server, done: () => void) => void): Promise<void> =>
    Promise.all(servers.map((server) => new Promise<void>((resolve) => each(server, resolve)))).then(() => {});
  return {
    start: () => all((server, done) => server.listen(0, HOST, done)),
    stop: () => all((server, done) => void server.close(() => done())),
  };
}

function best(values: readonly number[]): number {
  return Math.min(...values);
}
