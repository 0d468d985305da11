/**
 * A server process of the benchmark: `main.ts IMPLEMENTATION`. Says its ports, then answers lines of JSON on standard
 * input with one line each.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { vitals } from "../vitals.ts";
import type { Implementation } from "./shape.ts";

/** What the orchestrator asks for. */
export type ServerAsk = { readonly ask: "vitals"; readonly collect: "as is" } | { readonly ask: "quit" };

const [name = ""] = process.argv.slice(2);
const certs = process.env.H2POOL_BENCH_CERTS!;
const pair = {
  cert: readFileSync(`${certs}/server.pem`, "utf8"),
  key: readFileSync(`${certs}/server.key`, "utf8"),
};
const [module, style] = name.split("-");
const implementation = await import(`./${module}.ts`) as
  & Implementation
  & { styled?: (style: string | undefined) => Implementation };

say(await (implementation.styled?.(style) ?? implementation).serve(pair));

let rest = "";
process.stdin.on("data", (chunk) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop()!;
  for (const line of lines) {
    if ((JSON.parse(line) as ServerAsk).ask === "quit") process.exit(0);
    say(vitals());
  }
});
process.stdin.on("end", () => process.exit(0));

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
