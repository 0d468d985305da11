/** `h2pool serve` and `h2pool check`. @module */
import { type HttpServerConfig, HttpServerPool, type ReloadReport, ServerBatchError } from "../../servers/mod.ts";
import { checkServers, withoutHandler } from "../../servers/checking.ts";
import type { FlagValues, RunCommand } from "../command.ts";
import { sentence } from "../errors.ts";
import type { Io } from "../io.ts";
import { createLog, type Log } from "../log.ts";
import { stopOnSignals } from "../stop.ts";
import { duration } from "../values.ts";
import { table } from "./table.ts";
import { watchFiles } from "./watch.ts";

const FILE = { value: "FILE", help: "The servers, as JSON; comments and trailing commas are allowed" };

/** Longest wait that every runtime's timer takes, milliseconds. */
const FOREVER = 0x7fff_ffff;

/** `h2pool serve`. */
export const serve: RunCommand = {
  kind: "run",
  path: "h2pool serve",
  summary: "Run the HTTP servers of a file",
  usage: "servers.json [--watch]",
  argument: FILE,
  flags: {
    watch: { help: "Reload when the file or a handler's module changes" },
    grace: { value: "TIME", help: "How long requests may take to finish after Ctrl+C; default 5s" },
    verbose: { help: "Log every change of a server's state" },
  },
  notes: [
    "The file is an array of servers, or an object with `servers` and a default `tls`. Each has at least `listen`, and `module` " +
    "(with `export`) for its handler or `static` for a folder. Its schema is schema/servers.json of this package.",
    "SIGHUP reloads the file: servers that stay the same are not touched, those that keep their address keep their port. A file " +
    "with a problem changes nothing.",
    "Ctrl+C (or SIGTERM) takes nothing new and lets requests finish; a second one cuts them.",
  ],
  run: runServe,
};

/** `h2pool check`. */
export const check: RunCommand = {
  kind: "run",
  path: "h2pool check",
  summary: "Check a file of HTTP servers: exit code 0, or 2 with every problem",
  usage: "servers.json",
  argument: FILE,
  flags: {},
  notes: ["Handlers are loaded and certificates read, but no port is opened."],
  async run({ argument }, io) {
    const checked = await checkServers(argument);
    if ("problems" in checked) {
      for (const { message } of checked.problems) io.stderr.write(`${argument}: ${message}\n`);
      return 2;
    }
    const { length } = checked.configs;
    for (const name of withoutHandler(checked.configs)) io.stderr.write(`${argument}: note: ${noHandler(name)}\n`);
    io.print(`${argument}: ${length} ${length === 1 ? "server" : "servers"}, no problem`);
    return 0;
  },
};

async function runServe(values: FlagValues, io: Io): Promise<number> {
  const file = values.argument;
  const grace = duration("--grace", values.text("grace") ?? "5s");
  const log = createLog({ output: io.stderr, verbose: values.has("verbose"), color: !io.env.NO_COLOR });
  const stop = stopOnSignals(io, 0);
  const undo: (() => void)[] = [stop.release];
  try {
    const checked = await checkServers(file);
    if ("problems" in checked) {
      for (const { message } of checked.problems) log.error(`${file}: ${message}`);
      return 2;
    }
    const pool = new HttpServerPool({ servers: checked.configs });
    listen(pool, log);
    const reloader = reloading(pool, file, log);
    reloader.read(checked.configs);
    // From the start: without a listener the signal ends the process.
    undo.push(io.onHangup(() => reloader.ask("SIGHUP")));
    if (!await started(pool, stop.drain, log)) return stop.drain.aborted ? stop.code() : 1;
    reloader.open();
    // Without an open port (all disabled, or none left after a reload) nothing else holds the process.
    const alive = setInterval(() => {}, FOREVER);
    undo.push(() => clearInterval(alive));
    for (const server of pool.values()) if (server.running) log.info(`${server.name} on ${server.expose}`);
    for (const name of withoutHandler(checked.configs)) log.warn(noHandler(name));
    if (values.has("watch")) undo.push(reloader.watch());
    undo.push(log.status(() => table(pool.stats())));
    await aborted(stop.drain);
    const inFlight = pool.stats().servers.reduce((sum, server) => sum + server.inFlight, 0);
    if (inFlight > 0) log.info(`finishing ${inFlight} ${inFlight === 1 ? "request" : "requests"}; once more cuts`);
    await reloader.close();
    await pool.stop({ grace, signal: stop.cut });
    const requests = pool.stats().servers.reduce((sum, server) => sum + server.requests, 0);
    log.info(`stopped: ${requests} ${requests === 1 ? "request" : "requests"}`);
    return stop.code();
  } finally {
    for (const f of undo.reverse()) f();
  }
}

