/**
 * Servers from a file.
 *
 * @module
 */
import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { loadModule } from "../../adapter/module.ts";
import type { ServerTls } from "../../adapter/tls/material.ts";
import { ServerBatchError, ServerError } from "../errors.ts";
import type { Handler } from "../handling.ts";
import type { HttpServerConfig } from "../options.ts";
import { parseJsonc } from "./jsonc.ts";
import { isHandler, type Problem, problem, problemsOf } from "./problems.ts";
import { SERVER } from "./server_schema.ts";
import { checkConfigs, configError, nameOf, summary } from "./validate.ts";

/**
 * Reads a file of servers: JSON, in which comments and trailing commas are allowed; an array, or an object with `servers`
 * and a default `tls`. Paths in it are relative to the file, and handlers (`module`, `export`) are loaded: anew when their file
 * has changed since.
 *
 * Rejects with a {@linkcode ServerBatchError}, `ERR_SERVERS_VALIDATE`, that lists every problem with its path.
 *
 * @example
 * ```ts
 * import { HttpServerPool, loadServers } from "@x/h2pool";
 *
 * async function run(): Promise<void> {
 *   const pool = new HttpServerPool({ servers: await loadServers("servers.json") });
 *   await pool.start();
 *   // Later, when the file has changed:
 *   await pool.reload(await loadServers("servers.json"));
 * }
 * ```
 */
export async function loadServers(file: string): Promise<HttpServerConfig[]> {
  const path = resolve(file);
  let data: unknown;
  try {
    data = parseJsonc(await readFile(path, "utf8"));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? cause.message : reason(cause);
    throw refused([new ServerError("ERR_SERVER_CONFIG", "", `Cannot read ${file}: ${why}`, { cause })]);
  }
  const { servers, tls, problems, prefix } = contents(data);
  const { valid, errors } = checkConfigs(servers);
  const all = [...problems.map((one) => configError("", one)), ...errors.map((error) => placed(error, prefix))];
  if (all.length > 0) throw refused(all);
  const folder = dirname(path);
  const shared = tls === undefined ? undefined : absolute(tls, folder);
  const loaded = await Promise.all(valid.map((config, i) => load(config, `${prefix}[${i}]`, folder, shared)));
  const broken = loaded.flatMap((one) => one instanceof ServerError ? [one] : []);
  if (broken.length > 0) throw refused(broken);
  return loaded as HttpServerConfig[];
}

interface Contents {
  readonly servers: unknown;
  readonly tls: ServerTls | undefined;
  readonly problems: Problem[];
  readonly prefix: string;
}

function contents(data: unknown): Contents {
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    return { servers: data, tls: undefined, problems: [], prefix: "" };
  }
  const { $schema: _schema, servers, tls, ...rest } = data as Record<string, unknown>;
  const problems = Object.keys(rest).map((name) => problem(name, undefined, "is not a field of a file of servers"));
  if (tls !== undefined) problems.push(...problemsOf(SERVER.fields.tls!, tls, "tls"));
  if (servers === undefined) problems.push(problem("servers", undefined, "is missing, expected an array of servers"));
  return { servers: servers ?? [], tls: tls as ServerTls | undefined, problems, prefix: "servers" };
}

async function load(
  config: HttpServerConfig,
  path: string,
  folder: string,
  shared: ServerTls | undefined,
): Promise<HttpServerConfig | ServerError> {
  const placed: HttpServerConfig = { ...config, ...tlsOf(config, folder, shared) };
  if (config.static !== undefined) {
    placed.static = resolve(folder, config.static);
    const found = await stat(placed.static).catch(() => undefined);
    if (found?.isDirectory() !== true) {
      return configError(nameOf(config), problem(`${path}.static`, config.static, "expected a folder that is there"));
    }
  }
  if (config.module === undefined) return placed;
  placed.module = resolve(folder, config.module);
  try {
    placed.handler = await handlerOf(placed.module, config.export ?? "default");
    return placed;
  } catch (cause) {
    const { message } = problem(`${path}.module`, config.module, `but ${reason(cause)}`);
    return new ServerError("ERR_SERVER_HANDLER", nameOf(config), message, { cause, path: `${path}.module` });
  }
}

// The file's default is filled in here: a reload may bring another one, and a pool's own default stays.
function tlsOf(config: HttpServerConfig, folder: string, shared: ServerTls | undefined): Pick<HttpServerConfig, "tls"> {
  const required = config.tlsMandatory === true || /^https:/i.test(config.expose ?? "");
  if (config.tls === undefined) return required && shared !== undefined ? { tls: shared } : {};
  const { inheritDefault, ...own } = absolute(config.tls, folder);
  if (inheritDefault !== true || shared === undefined) {
    return { tls: { ...own, ...(inheritDefault ? { inheritDefault } : {}) } };
  }
  const { cert, key, certFile, keyFile, clientCa, clientCaFile } = shared;
  const hasPair = own.cert !== undefined || own.certFile !== undefined;
  const hasCa = own.clientCa !== undefined || own.clientCaFile !== undefined;
  const tls = {
    ...(hasPair ? {} : { cert, key, certFile, keyFile }),
    ...(hasCa ? {} : { clientCa, clientCaFile }),
    ...own,
  };
  return { tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)) };
}

function absolute<T extends ServerTls>(tls: T, folder: string): T {
  const placed = { ...tls };
  for (const name of ["certFile", "keyFile", "clientCaFile"] as const) {
    const file = tls[name];
    if (file !== undefined) placed[name] = resolve(folder, file);
  }
  return placed;
}

async function handlerOf(file: string, name: string): Promise<Handler> {
  const module = await loadModule(file);
  const handler = module[name];
  if (handler === undefined) throw new Error(`it has no export ${JSON.stringify(name)}`);
  if (!isHandler(handler)) {
    throw new Error(`its export ${JSON.stringify(name)} is no handler: a function, { fetch } or { node }`);
  }
  return handler as Handler;
}

function placed(error: ServerError, prefix: string): ServerError {
  if (prefix === "" || error.path === undefined) return error;
  const path = `${prefix}${error.path}`;
  return new ServerError(error.code, error.server, error.message.replace(`\`${error.path}\``, `\`${path}\``), { path });
}

function refused(errors: readonly ServerError[]): ServerBatchError {
  return new ServerBatchError("ERR_SERVERS_VALIDATE", summary(errors), errors);
}

function reason(cause: unknown): string {
  const { code, message } = cause as { code?: unknown; message?: unknown };
  if (code === "ENOENT") return "there is no such file";
  return String(message ?? cause);
}
