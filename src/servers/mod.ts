/**
 * HTTP servers: from one config each, with one life, in a pool.
 *
 * @module
 */
export type { NetAddr, PeerCertificate, TlsState } from "../adapter/contract.ts";
export type { NodeHandler, UpgradeHandler } from "../adapter/http/node_handler.ts";
export type { ServerTls } from "../adapter/tls/material.ts";
export type { Logger } from "../core/logger.ts";
export type { WaitOptions } from "../core/wait.ts";
export { loadServers } from "./config/file.ts";
export { validateServers } from "./config/validate.ts";
export {
  ServerBatchError,
  type ServerBatchErrorCode,
  ServerError,
  type ServerErrorCode,
  type ServerErrorOptions,
} from "./errors.ts";
export type { FetchHandler, Handler, HandlerSource, RequestInfo } from "./handling.ts";
export type { HttpServerConfig, HttpServerPoolOptions, ServerHealth, StartOptions, StopOptions } from "./options.ts";
export { HttpServerPool } from "./pool.ts";
export { staticHandler } from "./static/handler.ts";
export type {
  DurationHistogram,
  HttpServer,
  HttpServerPoolEvents,
  HttpServerPoolStats,
  HttpServerStats,
  ReloadReport,
  ServerField,
  ServerMonitor,
  ServerQuery,
  ServerState,
} from "./types.ts";