function listen(pool: HttpServerPool, log: Log): void {
  pool.addEventListener("state", ({ detail: { server, state } }) => log.debug(`${server} is ${state}`));
  pool.addEventListener("error", ({ detail: { error } }) => log.warn(sentence(error)));
  pool.addEventListener(
    "health",
    ({ detail: { name, status, message } }) => log.warn(`${name} is ${status}: ${message}`),
  );
}

async function started(pool: HttpServerPool, signal: AbortSignal, log: Log): Promise<boolean> {
  try {
    await pool.start({ signal, allOrNothing: true });
    return true;
  } catch (error) {
    if (!signal.aborted) tell(error, log);
    await pool.stop({ grace: 0 });
    return false;
  }
}

/** Reloads one after the other; what is asked for meanwhile is one more. */
function reloading(pool: HttpServerPool, file: string, log: Log) {
  let current: Promise<void> | undefined;
  let again = false, closed = true;
  let modules: string[] = [];
  const watching = watchFiles(
    () => ask(`${file} has changed`),
    (error) => log.warn(`cannot watch: ${sentence(error)}`),
  );
  const watched = { on: false };

  const read = (configs: readonly HttpServerConfig[]): void => {
    modules = configs.flatMap(({ module }) => module ?? []);
    if (watched.on) watching.files([file, ...modules]);
  };

  async function once(): Promise<void> {
    const checked = await checkServers(file);
    if ("problems" in checked) {
      for (const { message } of checked.problems) log.error(`${file}: ${message}`);
      log.error("nothing was reloaded");
      return;
    }
    const wasUp = pool.running;
    try {
      log.info(said(await pool.reload(checked.configs)));
      read(checked.configs);
      // A reload starts nothing in a pool of which nothing runs.
      if (!wasUp && !closed) await pool.start();
    } catch (error) {
      tell(error, log);
    }
  }

  function ask(why: string): void {
    if (closed) return;
    again = true;
    log.debug(`reloading: ${why}`);
    current ??= (async () => {
      while (again && !closed) {
        again = false;
        await once();
      }
      current = undefined;
    })();
  }

  return {
    read,
    ask,
    /** The servers are up. */
    open: () => void (closed = false),
    watch(): () => void {
      watched.on = true;
      watching.files([file, ...modules]);
      return () => watching.close();
    },
    async close(): Promise<void> {
      closed = true;
      watching.close();
      await current;
    },
  };
}

function said({ added, removed, changed, kept }: ReloadReport): string {
  const parts = Object.entries({ added, removed, changed }).filter(([, names]) => names.length > 0);
  const what = parts.map(([word, names]) => `${word} ${names.join(", ")}`);
  return `reloaded: ${[...what, `kept ${kept.length}`].join("; ")}`;
}

function tell(error: unknown, log: Log): void {
  if (!(error instanceof ServerBatchError)) return log.error(sentence(error));
  for (const one of error.errors) log.error(sentence(one));
}

function noHandler(name: string): string {
  return `${name} has no handler: it answers 500 to everything; give it \`module\` or \`static\``;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
