/**
 * Checks the options of stream pools. Everything wrong is found in the constructor: `ERR_POOL_OPTION` names option and value.
 *
 * @module
 */
import { type HostPort, splitAddress } from "../adapter/address.ts";
import { type AddressList, addressList } from "../adapter/allow.ts";
import type { Engine, EngineLimits, Fields } from "../adapter/contract.ts";
import { engineNames } from "../adapter/engine.ts";
import type { Material } from "../adapter/tls/material.ts";
import type { AdaptiveLimits } from "../core/adaptive.ts";
import type { BackoffOptions } from "../core/backoff.ts";
import { SECRET } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { type Checks, checks } from "../core/options.ts";
import { headerFields } from "./headers.ts";
import { known } from "./known.ts";
import type {
  AddressResolver,
  ClientPoolOptions,
  ServerPoolLimits,
  ServerPoolOptions,
  StreamPoolOptions,
} from "./options.ts";
import { clientMaterial, serverMaterial } from "./tls_material.ts";

/** What both pools have after checking. */
export interface PoolSettings {
  readonly engine: Engine["name"];
  readonly name: string;
  readonly keepAlive: number;
  readonly pingTimeout: number;
  readonly handshakeTimeout: number;
  readonly closeTimeout: number;
  readonly window: { readonly idle: number; readonly stream: number; readonly total: number };
  readonly limits: EngineLimits | undefined;
  readonly logger: Logger | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A client pool's options after checking. */
export interface ClientSettings extends PoolSettings {
  readonly address: HostPort | AddressResolver;
  readonly hostname: string | undefined;
  readonly material: Material;
  readonly headers: Fields | (() => Record<string, string>) | undefined;
  readonly adaptive: AdaptiveLimits;
  readonly connections: number;
  readonly connectTimeout: number;
  readonly backoff: BackoffOptions | undefined;
  readonly maxStreamsPerConnection: number;
}

/** A server pool's options after checking. */
export interface ServerSettings extends PoolSettings {
  readonly listen: HostPort;
  readonly material: Material;
  readonly maxCapacity: number;
  readonly maxIdlePerConnection: number;
  readonly maxStreams: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly allow: AddressList;
  readonly authorize: ServerPoolLimits["authorize"];
}

const CLIENT = "create a client pool";
const SERVER = "create a server pool";
const MAX_31 = 0x7fff_ffff;
/** A connection has 2^30 identifiers for a client's streams (RFC 9113 section 5.1.1): twelve days at 1,000 a second. */
const MAX_STREAMS = 1_000_000_000;

const POOL_OPTIONS = [
  "name",
  "keepAlive",
  "pingTimeout",
  "handshakeTimeout",
  "closeTimeout",
  "window",
  "limits",
  "engine",
  "logger",
  "signal",
];
const CLIENT_OPTIONS = [
  ...POOL_OPTIONS,
  "address",
  "hostname",
  "tls",
  "headers",
  "minCapacity",
  "maxCapacity",
  "minInterval",
  "maxInterval",
  "connections",
  "connectTimeout",
  "backoff",
  "maxStreamsPerConnection",
];
const SERVER_OPTIONS = [
  ...POOL_OPTIONS,
  "listen",
  "tls",
  "server",
  "path",
  "maxCapacity",
  "maxIdlePerConnection",
  "maxStreams",
  "maxConnections",
  "maxConnectionsPerAddress",
  "allow",
  "authorize",
];
const LIMITS = [
  "maxHeaderBytes",
  "maxHeaders",
  "maxContinuations",
  "resetBurst",
  "resetsPerSecond",
  "pingsPerSecond",
  "settingsPerSecond",
  "emptyFramesPerSecond",
  "maxQueuedControlBytes",
] as const;

const counters = { client: 0, server: 0 };

/** The options of a client pool. @throws PoolError `ERR_POOL_OPTION` */
export function checkClient(options: ClientPoolOptions): ClientSettings {
  const check = checks(CLIENT);
  known(check, "", given(check, options), CLIENT_OPTIONS);
  const minCapacity = check.integer("minCapacity", options.minCapacity, { default: undefined, min: 1, max: MAX_31 });
  const maxCapacity = check.integer("maxCapacity", options.maxCapacity, {
    default: Math.max(20, minCapacity ?? 0),
    min: 1,
    max: MAX_31,
  });
  const least = minCapacity ?? Math.min(5, maxCapacity);
  check.ordered("minCapacity", least, "maxCapacity", maxCapacity);
  const minInterval = check.duration("minInterval", options.minInterval, { default: undefined, min: 1 });
  const maxInterval = check.duration("maxInterval", options.maxInterval, {
    default: Math.max(5_000, minInterval ?? 0),
    min: 1,
  });
  const shortest = minInterval ?? Math.min(500, maxInterval);
  check.ordered("minInterval", shortest, "maxInterval", maxInterval);

  const { backoff } = options;
  known(check, "backoff.", check.object("backoff", backoff) ?? {}, ["initial", "factor", "max", "jitter"]);
  const material = clientMaterial(check, options.tls);
  const { headers } = options;
  if (headers !== undefined && material.mode === "insecure" && material.pins === undefined) {
    throw check.error("headers", SECRET, 'but the connection is neither verified nor pinned (`tls` is "insecure")');
  }
  return {
    ...checkPool(check, "client", options, maxCapacity),
    address: checkAddress(check, options.address),
    hostname: check.string("hostname", options.hostname, undefined),
    material,
    headers: typeof headers === "function" ? headers : headers === undefined ? undefined : headerFields(check, headers),
    adaptive: { minCapacity: least, maxCapacity, minInterval: shortest, maxInterval },
    connections: check.integer("connections", options.connections, { default: 1, min: 1, max: 1_024 }),
    connectTimeout: check.duration("connectTimeout", options.connectTimeout, { default: 10_000, min: 1 }),
    backoff,
    maxStreamsPerConnection: check.integer("maxStreamsPerConnection", options.maxStreamsPerConnection, {
      default: MAX_STREAMS,
      min: 1,
      max: MAX_STREAMS,
    }),
  };
}

/** The options of a server pool. @throws PoolError `ERR_POOL_OPTION` */
export function checkServer(options: ServerPoolOptions): ServerSettings {
  const check = checks(SERVER);
  known(check, "", given(check, options), SERVER_OPTIONS);
  // A path of an HTTP server: in the specification, not in this version.
  const { server, path } = options as { server?: unknown; path?: unknown };
  if (server !== undefined) {
    throw check.error("server", server, "not available in this version: use `listen` and `tls`");
  }
  if (path !== undefined) throw check.error("path", path, "not available in this version: it goes with `server`");
  const maxCapacity = check.integer("maxCapacity", options.maxCapacity, { default: 1_024, min: 1, max: MAX_31 });
  return {
    ...checkPool(check, "server", options, maxCapacity),
    listen: readAddress(check, "listen", options.listen),
    material: serverMaterial(check, options.tls),
    maxCapacity,
    maxIdlePerConnection: check.integer("maxIdlePerConnection", options.maxIdlePerConnection, {
      default: 128,
      min: 1,
      max: MAX_31,
    }),
    maxStreams: check.integer("maxStreams", options.maxStreams, { default: 4_096, min: 1, max: MAX_31 }),
    maxConnections: check.integer("maxConnections", options.maxConnections, { default: 256, min: 1, max: MAX_31 }),
    maxConnectionsPerAddress: check.integer("maxConnectionsPerAddress", options.maxConnectionsPerAddress, {
      default: 32,
      min: 1,
      max: MAX_31,
    }),
    allow: checkAllow(check, options.allow),
    authorize: check.callable("authorize", options.authorize),
  };
}

function given(check: Checks, options: unknown): object {
  if (typeof options !== "object" || options === null) throw check.error("options", options, "not an object");
  return options;
}

function checkPool(
  check: Checks,
  role: "client" | "server",
  options: StreamPoolOptions,
  maxCapacity: number,
): PoolSettings {
  return {
    engine: check.oneOf("engine", options.engine, engineNames, "portable"),
    name: check.string("name", options.name, undefined) ?? `${role}-${++counters[role]}`,
    keepAlive: check.duration("keepAlive", options.keepAlive, { default: 30_000 }),
    pingTimeout: check.duration("pingTimeout", options.pingTimeout, { default: 10_000, min: 1 }),
    handshakeTimeout: check.duration("handshakeTimeout", options.handshakeTimeout, { default: 10_000, min: 1 }),
    closeTimeout: check.duration("closeTimeout", options.closeTimeout, { default: 30_000 }),
    window: checkWindow(check, options.window, maxCapacity),
    limits: checkLimits(check, options.limits),
    logger: checkLogger(check, options.logger),
    signal: checkSignal(check, options.signal),
  };
}

function checkWindow(
  check: Checks,
  given: StreamPoolOptions["window"],
  maxCapacity: number,
): PoolSettings["window"] {
  const window = check.object("window", given) ?? {};
  known(check, "window.", window, ["idle", "stream", "total"]);
  const idle = check.integer("window.idle", window.idle, { default: undefined, min: 1, max: MAX_31 });
  const stream = check.integer("window.stream", window.stream, {
    default: Math.max(1_048_576, idle ?? 0),
    min: 1,
    max: MAX_31,
  });
  const total = check.integer("window.total", window.total, { default: Math.max(268_435_456, stream), min: 1 });
  check.ordered("window.stream", stream, "window.total", total);
  if (idle !== undefined) {
    check.ordered("window.idle", idle, "window.stream", stream);
    return { idle, stream, total };
  }
  const share = Math.max(1_024, Math.floor(total / 2 / maxCapacity));
  return { idle: Math.min(65_536, stream, share), stream, total };
}

function checkLimits(check: Checks, given: EngineLimits | undefined): EngineLimits | undefined {
  const limits = check.object("limits", given);
  if (limits === undefined) return undefined;
  known(check, "limits.", limits, LIMITS);
  const checked: EngineLimits = {};
  for (const name of LIMITS) {
    const value = check.integer(`limits.${name}`, limits[name], { default: undefined });
    if (value !== undefined) checked[name] = value;
  }
  return checked;
}

function checkLogger(check: Checks, logger: Logger | undefined): Logger | undefined {
  if (logger === undefined) return undefined;
  const complete = typeof logger === "object" && logger !== null &&
    (["debug", "info", "warn", "error"] as const).every((level) => typeof logger[level] === "function");
  if (!complete) throw check.error("logger", logger, "without the functions `debug`, `info`, `warn` and `error`");
  return logger;
}

function checkSignal(check: Checks, signal: AbortSignal | undefined): AbortSignal | undefined {
  const object = check.object("signal", signal);
  if (object !== undefined && !("aborted" in object && "addEventListener" in object)) {
    throw check.error("signal", signal, "not an AbortSignal");
  }
  return object;
}

function checkAddress(check: Checks, address: string | AddressResolver): HostPort | AddressResolver {
  if (typeof address === "function") return address;
  const checked = readAddress(check, "address", address);
  if (checked.hostname === "") throw check.error("address", address, "without a host");
  if (checked.port === 0) throw check.error("address", address, "with port 0, which nobody listens on");
  return checked;
}

function readAddress(check: Checks, option: string, address: unknown): HostPort {
  if (typeof address !== "string") throw check.error(option, address, 'not a text such as "host:port"');
  try {
    return splitAddress(address);
  } catch (error) {
    throw check.error(option, address, reason(error));
  }
}

function checkAllow(check: Checks, allow: unknown): AddressList {
  if (allow === undefined) return addressList();
  const list = typeof allow === "string" ? [allow] : allow;
  if (!Array.isArray(list) || list.some((entry) => typeof entry !== "string")) {
    throw check.error("allow", allow, "not an address or CIDR range, nor an array of them");
  }
  try {
    return addressList(list);
  } catch (error) {
    throw check.error("allow", Array.isArray(allow) ? allow.join(", ") : allow, reason(error));
  }
}

// "Cannot read the address "x": why" says the value again.
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^Cannot [^:]*"[^"]*": /, "");
}
