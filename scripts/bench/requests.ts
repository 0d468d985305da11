/**
 * HTTP/2 requests against bare node:http2: `deno run -A scripts/bench/requests.ts [--runtime node24,deno] [--rounds 7]
 * [--requests 60000] [--connections 2]`. One small GET, asked by h2load (Debian: `nghttp2-client`), all servers of a
 * runtime in turns; figures are medians of the rounds, CPU is the server's.
 *
 * @module
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runtimeCommand, type RuntimeName, RUNTIMES } from "../../tests/support/runtime.ts";
import { runtimes, table } from "../matrix/runtimes.ts";

const WHO = ["fetch", "node", "http2-compat", "http2-stream"] as const;
type Who = typeof WHO[number];

interface Round {
  /** Requests per second, the 99th percentile of their time in milliseconds, CPU microseconds for each. */
  readonly rate: number;
  readonly p99: number;
  readonly cpu: number;
}

interface Server {
  readonly who: Who;
  readonly child: ChildProcess;
  readonly port: number;
  readonly rounds: Round[];
}

const { values } = parseArgs({
  options: {
    runtime: { type: "string", default: RUNTIMES.join() },
    rounds: { type: "string", default: "7" },
    requests: { type: "string", default: "60000" },
    connections: { type: "string", default: "2" },
  },
});
const folder = mkdtempSync(join(tmpdir(), "h2pool-bench-"));
const side = fileURLToPath(new URL("./side/requests.ts", import.meta.url));

function start(runtime: RuntimeName, who: Who): Promise<Server> {
  const [program, ...args] = runtimeCommand(runtime, side, [who]);
  const child = spawn(program!, args, { stdio: ["ignore", "pipe", "ignore"] });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`${who} on ${runtime} ended before it listened`)));
    child.stdout!.once("data", (text) => resolve({ who, child, port: Number(String(text)), rounds: [] }));
  });
}

/** Asks once, unless the server is gone: node:http2 of Deno 2.9 does not survive every client. */
function measure({ child, port, rounds }: Server): void {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const log = join(folder, "log");
  rmSync(log, { force: true });
  const options = ["-n", values.requests, "-c", values.connections, "-m", "100", `--log-file=${log}`];
  try {
    const before = cpuTime(child.pid);
    const text = execFileSync("h2load", [...options, `https://127.0.0.1:${port}/`], { encoding: "utf8" });
    const cpu = (cpuTime(child.pid) - before) / Number(values.requests);
    if (!text.includes(`${values.requests} succeeded`)) return;
    const times = readFileSync(log, "utf8").trim().split("\n").map((line) => Number(line.split("\t")[2])).sort((a, b) =>
      a - b
    );
    const p99 = times[Math.floor(times.length * 0.99)]! / 1_000;
    rounds.push({ rate: Number(/, ([0-9.]+) req\/s/.exec(text)?.[1]), p99, cpu });
  } catch {
    // It has ended; the table says so.
  }
}

/** Microseconds of a process, at 100 ticks a second. */
function cpuTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN;
}

function of({ rounds }: Server, figure: keyof Round): number {
  return median(rounds.map((round) => round[figure]));
}

async function report(runtime: RuntimeName): Promise<void> {
  const servers = await Promise.all(WHO.map((who) => start(runtime, who)));
  // One to warm up.
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const server of servers) measure(server);
    if (round === 0) { for (const { rounds } of servers) rounds.length = 0; }
  }
  for (const server of servers) {
    server.child.kill("SIGKILL");
    const gone = server.rounds.length === 0 ? "  ended under load" : "";
    console.log(
      `${runtime.padEnd(7)} ${server.who.padEnd(13)} ${of(server, "rate").toFixed(0).padStart(8)} req/s` +
        `  p99 ${of(server, "p99").toFixed(2).padStart(7)} ms  ${
          of(server, "cpu").toFixed(1).padStart(5)
        } us CPU${gone}`,
    );
  }
  for (const ours of servers.slice(0, 2)) {
    const against = servers.slice(2).filter(({ rounds }) => rounds.length > 0).map((bare) => {
      const rate = of(ours, "rate") / of(bare, "rate");
      const p99 = of(bare, "p99") / of(ours, "p99");
      return `${rate.toFixed(2)} requests, ${p99.toFixed(2)} p99, ${
        (of(bare, "cpu") / of(ours, "cpu")).toFixed(2)
      } CPU of ${bare.who}`;
    });
    console.log(`${runtime.padEnd(7)} ${ours.who} is better by ${against.join("; ")}`);
  }
}

const { found } = await runtimes();
process.env.H2POOL_RUNTIMES = table(found);
try {
  for (const runtime of values.runtime.split(",") as RuntimeName[]) await report(runtime);
} finally {
  rmSync(folder, { recursive: true });
}
