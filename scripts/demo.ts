/**
 * The main job, shown: a tunnel server, a tunnel client and an HTTP origin in processes of their own; files fetched
 * through the public port and compared by SHA-256; the server killed and started again in the middle.
 *
 * `deno task demo`; also `bun scripts/demo.ts` and `node scripts/demo.ts`. `--engine node:http2` runs the tunnel over the
 * runtime's own HTTP/2. Exit code 1 when anything is not as it should be, 2 for a flag that there is not.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { defaultEngine, engineNames } from "../src/adapter/engine.ts";
import { type Program, startProgram } from "./demo/program.ts";
import { fetchAll, listFiles, makeFiles, type Served, upload } from "./demo/transfers.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CLI = join(ROOT, "cli.ts");
const ORIGIN = join(ROOT, "scripts", "demo", "origin.ts");
/** Everything, from the first process to the last. Milliseconds. */
const TIME = 120_000;
const TOGETHER = 8;

interface Row {
  readonly what: string;
  readonly files: string;
  readonly bytes: string;
  readonly result: string;
  readonly seconds: string;
  readonly rate: string;
}

// `deno task demo -- --engine ...` hands the two dashes on.
const engine = engineOf(process.argv.slice(2).filter((word) => word !== "--"));
const rows: Row[] = [];
const wrong: string[] = [];
const running = new Set<Program>();

function start(name: string, file: string, args: readonly string[]): Program {
  const program = startProgram(name, file, args);
  running.add(program);
  program.exited.then(() => running.delete(program));
  return program;
}

function row(what: string, files: number, bytes: number, result: string, seconds: number): void {
  const mega = bytes / 1e6;
  rows.push({
    what,
    files: String(files),
    bytes: `${mega.toFixed(1)} MB`,
    result,
    seconds: seconds.toFixed(1),
    rate: bytes > 0 ? `${(mega / seconds).toFixed(0)} MB/s` : "",
  });
}

function engineOf(args: string[]): string {
  const names: readonly string[] = engineNames;
  let why: string;
  try {
    const { values } = parseArgs({ args, options: { engine: { type: "string", default: defaultEngine.name } } });
    if (names.includes(values.engine)) return values.engine;
    why = `--engine takes ${names.join(" or ")}, not "${values.engine}"`;
  } catch (error) {
    why = error instanceof Error ? error.message : String(error);
  }
  console.error(why);
  process.exit(2);
}

async function demo(folder: string): Promise<void> {
  const made = join(folder, "made");
  const token = join(folder, "token");
  const state = join(folder, "state");
  await makeFiles(made);
  await writeFile(token, randomBytes(24).toString("base64url"), { mode: 0o600 });
  const files = [...await listFiles(made, 0), ...await listFiles(join(ROOT, "src"), 1)];

  const origin = start("origin", ORIGIN, [made, join(ROOT, "src")]);
  const [, to = ""] = await origin.line(/listening on (\d+)/);

  const serverArgs = ["tunnel", "server", "--token-file", token, "--state", state, "--engine", engine];
  let server = start("server", CLI, [...serverArgs, "--listen", "127.0.0.1:0", "--public", "127.0.0.1:0"]);
  const [, pin = ""] = await server.line(/--pin (\S+)/);
  const [, listen = ""] = await server.line(/clients connect to (\S+)/);
  const [, open = ""] = await server.line(/the public connects to (\S+)/);

  const client = start("client", CLI, [
    ...["tunnel", "client", "--server", listen, "--to", `127.0.0.1:${to}`],
    ...["--token-file", token, "--pin", pin, "--engine", engine],
  ]);
  await client.line(/connected to/);
  console.log(`origin 127.0.0.1:${to} <- client <- one TLS connection -> server ${listen} <- public port ${open}`);
  console.log(`engine ${engine}\n`);

  const url = `http://${open}`;
  await fetched("fetched through the tunnel", url, files);
  await uploaded("uploaded through the tunnel", url, files);

  // The largest file is on its way when the server dies; what fails is fetched again until it is there.
  const again = fetchAll(url, files, {
    together: TOGETHER,
    retryFor: 30_000,
    async inTheMiddle() {
      const before = performance.now();
      server.kill("SIGKILL");
      await server.exited;
      server = start("server", CLI, [...serverArgs, "--listen", listen, "--public", open]);
      await server.line(/client \S+ serves/);
      row("server killed (SIGKILL), started, client back", 0, 0, "", (performance.now() - before) / 1_000);
    },
  });
  const { bytes, seconds, different, retries, missing } = await again;
  judge(different, missing);
  if (retries === 0) wrong.push("no fetch failed although the server was killed");
  row(
    "fetched meanwhile and after",
    files.length,
    bytes,
    `${verdict(different, missing)}, ${retries} retries`,
    seconds,
  );

  await fetched("fetched once more", url, files);

  for (const program of [client, server]) {
    const began = performance.now();
    program.kill("SIGINT");
    const code = await program.exited;
    if (code !== 0) wrong.push(`${program.name} ended with ${code} after Ctrl+C`);
    row(`${program.name} stopped (Ctrl+C)`, 0, 0, `exit code ${code}`, (performance.now() - began) / 1_000);
  }
}

