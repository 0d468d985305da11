/** The public side of a tunnel: hands public connections to the clients that serve. @module */
import { joinAddress } from "../../adapter/address.ts";
import { systemClock } from "../../adapter/clock.ts";
import type { Engine, NetAddr } from "../../adapter/contract.ts";
import { listenTcp, type TcpConnection } from "../../adapter/tcp.ts";
import { type ConnectionInfo, ServerPool, type ServerTls, type StreamPoolStats } from "../../streams/mod.ts";
import { sentence } from "../errors.ts";
import type { Log } from "../log.ts";
import { showDuration } from "../values.ts";
import { type Control, CONTROL_ID, KEEP_ALIVE, openControl } from "./control.ts";
import { createDispatcher, type Member, NobodyError } from "./dispatch.ts";
import { idleWatch } from "./idle.ts";
import { ControlError } from "./messages.ts";
import { relay } from "./relay.ts";

/** What {@linkcode startTunnelServer} needs. Durations are milliseconds. */
export interface TunnelServerOptions {
  /** Where clients connect to, "host:port". */
  listen: string;
  /** Where the public connects to. */
  publish: { readonly hostname: string; readonly port: number };
  tls: ServerTls;
  /** Whether header fields give the right to serve. Undefined: everybody who gets through TLS has it. */
  authorize: ((headers: Readonly<Record<string, string>>) => boolean) | undefined;
  /** Client addresses; empty = any. */
  allow: readonly string[];
  /** How long a public connection waits for a stream. */
  wait: number;
  /** How many of them may wait. */
  queue: number;
  maxConnections: number;
  maxConnectionsPerAddress: number;
  /** Public connections without a byte for this long are cut; 0 = never. */
  idleTimeout: number;
  engine: Engine["name"];
  log: Log;
}

/** What happened to public connections so far. */
export interface TunnelServerCounts {
  /** Given to a client. */
  readonly served: number;
  /** Closed: nobody there in time, the queue was full, or over a limit. */
  readonly turnedAway: number;
  /** Closed: the client could not reach its service. */
  readonly failed: number;
}

/** A running tunnel server. */
export interface TunnelServer {
  /** Where clients connect to. */
  readonly addr: NetAddr;
  /** Where the public connects to. */
  readonly publicAddr: NetAddr;
  /** Clients that serve. */
  readonly clients: number;
  /** Public connections: those that are served now, and those that wait for a client. */
  readonly open: number;
  /** Public connections that are served now. */
  readonly inUse: number;
  /** Public connections that wait for a client. */
  readonly waiting: number;
  readonly counts: TunnelServerCounts;
  stats(): StreamPoolStats;
  /** Takes nothing new and resolves when all public connections are over. */
  drain(): Promise<void>;
  /** Cuts what is left, and frees both ports. */
  close(): Promise<void>;
  /** Resolves when it is closed. */
  readonly closed: Promise<undefined>;
}

/** A client with the right to serve, and what it has. */
interface Client extends Member {
  readonly control: Control;
  /** Its public connections, by the stream that each was announced with. */
  readonly serving: Map<string, Serving>;
}

/** A public connection that was announced to a client. */
interface Serving {
  /** The client has connected its service. */
  answered(): void;
  /** It could not: the public connection ends at once. */
  fail(why: string): void;
  /** It went away. What it has connected ends with its stream, the rest at once. */
  gone(error: Error): void;
}

/** From the announcement to the client's answer, its own attempts to reach the service included. Milliseconds. */
const ANSWER_TIMEOUT = 60_000;
/** Streams of one client beside those in use: idle ones, and its control stream. */
const SPARE_STREAMS = 256;
/** What the pool may hold unread: the default, or a small window for each public connection. */
const MIN_WINDOW_TOTAL = 256 * 1024 * 1024;
const WINDOW_PER_CONNECTION = 128 * 1024;
/** How long the last words on a control stream may take. Milliseconds. */
const GOODBYE = 500;

