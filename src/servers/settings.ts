/**
 * A validated config in the terms of the adapter.
 *
 * @module
 */
import type { HttpLimits, HttpProtocol } from "../adapter/http/contract.ts";
import { parseDuration } from "../core/duration.ts";
import { type ListenAddress, parseListen } from "./config/address.ts";
import type { Handler } from "./handling.ts";
import type { HttpServerConfig } from "./options.ts";
import { staticHandler } from "./static/handler.ts";

/** How a server is checked, in milliseconds. */
export interface HealthSettings {
  readonly path: string | undefined;
  readonly interval: number;
  readonly timeout: number;
  readonly rise: number;
  readonly fall: number;
  readonly restart: boolean;
}

/** A server's config after checking. */
export interface ServerSettings {
  /** As given: what a reload compares with. */
  readonly given: HttpServerConfig;
  readonly name: string;
  readonly address: ListenAddress;
  readonly limits: HttpLimits;
  readonly reusePort: boolean;
  readonly disabled: boolean;
  /** Undefined: what fits, with or without a certificate. */
  readonly protocols: readonly HttpProtocol[] | undefined;
  /** Without a certificate it must not start. */
  readonly tlsRequired: boolean;
  readonly health: HealthSettings | undefined;
  /** Of `static`. */
  readonly files: Handler | undefined;
}

/** Settings of a config that has passed all checks. */
export function settingsOf(config: HttpServerConfig, before?: ServerSettings): ServerSettings {
  const { health } = config;
  const address = parseListen(config.listen);
  return {
    given: config,
    name: config.name ?? address.text,
    address,
    limits: limitsOf(config),
    reusePort: config.reusePort === true,
    disabled: config.disabled === true,
    protocols: config.protocols,
    tlsRequired: config.tlsMandatory === true || /^https:/i.test(config.expose ?? ""),
    health: health === undefined ? undefined : {
      path: health.path,
      interval: Math.max(1, ms(health.interval) ?? 10_000),
      timeout: Math.max(1, ms(health.timeout) ?? 5_000),
      rise: health.rise ?? 2,
      fall: health.fall ?? 3,
      restart: health.restart === true,
    },
    files: config.static === undefined
      ? undefined
      : before?.given.static === config.static
      ? before.files
      : staticHandler(config.static),
  };
}

/** The protocols of a server, with or without a certificate. */
export function protocolsOf({ protocols }: ServerSettings, secure: "tls" | "plain"): readonly HttpProtocol[] {
  return protocols ?? (secure === "tls" ? ["h2", "h1"] : ["h1"]);
}

function limitsOf(config: HttpServerConfig): HttpLimits {
  const limits: { -readonly [K in keyof HttpLimits]: HttpLimits[K] } = {};
  for (const name of ["readTimeout", "readHeaderTimeout", "writeTimeout", "idleTimeout"] as const) {
    const value = ms(config[name]);
    if (value !== undefined) limits[name] = value;
  }
  for (
    const name of [
      "maxHeaderBytes",
      "maxConcurrentStreams",
      "maxReadFrameSize",
      "maxUploadBufferPerConnection",
      "maxUploadBufferPerStream",
    ] as const
  ) {
    const value = config[name];
    if (value !== undefined) limits[name] = value;
  }
  if (config.disableKeepAlive === true) limits.disableKeepAlive = true;
  return limits;
}

function ms(value: number | string | undefined): number | undefined {
  return typeof value === "string" ? parseDuration(value) : value;
}
