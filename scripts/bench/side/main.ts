/**
 * A process of the benchmark: `main.ts server IMPLEMENTATION PURPOSE` or `main.ts client IMPLEMENTATION PURPOSE PORT`.
 * Commands come as lines of JSON on standard input, and each is answered with one line.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import type { ClientPeer, Implementation, PeerOptions } from "./flow.ts";
import { type Load, run, type Workload } from "./workload.ts";
import { collect, vitals } from "./vitals.ts";

/** What the orchestrator asks for. */
export type Ask =
  | { readonly ask: "run"; readonly workload: Workload; readonly load: Load }
  | { readonly ask: "hold"; readonly count: number }
  | { readonly ask: "vitals"; readonly collect: "collect" | "as is" }
  | { readonly ask: "quit" };

const [role, name = "", purpose, port] = process.argv.slice(2);
const certs = process.env.H2POOL_BENCH_CERTS!;
const options: PeerOptions = {
  ca: readFileSync(`${certs}/ca.pem`),
  cert: readFileSync(`${certs}/server.pem`),
  key: readFileSync(`${certs}/server.key`),
  purpose: purpose === "idle" ? "idle" : "traffic",
};
const [module, style] = name.split("-");
const implementation = await import(`./${module}.ts`) as
  & Implementation
  & { styled?: (style: string | undefined) => Implementation };
const { serve, connect } = implementation.styled?.(style) ?? implementation;

let peer: ClientPeer | undefined;
if (role === "server") say({ port: (await serve(options)).port });
else {
  peer = await connect(options, Number(port));
  say({ port: 0 });
}

let rest = "";
process.stdin.on("data", (chunk) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop()!;
  for (const line of lines) void answer(JSON.parse(line) as Ask);
});
process.stdin.on("end", () => process.exit(0));

async function answer(ask: Ask): Promise<void> {
  try {
    switch (ask.ask) {
      case "run": {
        const cpu = process.cpuUsage();
        const timing = await run(peer!, ask.workload, ask.load);
        const spent = process.cpuUsage(cpu);
        return say({ ...timing, cpu: (spent.user + spent.system) / 1e6 });
      }
      case "hold":
        await peer!.hold!(ask.count);
        return say({});
      case "vitals":
        if (ask.collect === "collect") await collect();
        return say(vitals());
      case "quit":
        await peer?.close();
        return process.exit(0);
    }
  } catch (error) {
    say({ error: error instanceof Error ? error.stack ?? error.message : String(error) });
  }
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
