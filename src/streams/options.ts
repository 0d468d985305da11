/**
 * The options of stream pools: what users give, and what is left of it after checking.
 *
 * @module
 */
import type { EngineLimits, NetAddr, TlsState } from "../adapter/contract.ts";
import type { ServerTls } from "../adapter/tls/material.ts";
import type { BackoffOptions } from "../core/backoff.ts";
import type { Logger } from "../core/logger.ts";
import type { ConnectionInfo } from "./types.ts";

/**
 * How a client checks the server, and shows itself. PEM text or bytes, or a file to read and to watch.
 *
 * @example A self-signed certificate, known by its key
 * ```ts
 * import { ClientPool } from "@x/h2pool";
 *
 * new ClientPool({
 *   address: "server.example:8443",
 *   tls: { mode: "insecure", pin: "nRSxcyYWfG3+ZPUnsuKtQCxrhfzD058WMtVkR7oSFvw=" },
 * });
 * ```
 *
 * @example An own authority, and a client certificate
 * ```ts
 * import { ClientPool } from "@x/h2pool";
 *
 * new ClientPool({
 *   address: "server.example:8443",
 *   tls: { caFile: "ca.pem", certFile: "client.pem", keyFile: "client.key" },
 * });
 * ```
 */
export interface ClientTls {
  /** `"insecure"` checks nothing but a `pin`. Default `"verified"`. */
  mode?: "verified" | "insecure";
  /** Authorities to trust instead of the runtime's. */
  ca?: string | Uint8Array;
  /** A file with `ca`. */
  caFile?: string;
  /** The client's certificate, for a server with `clientCa`. */
  cert?: string | Uint8Array;
  /** Its private key. */
  key?: string | Uint8Array;
  /** A file with `cert`. */
  certFile?: string;
  /** A file with `key`. */
  keyFile?: string;
  /** SHA-256 of the server's public key (SPKI, base64), any of these; checked before a byte is sent, in either mode. */
  pin?: string | readonly string[];
}

/**
 * Gives `"host:port"` for one connection attempt. `signal` is aborted when nobody waits for the answer any more:
 * too late, or the pool closes. What it throws is a failed attempt, `ERR_POOL_CONNECT`, and is retried.
 *
 * @example
 * ```ts
 * import { ClientPool } from "@x/h2pool";
 *
 * const servers = ["a.example:8443", "b.example:8443"];
 * new ClientPool({ address: ({ attempt }) => servers[attempt % servers.length] ?? "", hostname: "pool.example" });
 * ```
 */
export type AddressResolver = (
  ctx: { readonly attempt: number; readonly signal: AbortSignal },
) => string | Promise<string>;

/**
 * What both pools take. Durations are milliseconds, sizes bytes.
 *
 * @example
 * ```ts
 * import { ClientPool, ServerPool, type StreamPoolOptions } from "@x/h2pool";
 *
 * // A frozen peer is found within 7 seconds; a stream may have 4 MiB on its way.
 * const both: StreamPoolOptions = { keepAlive: 5_000, pingTimeout: 2_000, window: { stream: 4 * 1_048_576 } };
 * new ClientPool({ ...both, address: "server.example:8443" });
 * new ServerPool({ ...both, listen: ":8443", tls: { certFile: "cert.pem", keyFile: "key.pem" } });
 * ```
 */
export interface StreamPoolOptions {
  /** Label in metrics and logs. Default "client" or "server" plus a counter. */
  name?: string;
  /** PING after this long without a byte read; 0 = off. Default 30_000. */
  keepAlive?: number;
  /** No answer to a PING within this: the connection is dead. Default 10_000. */
  pingTimeout?: number;
  /** From the POST to the id, and for the other side's first byte. Default 10_000. */
  handshakeTimeout?: number;
  /** After `close()` of a stream: how long written bytes may take to leave before the stream is reset. Default 30_000. */
  closeTimeout?: number;
  /**
   * Receive window of an idle stream (default 64 KiB), of one in use (default 1 MiB); bytes all streams of the pool may hold
   * unread (default 256 MiB).
   *
   * Every stream counts with its window against `total`, read or not: a stream that has no room there is not opened (client) or is
   * refused (server). At most half of `total` goes to the larger windows of streams in use. Unless `idle` is given it is made smaller
   * where `maxCapacity` idle streams would need more than half of `total`.
   */
  window?: { idle?: number; stream?: number; total?: number };
  /** Bounds against hostile peers. */
  limits?: EngineLimits;
  /** Which HTTP/2 engine: our own, the same on every runtime, or the runtime's `node:http2`. Default "portable". */
  engine?: "portable" | "node:http2";
  /** Where to log. Default: nowhere. */
  logger?: Logger;
  /** Closes the pool. */
  signal?: AbortSignal;
}

