/** `h2pool tunnel server` and `h2pool tunnel client`. @module */
import { joinAddress } from "../../adapter/address.ts";
import { ConnectError, type Engine } from "../../adapter/contract.ts";
import { defaultEngine, engineNames } from "../../adapter/engine.ts";
import { spkiPin } from "../../adapter/tls/certificate.ts";
import { type ClientTls, PoolError, type ServerTls, type StreamPoolStats } from "../../streams/mod.ts";
import { developmentCertificate } from "../certificate.ts";
import type { Flags, FlagValues, GroupCommand, RunCommand } from "../command.ts";
import { sentence, UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import { createLog, type Log } from "../log.ts";
import { type Stop, stopOnSignals } from "../stop.ts";
import { readToken, tokenCheck, tokenHeaders } from "../token.ts";
import { address, choice, count, duration, pins, ranges, showBytes } from "../values.ts";
import { startTunnelClient } from "./client.ts";
import { startTunnelServer } from "./server.ts";
import { statusLine } from "./status.ts";

const TOKEN_FLAGS: Flags = {
  "token-file": { value: "FILE", help: "File with the token that gives a client the right to serve" },
  token: { value: "TEXT", help: "The token itself; other users can read it in the process list, so prefer the file" },
};
const LAST_FLAGS: Flags = {
  engine: { value: "NAME", help: "Which HTTP/2: portable, our own (default), or node:http2, the runtime's" },
  grace: { value: "TIME", help: "How long connections may take to finish after Ctrl+C; default no limit" },
  verbose: { help: "Log every connection" },
};

const SERVER_FLAGS: Flags = {
  listen: { value: "[HOST]:PORT", help: "Where tunnel clients connect to" },
  public: { value: "[HOST]:PORT", help: "Where the public connects to" },
  ...TOKEN_FLAGS,
  "client-ca": { value: "FILE", help: "Only clients with a certificate of this authority (PEM)" },
  "insecure-open": { help: "Let any client serve: no token, no client certificate" },
  cert: { value: "FILE", help: "Certificate chain (PEM); default: a development certificate, made once" },
  key: { value: "FILE", help: "Its private key (PEM)" },
  state: { value: "FOLDER", help: "Where the development certificate is kept; default ~/.local/state/h2pool" },
  allow: { value: "CIDR", many: true, help: "Only clients from this address or range" },
  wait: { value: "TIME", help: "How long a public connection waits for a client; default 10s" },
  queue: { value: "N", help: "How many may wait; default 1024" },
  "max-connections": { value: "N", help: "Public connections at once; default 4096" },
  "max-connections-per-address": { value: "N", help: "Of these from one address; default: no limit of its own" },
  "idle-timeout": { value: "TIME", help: "Cut public connections without a byte for this long; default never" },
  ...LAST_FLAGS,
};

const CLIENT_FLAGS: Flags = {
  server: { value: "HOST:PORT", help: "The tunnel server" },
  to: { value: "HOST:PORT", help: "The service to publish" },
  ...TOKEN_FLAGS,
  pin: { value: "PIN", many: true, help: "Trust exactly this key: the pin that the server prints" },
  ca: { value: "FILE", help: "Trust the certificates of this authority (PEM) instead of the system's" },
  "server-name": { value: "NAME", help: "Name in the server's certificate, when it is not the host of --server" },
  insecure: { help: "Check nothing of the server; a token needs a --pin then" },
  cert: { value: "FILE", help: "Client certificate (PEM), for a server with --client-ca" },
  key: { value: "FILE", help: "Its private key (PEM)" },
  "dial-timeout": { value: "TIME", help: "How long the service may take to accept; default 10s" },
  "min-idle": { value: "N", help: "Streams kept ready, at least; default 16" },
  "max-idle": { value: "N", help: "Streams kept ready, at most; default 128" },
  ...LAST_FLAGS,
};

const TOKEN_NOTE =
  "The token may also come from the environment: H2POOL_TOKEN. A good one: openssl rand -base64 32 > token.txt";
const STOP_NOTE = "Ctrl+C (or SIGTERM) takes nothing new and lets connections finish; a second one cuts them.";

/** `h2pool tunnel server`. */
export const tunnelServer: RunCommand = {
  kind: "run",
  path: "h2pool tunnel server",
  summary: "The public side: accepts tunnel clients, and public connections for them",
  usage: "--listen :8443 --public :9000 --token-file token.txt",
  flags: SERVER_FLAGS,
  notes: [
    TOKEN_NOTE,
    "Without --cert the server makes a development certificate once and prints its pin, which stays the same; clients " +
    "then connect with --pin. Without any of --token-file, --client-ca and --insecure-open it does not start.",
    STOP_NOTE,
  ],
  run: runServer,
};

/** `h2pool tunnel client`. */
export const tunnelClient: RunCommand = {
  kind: "run",
  path: "h2pool tunnel client",
  summary: "The service's side: connects to a tunnel server and serves its public connections",
  usage: "--server HOST:8443 --to 127.0.0.1:3000 --token-file token.txt --pin PIN",
  flags: CLIENT_FLAGS,
  notes: [
    TOKEN_NOTE,
    "The server's certificate is checked against the system's authorities, or --ca; with --pin alone, against the pin " +
    "alone. The client comes back by itself whenever the connection or the server goes away.",
    STOP_NOTE,
  ],
  run: runClient,
};

/** `h2pool tunnel`. */
export const tunnel: GroupCommand = {
  kind: "group",
  path: "h2pool tunnel",
  summary: "Publish a TCP service of one machine on a port of another",
  commands: { server: tunnelServer, client: tunnelClient },
};

async function runServer(values: FlagValues, io: Io): Promise<number> {
  const listen = values.needed("listen");
  address("--listen", listen, "optional");
  const publish = address("--public", values.needed("public"), "optional");
  const wait = duration("--wait", values.text("wait") ?? "10s");
  const queue = count("--queue", values.text("queue") ?? "1024", 0);
  const maxConnections = count("--max-connections", values.text("max-connections") ?? "4096", 1);
  const perAddress = values.text("max-connections-per-address") ?? String(maxConnections);
  const maxConnectionsPerAddress = count("--max-connections-per-address", perAddress, 1);
  const idleTimeout = duration("--idle-timeout", values.text("idle-timeout") ?? "0");
  const allow = ranges("--allow", values.all("allow"));
  const engine = engineOf(values);
  needsPair(values, tunnelServer.path);
  const token = await tokenOf(values, io);
  const open = token === undefined && !values.has("client-ca");
  if (open && !values.has("insecure-open")) {
    throw new UsageError(
      "anybody could serve: give --token-file, H2POOL_TOKEN or --client-ca, or --insecure-open if that is meant",
      tunnelServer.path,
    );
  }
  const grace = duration("--grace", values.text("grace") ?? "0");
  const log = logOf(values, io);
  const stop = stopOnSignals(io, grace);
  try {
    const server = await startTunnelServer({
      listen,
      publish,
      tls: await serverTls(values, io, log),
      authorize: token === undefined ? undefined : tokenCheck(token),
      allow,
      wait,
      queue,
      maxConnections,
      maxConnectionsPerAddress,
      idleTimeout,
      engine,
      log,
    });
    log.info(`clients connect to ${joinAddress(server.addr)}`);
    log.info(`the public connects to ${joinAddress(server.publicAddr)}`);
    if (open) log.warn("any client may serve (--insecure-open)");
    const code = await untilStopped(server, stop, log, () => {
      const { clients, inUse, waiting } = server;
      return statusLine({ state: `clients ${clients}`, inUse, waiting, stats: server.stats() });
    });
    const { served, turnedAway, failed } = server.counts;
    log.info(`closed: served ${served}, turned away ${turnedAway}, failed ${failed}, ${bytes(server)}`);
    return code;
  } finally {
    stop.release();
  }
}

async function runClient(values: FlagValues, io: Io): Promise<number> {
  const server = values.needed("server");
  address("--server", server, "needed");
  const to = address("--to", values.needed("to"), "needed");
  const dialTimeout = duration("--dial-timeout", values.text("dial-timeout") ?? "10s");
  const minCapacity = count("--min-idle", values.text("min-idle") ?? "16", 1);
  const maxCapacity = count("--max-idle", values.text("max-idle") ?? String(Math.max(128, minCapacity)), 1);
  if (minCapacity > maxCapacity) throw new UsageError("--min-idle is above --max-idle", tunnelClient.path);
  const engine = engineOf(values);
  needsPair(values, tunnelClient.path);
  const tls = clientTls(values);
  const token = await tokenOf(values, io);
  if (token !== undefined && tls.mode === "insecure" && tls.pin === undefined) {
    throw new UsageError(
      "a token is never sent to a server that is not checked: add --pin, or drop --insecure",
      tunnelClient.path,
    );
  }
  const grace = duration("--grace", values.text("grace") ?? "0");
  const log = logOf(values, io);
  const stop = stopOnSignals(io, grace);
  try {
    log.info(`connecting to ${server}`);
    const client = await startTunnelClient({
      server,
      serverName: values.text("server-name"),
      tls,
      headers: token === undefined ? undefined : tokenHeaders(token),
      to,
      dialTimeout,
      minCapacity,
      maxCapacity,
      engine,
      log,
      signal: stop.drain,
    });
    const code = await untilStopped(client, stop, log, () => {
      const stats = client.stats();
      return statusLine({ state: stats.state, inUse: client.inUse, stats });
    });
    const { served, failed } = client.counts;
    log.info(`closed: served ${served}, failed ${failed}, ${bytes(client)}`);
    return code;
  } catch (error) {
    if (stop.drain.aborted) return stop.code();
    throw withHint(error, { token: token !== undefined, pin: tls.pin !== undefined });
  } finally {
    stop.release();
  }
}

/** A running side of a tunnel. */
interface Running {
  readonly open: number;
  stats(): StreamPoolStats;
  drain(): Promise<void>;
  close(): Promise<void>;
  readonly closed: Promise<Error | undefined>;
}

/** Waits for the signals and ends accordingly. Throws when it ended by itself. */
async function untilStopped(running: Running, stop: Stop, log: Log, status: () => string): Promise<number> {
  const endStatus = log.status(status);
  try {
    await Promise.race([aborted(stop.drain), running.closed]);
    if (stop.drain.aborted) {
      const { open } = running;
      const drained = running.drain();
      if (open > 0) log.info(`finishing ${open} ${open === 1 ? "connection" : "connections"}; once more cuts`);
      await Promise.race([drained, aborted(stop.cut), running.closed]);
    }
    await running.close();
    const error = await running.closed;
    if (error !== undefined) throw error;
    return stop.code();
  } finally {
    endStatus();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function tokenOf(values: FlagValues, io: Io): Promise<string | undefined> {
  return readToken({ file: values.text("token-file"), text: values.text("token") }, io.env);
}

function logOf(values: FlagValues, io: Io): Log {
  // no-color.org: any text but an empty one.
  return createLog({ output: io.stderr, verbose: values.has("verbose"), color: !io.env.NO_COLOR });
}

function engineOf(values: FlagValues): Engine["name"] {
  return choice("--engine", values.text("engine") ?? defaultEngine.name, engineNames);
}

function needsPair(values: FlagValues, path: string): void {
  if (values.has("cert") !== values.has("key")) throw new UsageError("--cert and --key need each other", path);
}

async function serverTls(values: FlagValues, io: Io, log: Log): Promise<ServerTls> {
  const clientCaFile = values.text("client-ca");
  const ca = clientCaFile === undefined ? {} : { clientCaFile };
  const certFile = values.text("cert");
  if (certFile !== undefined) return { certFile, keyFile: values.needed("key"), ...ca };
  const { cert, key, path } = await developmentCertificate(values.text("state"), io.env);
  log.info(`development certificate ${path}`);
  log.info(`clients connect with --pin ${spkiPin(cert)}`);
  return { cert, key, ...ca };
}

function clientTls(values: FlagValues): ClientTls {
  const pin = pins("--pin", values.all("pin"));
  const caFile = values.text("ca");
  const certFile = values.text("cert");
  if (caFile !== undefined && values.has("insecure")) {
    throw new UsageError("--ca and --insecure contradict each other", tunnelClient.path);
  }
  // A pin says more than any authority: with nothing else to check against, it is what is checked.
  const insecure = values.has("insecure") || (pin.length > 0 && caFile === undefined);
  return {
    mode: insecure ? "insecure" : "verified",
    ...pin.length === 0 ? {} : { pin },
    ...caFile === undefined ? {} : { caFile },
    ...certFile === undefined ? {} : { certFile, keyFile: values.needed("key") },
  };
}

/** What is most likely wrong, in the terms of this command. */
function withHint(error: unknown, given: { readonly token: boolean; readonly pin: boolean }): unknown {
  if (!(error instanceof PoolError)) return error;
  if (error.code === "ERR_POOL_FORBIDDEN") {
    const hint = given.token ? "its token is another one" : "does it want a token? See --token-file";
    return new Error(`${sentence(error)}: ${hint}`);
  }
  // Who meets an unknown authority has most likely started the server without --cert.
  const unknown = !given.pin && error.cause instanceof ConnectError && error.cause.kind === "authority";
  if (!unknown) return error;
  return new Error(`${sentence(error)}; a development certificate needs the --pin that the server prints`);
}

function bytes(running: Running): string {
  const { bytesIn, bytesOut } = running.stats();
  return `in ${showBytes(bytesIn)}, out ${showBytes(bytesOut)}`;
}