/** Binds both ports. Rejects when one of them cannot be had. */
export async function startTunnelServer(options: TunnelServerOptions): Promise<TunnelServer> {
  const { log, authorize, maxConnections } = options;
  const pool = new ServerPool({
    name: "tunnel",
    keepAlive: KEEP_ALIVE,
    engine: options.engine,
    listen: options.listen,
    tls: options.tls,
    allow: options.allow,
    maxStreams: Math.max(4096, maxConnections + SPARE_STREAMS),
    window: { total: Math.max(MIN_WINDOW_TOTAL, maxConnections * WINDOW_PER_CONNECTION) },
    authorize({ headers, remoteAddr }) {
      if (authorize === undefined || authorize(headers)) return true;
      log.warn(`refused ${remoteAddr.hostname}: ${headers.authorization ? "wrong token" : "it shows no token"}`);
      return false;
    },
  });
  const dispatcher = createDispatcher<Client>({
    take: (connection, wait) => pool.incomingGet({ ...wait, connection }),
    wait: options.wait,
    queue: options.queue,
    clock: systemClock,
  });
  const counts = { served: 0, turnedAway: 0, failed: 0 };
  const perAddress = new Map<string, number>();
  const open = new Set<TcpConnection>();
  const idle = idleWatch(systemClock, options.idleTimeout);
  let inUse = 0;
  let drained = (): void => {};

  async function attend(connection: ConnectionInfo): Promise<void> {
    const from = joinAddress(connection.remoteAddr);
    const stream = await pool.outgoingGet(CONTROL_ID, { connection });
    const serving: Client["serving"] = new Map();
    let client: Client | undefined;
    const control = openControl(stream, (message) => {
      if (message.kind === "ok") serving.get(message.id)?.answered();
      else if (message.kind === "failed") serving.get(message.id)?.fail(message.why);
      else if (message.kind === "hello") {
        client = { connection, load: 0, control, serving };
        dispatcher.add(client);
        log.info(`client ${from} serves`);
      }
    });
    const error = await control.over;
    if (client !== undefined) dispatcher.remove(client);
    for (const announced of [...serving.values()]) {
      // A client that takes no more serves what it has heard of, but cannot say so any more.
      if (error === undefined) announced.answered();
      else announced.gone(error);
    }
    control.end();
    if (error === undefined) {
      if (client !== undefined) log.info(`client ${from} serves what it has, and takes no more`);
      return;
    }
    if (!(error instanceof ControlError)) return void pool.disconnect(connection, error);
    log.warn(`ended the connection of client ${from}: ${error.message}`);
    // It has been told why; when it has read that it ends its side too.
    const late = systemClock.timer(GOODBYE, () => stream.abort(error));
    await stream.closed;
    late.cancel();
    pool.disconnect(connection, error);
  }

  function accept(tcp: TcpConnection): void {
    const { hostname } = tcp.remoteAddr;
    const same = perAddress.get(hostname) ?? 0;
    if (open.size >= maxConnections || same >= options.maxConnectionsPerAddress) {
      counts.turnedAway++;
      const whose = open.size >= maxConnections ? "" : ` from ${hostname}`;
      log.warn(`turned a public connection away: too many${whose}`);
      return tcp.abort();
    }
    open.add(tcp);
    perAddress.set(hostname, same + 1);
    publish(tcp)
      .catch((error) => turnAway(tcp, error))
      .finally(() => {
        open.delete(tcp);
        const left = (perAddress.get(hostname) ?? 1) - 1;
        if (left > 0) perAddress.set(hostname, left);
        else perAddress.delete(hostname);
        if (open.size === 0) drained();
      });
  }

  async function publish(tcp: TcpConnection): Promise<void> {
    const left = new AbortController();
    tcp.closed.then((error) => left.abort(error));
    const { member, stream } = await dispatcher.acquire(left.signal);
    const from = joinAddress(tcp.remoteAddr);
    const traffic = { sent: 0, received: 0, busy: true };
    const watched = idle.watch(traffic, () => tcp.abort());
    inUse++;
    counts.served++;
    const answer = Promise.withResolvers<void>();
    answer.promise.catch(() => {});
    const gone = (error: Error): void => answer.reject(error);
    const fail = (why: string): void => {
      counts.failed++;
      log.warn(`client ${joinAddress(member.connection.remoteAddr)} could not serve: ${why}`);
      const error = new Error(why);
      answer.reject(error);
      tcp.abort();
      stream.abort(error);
    };
    const unanswered = setTimeout(fail, ANSWER_TIMEOUT, "it did not answer");
    const answered = (): void => {
      clearTimeout(unanswered);
      answer.resolve();
    };
    member.serving.set(stream.id, { answered, fail, gone });
    member.control.send({ kind: "take", id: stream.id, from });
    try {
      // Bytes go at once: the client dials while they travel.
      await relay(tcp, stream, traffic, answer.promise);
      log.debug(`${from} is over`, { in: traffic.sent, out: traffic.received });
    } catch (error) {
      log.debug(`${from} broke`, { why: sentence(error), in: traffic.sent, out: traffic.received });
    } finally {
      idle.unwatch(watched);
      clearTimeout(unanswered);
      member.serving.delete(stream.id);
      member.load--;
      inUse--;
    }
  }

  function turnAway(tcp: TcpConnection, error: unknown): void {
    counts.turnedAway++;
    tcp.abort();
    if (!(error instanceof NobodyError)) return log.debug(`${joinAddress(tcp.remoteAddr)} left before it was served`);
    const who = dispatcher.members.size === 0 ? "no client serves" : "the clients have no stream to spare";
    const after = error.reason === "queue" ? `${options.queue} wait already` : `waited ${showDuration(options.wait)}`;
    log.warn(`turned a public connection away: ${who}, ${after}`);
  }

  pool.addEventListener("connect", ({ detail }) => {
    attend(detail).catch((error) => {
      log.debug(`client ${joinAddress(detail.remoteAddr)} opened no control stream`, { why: sentence(error) });
    });
  });
  pool.addEventListener("disconnect", ({ detail: { connection, error } }) => {
    const why = error === undefined ? "" : `: ${sentence(error)}`;
    log.info(`client ${joinAddress(connection.remoteAddr)} is gone${why}`);
  });
  pool.addEventListener("error", ({ detail }) => log.debug("pool", { error: detail }));

  await pool.start();
  let listener;
  try {
    listener = await listenTcp({ ...options.publish, accept, failed: (error) => log.error(sentence(error)) });
  } catch (error) {
    await pool.close();
    throw error;
  }
  const { addr } = pool;
  if (addr === undefined) throw new Error("the pool closed while it started");
  const { addr: publicAddr, close: closePublic } = listener;

  return {
    addr,
    publicAddr,
    counts,
    get clients() {
      return dispatcher.members.size;
    },
    get open() {
      return open.size;
    },
    get inUse() {
      return inUse;
    },
    get waiting() {
      return dispatcher.waiting;
    },
    stats: () => pool.stats(),
    async drain() {
      const empty = new Promise<void>((resolve) => drained = resolve);
      const closed = closePublic();
      if (open.size > 0) await empty;
      await closed;
    },
    async close() {
      const closed = closePublic();
      for (const tcp of open) tcp.abort();
      for (const { control } of dispatcher.members) control.end();
      await pool.close({ grace: GOODBYE });
      await closed;
    },
    closed: pool.closed.then(() => undefined),
  };
}
