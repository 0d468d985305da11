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
import { checkConfig, type Checked, checkTogether, configError, notAnArray, summary } from "./validate.ts";

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
  const { servers, errors } = await readServers(file);
  if (errors.length > 0) throw refused(errors);
  return servers.map(({ sound }) => sound as HttpServerConfig);
}

/**
 * What a file has, as far as it is right, with handlers and places of files; and everything that is wrong with it by itself.
 * Rejects when it is no JSON.
 */
export async function readServers(
  file: string,
): Promise<{ readonly servers: Checked[]; readonly errors: ServerError[] }> {
  const path = resolve(file);
  let data: unknown;
  try {
    data = parseJsonc(await readFile(path, "utf8"));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? cause.message : reason(cause);
    throw refused([new ServerError("ERR_SERVER_CONFIG", "", `Cannot read ${file}: ${why}`, { cause })]);
  }
  const { servers, tls, problems, prefix } = contents(data);
  const errors = problems.map((one) => configError("", one));
  if (!Array.isArray(servers)) return { servers: [], errors: [...errors, notAnArray(servers, prefix)] };
  const folder = dirname(path);
  const shared = typeof tls === "object" ? absolute(tls, folder) : tls;
  const checked = servers.map((config, i) => checkConfig(config, `${prefix}[${i}]`));
  const loaded = await Promise.all(checked.map((one) => load(one, folder, shared)));
  errors.push(...loaded.flatMap(({ errors }) => errors), ...checkTogether(checked));
  return { servers: loaded, errors };
}

interface Contents {
  readonly servers: unknown;
  readonly tls: ServerTls | undefined | "broken";
  readonly problems: Problem[];
  readonly prefix: string;
}

function contents(data: unknown): Contents {
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    return { servers: data, tls: undefined, problems: [], prefix: "" };
  }
  const { $schema: _schema, servers, tls, ...rest } = data as Record<string, unknown>;
  const problems = Object.keys(rest).map((name) => problem(name, undefined, "is not a field of a file of servers"));
  const broken = tls === undefined ? [] : problemsOf(SERVER.fields.tls!, tls, "tls");
  problems.push(...broken);
  if (servers === undefined) problems.push(problem("servers", undefined, "is missing, expected an array of servers"));
  return { servers: servers ?? [], tls: broken.length > 0 ? "broken" : tls as ServerTls, problems, prefix: "servers" };
}

async function load(one: Checked, folder: string, shared: Contents["tls"]): Promise<Checked> {
  const { path, sound: config } = one;
  // What a server may have of a default that is wrong is not known.
  const broken: Checked["broken"] = (...fields) =>
    one.broken(...fields) || (shared === "broken" && fields.includes("tls"));
  const name = config.name ?? config.listen ?? "";
  const sound = {
    ...config,
    ...(shared === "broken" || broken("tls", "tlsMandatory", "expose") ? {} : tlsOf(config, folder, shared)),
  };
  const errors: ServerError[] = [];
  if (config.static !== undefined) {
    sound.static = resolve(folder, config.static);
    const found = await stat(sound.static).catch(() => undefined);
    if (found?.isDirectory() !== true) {
      const what = problem(`${path}.static`, config.static, "expected a folder that is there");
      errors.push(configError(name, what));
    }
  }
  if (config.module !== undefined) {
    sound.module = resolve(folder, config.module);
    try {
      if (!broken("export")) sound.handler = await handlerOf(sound.module, config.export ?? "default");
    } catch (cause) {
      const { message } = problem(`${path}.module`, config.module, `but ${reason(cause)}`);
      errors.push(new ServerError("ERR_SERVER_HANDLER", name, message, { cause, path: `${path}.module` }));
    }
  }
  const failed = errors.length > 0;
  return {
    ...one,
    sound,
    errors: [...one.errors, ...errors],
    broken: (...fields) => broken(...fields) || (failed && (fields.includes("module") || fields.includes("static"))),
  };
}

// The file's default is filled in here: a reload may bring another one, and a pool's own default stays.
function tlsOf(
  config: Partial<HttpServerConfig>,
  folder: string,
  shared: ServerTls | undefined,
): Pick<HttpServerConfig, "tls"> {
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

function refused(errors: readonly ServerError[]): ServerBatchError {
  return new ServerBatchError("ERR_SERVERS_VALIDATE", summary(errors), errors);
}

function reason(cause: unknown): string {
  const { code, message } = cause as { code?: unknown; message?: unknown };
  if (code === "ENOENT") return "there is no such file";
  return String(message ?? cause);
}
