/** The service's side of a tunnel: connects streams that the server announces with the service. @module */
import { joinAddress } from "../../adapter/address.ts";
import { systemClock } from "../../adapter/clock.ts";
import type { Engine } from "../../adapter/contract.ts";
import { dialTcp, type TcpConnection } from "../../adapter/tcp.ts";
import {
  ClientPool,
  type ClientTls,
  type ConnectionInfo,
  PoolError,
  type PoolStream,
  type StreamPoolStats,
} from "../../streams/mod.ts";
import { sentence } from "../errors.ts";
import type { Log } from "../log.ts";
import { type Control, CONTROL_ID, KEEP_ALIVE, openControl } from "./control.ts";
import { ControlError } from "./messages.ts";
import { relay } from "./relay.ts";

/** What {@linkcode startTunnelClient} needs. Durations are milliseconds. */
export interface TunnelClientOptions {
  /** The tunnel server, "host:port". */
  server: string;
  /** The name in its certificate, when it is not the host. */
  serverName: string | undefined;
  tls: ClientTls;
  /** Sent to the server. */
  headers: Record<string, string> | undefined;
  /** The service. */
  to: { readonly hostname: string; readonly port: number };
  /** How long the service may take to accept. */
  dialTimeout: number;
  /** Idle streams kept ready. */
  minCapacity: number;
  maxCapacity: number;
  engine: Engine["name"];
  log: Log;
  /** Gives up before the first connection is up. */
  signal: AbortSignal;
}

/** What happened to announced streams so far. */
export interface TunnelClientCounts {
  /** Joined with the service. */
  readonly served: number;
  /** The service could not be reached, or the stream did not come. */
  readonly failed: number;
}

/** A running tunnel client. */
export interface TunnelClient {
  /** Announced connections that are not over, those included that are being connected. */
  readonly open: number;
  /** Connections of the service in use. */
  readonly inUse: number;
  readonly counts: TunnelClientCounts;
  stats(): StreamPoolStats;
  /** Tells the server to announce nothing more, and resolves when all connections are over. */
  drain(): Promise<void>;
  /** Cuts what is left. */
  close(): Promise<void>;
  /** Resolves when the client ended: with why, unless `close` did it. */
  readonly closed: Promise<Error | undefined>;
}

/** One connection's control stream and what was announced on it. */
interface Session {
  readonly connection: ConnectionInfo;
  readonly control: Control;
  /** Of its announced streams, those that are not over. */
  taken: number;
  /** The control stream has ended. */
  over: boolean;
}

/** Between the announcement of a stream and its arrival, and for the control stream of a new connection. Milliseconds. */
const STREAM_TIMEOUT = 10_000;
/** A first connection may take as long as a timer can wait: a service starts when its machine does, the server when it will. */
const NO_HURRY = 2 ** 31 - 1;
/** How long the last words on a control stream may take. Milliseconds. */
const GOODBYE = 500;
/** How long a server may take to end its half of the control stream after us, and announce what crossed that. Milliseconds. */
const LAST_WORDS = 2_000;
/** Announced streams that are not over, on all connections: more than a server can have open on one. */
const MAX_TAKEN = 16_384;