/**
 * Options of a client pool. Only `address` is required.
 *
 * @example
 * ```ts
 * import { ClientPool, type ClientPoolOptions } from "@x/h2pool";
 *
 * const options: ClientPoolOptions = {
 *   address: "server.example:8443",
 *   headers: () => ({ authorization: "Bearer secret" }),
 *   minCapacity: 10,
 *   maxCapacity: 100,
 *   minInterval: 100,
 * };
 * new ClientPool(options);
 * ```
 */
export interface ClientPoolOptions extends StreamPoolOptions {
  /** "host:port", "[v6]:port", or asked before every connection attempt. */
  address: string | AddressResolver;
  /** TLS server name and :authority. Default: the host of the address. */
  hostname?: string;
  /** How to check the server. Default "verified", against the runtime's authorities. */
  tls?: "verified" | "insecure" | ClientTls;
  /** Sent with every POST, for `authorize` on the other side. Never sent over an unverified, unpinned connection. */
  headers?: Record<string, string> | (() => Record<string, string>);
  /** Idle streams to keep ready, at least. Default 5. */
  minCapacity?: number;
  /** Idle streams to keep ready, at most. Default 20. */
  maxCapacity?: number;
  /** Shortest time between two rounds of creation. Default 500. */
  minInterval?: number;
  /** Longest time between two rounds of creation. Default 5_000. */
  maxInterval?: number;
  /** HTTP/2 connections to keep. Default 1. */
  connections?: number;
  /** TCP + TLS + SETTINGS. Default 10_000. */
  connectTimeout?: number;
  /** Waits between connection attempts. */
  backoff?: BackoffOptions;
  /** Take a fresh connection after so many streams (the Go server stops at its limit). Default: when the peer stops answering opens. */
  maxStreamsPerConnection?: number;
}

/**
 * Who may use a server pool, and how much of it.
 *
 * @example
 * ```ts
 * import { ServerPool } from "@x/h2pool";
 *
 * new ServerPool({
 *   listen: ":8443",
 *   tls: { certFile: "cert.pem", keyFile: "key.pem" },
 *   allow: ["10.0.0.0/8", "::1"],
 *   authorize: ({ headers }) => headers.authorization === "Bearer secret",
 * });
 * ```
 */
export interface ServerPoolLimits {
  /** Idle streams held over all clients. Default 1_024. */
  maxCapacity?: number;
  /** Idle streams held for one connection. Default 128. */
  maxIdlePerConnection?: number;
  /** Live streams of one connection, advertised as MAX_CONCURRENT_STREAMS. Default 4_096. */
  maxStreams?: number;
  /** Connections at once. Default 256. */
  maxConnections?: number;
  /** Connections at once from one address, unfinished handshakes included. Default 32. */
  maxConnectionsPerAddress?: number;
  /** Client addresses or CIDR ranges; empty = any. */
  allow?: string | readonly string[];
  /** Asked once for a stream before it gets an id; anything but `true` answers 403. */
  authorize?: (info: {
    readonly headers: Readonly<Record<string, string>>;
    readonly remoteAddr: NetAddr;
    readonly tls: TlsState;
    readonly connection: ConnectionInfo;
  }) => boolean | Promise<boolean>;
}

/**
 * Options of a server pool. Only `listen` and `tls` are required.
 *
 * @example
 * ```ts
 * import { ServerPool, type ServerPoolOptions } from "@x/h2pool";
 *
 * const options: ServerPoolOptions = {
 *   listen: "0.0.0.0:8443",
 *   tls: { certFile: "cert.pem", keyFile: "key.pem" },
 *   maxConnections: 1_000,
 *   maxCapacity: 10_000,
 * };
 * new ServerPool(options);
 * ```
 */
export type ServerPoolOptions = StreamPoolOptions & ServerPoolLimits & {
  /** "host:port"; an empty host means every address, port 0 a free one (see `addr`). */
  listen: string;
  /** The server's certificate and key. */
  tls: ServerTls;
};
