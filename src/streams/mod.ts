/**
 * Stream pools: two-way byte streams over HTTP/2, kept ready between two processes and handed out on both sides.
 *
 * @module
 */
export type { EngineLimits, NetAddr, PeerCertificate, TlsState } from "../adapter/contract.ts";
export type { ServerTls } from "../adapter/tls/material.ts";
export type { BackoffOptions } from "../core/backoff.ts";
export { PoolError, type PoolErrorCode, type PoolErrorOptions } from "../core/errors.ts";
export type { PoolState } from "../core/lifecycle.ts";
export type { Logger } from "../core/logger.ts";
export type { WaitOptions } from "../core/wait.ts";
export { ClientPool } from "./client_pool.ts";
export type {
  AddressResolver,
  ClientPoolOptions,
  ClientTls,
  ServerPoolLimits,
  ServerPoolOptions,
  StreamPoolOptions,
} from "./options.ts";
export { ServerPool } from "./server_pool.ts";
export { StreamPool } from "./stream_pool.ts";
export type { ConnectionInfo, PoolStream, StreamPoolEvents, StreamPoolStats } from "./types.ts";