async function fetched(what: string, url: string, files: readonly Served[]): Promise<void> {
  const { bytes, seconds, different, missing } = await fetchAll(url, files, { together: TOGETHER, retryFor: 0 });
  judge(different, missing);
  row(what, files.length, bytes, verdict(different, missing), seconds);
}

async function uploaded(what: string, url: string, files: readonly Served[]): Promise<void> {
  const large = files.filter(({ bytes }) => bytes > 1_000_000);
  const { bytes, seconds, different } = await upload(url, large);
  judge(different, []);
  row(what, large.length, bytes, verdict(different, []), seconds);
}

function judge(different: readonly string[], missing: readonly string[]): void {
  for (const path of different) wrong.push(`${path} is different at the other end`);
  for (const path of missing) wrong.push(`${path} could not be fetched`);
}

function verdict(different: readonly string[], missing: readonly string[]): string {
  const bad = different.length + missing.length;
  return bad === 0 ? "SHA-256 equal" : `${bad} WRONG`;
}

function table(): string {
  const names: readonly (keyof Row)[] = ["what", "files", "bytes", "result", "seconds", "rate"];
  const head: Row = { what: "", files: "files", bytes: "bytes", result: "result", seconds: "seconds", rate: "speed" };
  const all = [head, ...rows.map((r) => r.files === "0" ? { ...r, files: "", bytes: "" } : r)];
  const widths = names.map((name) => Math.max(...all.map((r) => r[name].length)));
  const left: readonly (keyof Row)[] = ["what", "result"];
  return all.map((r) =>
    names.map((name, i) => left.includes(name) ? r[name].padEnd(widths[i] ?? 0) : r[name].padStart(widths[i] ?? 0))
      .join("  ").trimEnd()
  ).join("\n");
}

const folder = await mkdtemp(join(tmpdir(), "h2pool-demo-"));
const began = performance.now();
const late = setTimeout(() => {
  console.error(`The demo is not done after ${TIME / 1_000} s`);
  for (const program of running) console.error(`\n${program.name}:\n${program.said}`), program.kill("SIGKILL");
  process.exit(1);
}, TIME);
try {
  await demo(folder);
} catch (error) {
  wrong.push(error instanceof Error ? error.message : String(error));
  for (const program of running) console.error(`${program.name}:\n${program.said}`);
} finally {
  clearTimeout(late);
  const left = [...running];
  for (const program of left) program.kill("SIGKILL");
  await Promise.all(left.map((program) => program.exited));
  await rm(folder, { recursive: true, force: true });
}
console.log(table());
const seconds = ((performance.now() - began) / 1_000).toFixed(1);
console.log(wrong.length === 0 ? `\nAll as it should be, in ${seconds} s` : `\n${wrong.join("\n")}`);
process.exitCode = wrong.length === 0 ? 0 : 1;