/** Connects to the server; retries what may pass. Rejects with what will not (certificate, token) or the signal's reason. */
export async function startTunnelClient(options: TunnelClientOptions): Promise<TunnelClient> {
  const { log, to, dialTimeout, headers, serverName } = options;
  const pool = new ClientPool({
    name: "tunnel",
    keepAlive: KEEP_ALIVE,
    engine: options.engine,
    address: options.server,
    tls: options.tls,
    minCapacity: options.minCapacity,
    maxCapacity: options.maxCapacity,
    ...headers === undefined ? {} : { headers },
    ...serverName === undefined ? {} : { hostname: serverName },
  });
  const counts = { served: 0, failed: 0 };
  const sessions = new Set<Session>();
  const cut = new AbortController();
  let taken = 0;
  let inUse = 0;
  let started = false;
  let draining = false;
  let impatient = false;
  let drained = (): void => {};
  let why: Error | undefined;

  async function attend(connection: ConnectionInfo): Promise<void> {
    let stream: PoolStream;
    try {
      stream = await pool.outgoingGet(CONTROL_ID, { connection, timeout: STREAM_TIMEOUT });
    } catch (error) {
      if (pool.disconnect(connection) && !isCode(error, "ERR_POOL_CLOSED")) {
        log.warn(`no control stream: ${sentence(error)}`);
      }
      return;
    }
    const control = openControl(stream, (message) => {
      if (message.kind === "hello") log.info(`connected to ${joinAddress(connection.remoteAddr)}`);
      else if (message.kind === "take") take(session, message.id, message.from);
    });
    const session: Session = { connection, control, taken: 0, over: false };
    sessions.add(session);
    if (draining) control.end();
    const error = await control.over;
    session.over = true;
    sessions.delete(session);
    control.end();
    if (error instanceof ControlError) return end(error);
    // Without its control stream a connection is of no use: a new one is made. What it still carries may end before.
    if (error !== undefined) pool.disconnect(connection, error);
    settle(session);
  }

  function take(session: Session, id: string, from: string): void {
    if (taken >= MAX_TAKEN) return session.control.send({ kind: "failed", id, why: "too many connections" });
    taken++;
    session.taken++;
    serve(session, id, from).finally(() => {
      taken--;
      session.taken--;
      settle(session);
    });
  }

  async function serve({ connection, control }: Session, id: string, from: string): Promise<void> {
    // The service is dialled while the stream may still be on its way.
    const wait = { connection, timeout: STREAM_TIMEOUT, signal: cut.signal };
    const stream = settled(pool.outgoingGet(id, wait));
    const tcp = await settled(dialTcp({ ...to, timeout: dialTimeout, signal: cut.signal }));
    if ("error" in tcp) {
      refuse(control, id, `cannot reach ${joinAddress(to)}: ${sentence(tcp.error)}`);
      const got = await stream;
      if ("value" in got) got.value.abort(tcp.error);
      return;
    }
    const got = await stream;
    if ("error" in got) {
      refuse(control, id, `the stream ${id} did not come: ${sentence(got.error)}`);
      return tcp.value.abort();
    }
    control.send({ kind: "ok", id });
    await join(tcp.value, got.value, from);
  }

  async function join(tcp: TcpConnection, stream: PoolStream, from: string): Promise<void> {
    const traffic = { sent: 0, received: 0, busy: true };
    counts.served++;
    inUse++;
    try {
      await relay(tcp, stream, traffic);
      log.debug(`${from} is over`, { in: traffic.received, out: traffic.sent });
    } catch (error) {
      log.debug(`${from} broke`, { why: sentence(error), in: traffic.received, out: traffic.sent });
    } finally {
      inUse--;
    }
  }

  function refuse(control: Control, id: string, reason: string): void {
    counts.failed++;
    log.warn(reason);
    control.send({ kind: "failed", id, why: reason });
  }

  function settle(session?: Session): void {
    if (draining) {
      if (taken === 0 && (sessions.size === 0 || impatient)) drained();
    } else if (session?.over && session.taken === 0) pool.disconnect(session.connection);
  }

  async function end(error: Error | undefined): Promise<void> {
    why ??= error;
    cut.abort(new Error("the tunnel closes"));
    await pool.close({ grace: GOODBYE });
  }

  pool.addEventListener("connect", ({ detail }) => void attend(detail));
  pool.addEventListener("disconnect", ({ detail: { connection, error } }) => {
    // A start that failed ends its connection itself, and says why.
    if (cut.signal.aborted || (!started && error === undefined)) return;
    const reason = error === undefined ? "" : `: ${sentence(error)}`;
    log.warn(`connection to ${joinAddress(connection.remoteAddr)} is gone${reason}`);
  });
  pool.addEventListener("error", ({ detail }) => {
    // The token was taken back, or the server asks for another: waiting does not help. At the start it is `start` that fails.
    if (!isCode(detail, "ERR_POOL_FORBIDDEN")) log.warn(sentence(detail));
    else if (started) void end(detail);
  });

  try {
    await pool.start({ timeout: NO_HURRY, signal: options.signal });
  } catch (error) {
    await end(undefined);
    throw error;
  }
  started = true;
  return {
    counts,
    get open() {
      return taken;
    },
    get inUse() {
      return inUse;
    },
    stats: () => pool.stats(),
    async drain() {
      draining = true;
      const empty = new Promise<void>((resolve) => drained = resolve);
      // Half-closing the control stream says: no more. The server answers by ending its own half.
      for (const { control } of sessions) control.end();
      const late = systemClock.timer(LAST_WORDS, () => {
        impatient = true;
        settle();
      });
      settle();
      await empty;
      late.cancel();
    },
    close: () => end(undefined),
    closed: pool.closed.then(() => why),
  };
}

function isCode(error: unknown, code: PoolError["code"]): boolean {
  return error instanceof PoolError && error.code === code;
}

/** A promise's outcome as a value, so that it may be looked at later. */
function settled<T>(promise: Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown }> {
  return promise.then((value) => ({ value }), (error: unknown) => ({ error }));
}
