/**
 * Who may come into a pool: the checks of a config against the pool and its members.
 *
 * @module
 */
import type { ServerTls } from "../adapter/tls/material.ts";
import { certificateSources } from "./certificate.ts";
import { collide, type ListenAddress, parseListen } from "./config/address.ts";
import { fieldPath, isHandler, type Problem, problem } from "./config/problems.ts";
import { addressTaken, checkConfig, type Checked, configError, copyConfig, nameOf } from "./config/validate.ts";
import type { ServerEnvironment } from "./environment.ts";
import { ServerError } from "./errors.ts";
import { findHandler } from "./handlers.ts";
import type { HandlerSource } from "./handling.ts";
import type { ServerCore } from "./server_core.ts";
import { protocolsOf, type ServerSettings, settingsOf } from "./settings.ts";

/** What a config must fit to. */
export interface Surroundings {
  readonly shared: HandlerSource;
  readonly tls: ServerTls | undefined;
  readonly environment: ServerEnvironment;
}

/** The settings of a config, or everything that is wrong with it by itself and in this pool. */
export function checkedSettings(
  config: unknown,
  path: string,
  pool: Surroundings,
  before?: ServerSettings,
): { readonly settings: ServerSettings } | { readonly errors: ServerError[] } {
  const checked = checkConfig(config, path);
  const { settings, errors } = placedSettings(checked, pool, before);
  return errors.length > 0 ? { errors } : { settings };
}

/** What is wrong with a config by itself and in this pool, and the settings of what is right. */
export function placedSettings(
  { sound, errors, path, broken }: Checked,
  pool: Surroundings,
  before?: ServerSettings,
): { readonly settings: ServerSettings; readonly errors: ServerError[] } {
  // Only for the checks: where it listens plays no part in them.
  const settings = settingsOf(copyConfig({ listen: ":0", ...sound }), before);
  const all = [...errors];
  if (!broken("handlerKey", "handler", "handlers", "module", "static")) {
    all.push(...handlerErrors(settings, path, pool));
  }
  if (!broken("tls", "tlsMandatory", "expose")) all.push(...platformErrors(settings, path, pool));
  return { settings, errors: all };
}

/** The same for a server that comes from elsewhere. */
export function misfits(settings: ServerSettings, path: string, pool: Surroundings): ServerError[] {
  return [...handlerErrors(settings, path, pool), ...platformErrors(settings, path, pool)];
}

function handlerErrors({ name, given, files }: ServerSettings, path: string, { shared }: Surroundings): ServerError[] {
  const { handlerKey, module } = given;
  const own = findHandler(given, handlerKey) ?? files;
  const error = (field: string, value: unknown, what: string): ServerError[] => {
    const { message, path: at } = problem(fieldPath(path, field), value, what);
    return [new ServerError("ERR_SERVER_HANDLER", name, message, { path: at })];
  };
  if (module !== undefined && given.handler === undefined) {
    return error("module", module, "expected only in a file: `loadServers` reads it and loads the handler");
  }
  if (handlerKey === undefined || own !== undefined || findHandler(shared, handlerKey) !== undefined) return [];
  return error("handlerKey", handlerKey, "but neither the server nor the pool has a handler of this key");
}

function platformErrors(settings: ServerSettings, path: string, pool: Surroundings): ServerError[] {
  let secure: boolean;
  try {
    secure = certificateSources(settings, pool.tls, path) !== undefined;
  } catch (error) {
    if (error instanceof ServerError) return [error];
    throw error;
  }
  const { name, given, limits, reusePort } = settings;
  const found = pool.environment.adapter.unsupported({
    limits,
    reusePort,
    protocols: protocolsOf(settings, secure ? "tls" : "plain"),
    tls: secure ? { cert: "", key: "" } : undefined,
  });
  return found.map(({ option, problem: why }) =>
    configError(name, problem(fieldPath(path, option), given[option], `but ${why}`))
  );
}

/** Addresses of `settings` that one of the members has. `others` are those that stay. */
export function collisions(settings: ServerSettings, path: string, others: Iterable<ServerCore>): ServerError[] {
  const errors: ServerError[] = [];
  for (const other of others) {
    const { settings: its, listener } = other;
    const real: ListenAddress | undefined = listener === undefined
      ? undefined
      : { text: other.bind, hostname: its.address.hostname, port: listener.addr.port, last: listener.addr.port };
    const taken = addressTaken(settings.given, settings.address, its.given, its.address) ||
      (real !== undefined && !(settings.reusePort && its.reusePort) && collide(settings.address, real));
    if (!taken) continue;
    const whose = `but this is the address of ${other.name} (${real?.text ?? its.address.text})`;
    const found: Problem = problem(fieldPath(path, "listen"), settings.given.listen, whose);
    errors.push(configError(settings.name, found));
  }
  return errors;
}

/** @throws ServerError `ERR_SERVER_HANDLER` for what is no handler */
export function checkSource(name: string, source: HandlerSource): void {
  const { handler, handlers } = source;
  const refuse = (path: string, value: unknown): never => {
    const { message } = problem(path, value, "expected a function, { fetch } or { node }");
    throw new ServerError("ERR_SERVER_HANDLER", name, message, { path });
  };
  if (handler !== undefined && !isHandler(handler)) refuse("handler", handler);
  for (const [key, one] of Object.entries(handlers ?? {})) {
    if (!isHandler(one)) refuse(fieldPath("handlers", key), one);
  }
}

/** Whether a key means this server: its name, or where it listens. */
export function isAt(core: ServerCore, key: string): boolean {
  if (core.bind === key) return true;
  try {
    const { text } = parseListen(key);
    return core.settings.address.text === text || core.bind === text;
  } catch {
    return false;
  }
}

export { nameOf };
