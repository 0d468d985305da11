/**
 * Checks configs: one by one, and against each other.
 *
 * @module
 */
import { ServerBatchError, ServerError } from "../errors.ts";
import type { HttpServerConfig } from "../options.ts";
import { collide, type ListenAddress, parseListen } from "./address.ts";
import { fieldPath, type Problem, problem, problemsOf } from "./problems.ts";
import { SERVER } from "./server_schema.ts";

/**
 * Checks configs of servers from anywhere: a parsed file, a database, code.
 *
 * Throws a {@linkcode ServerBatchError} (`ERR_SERVERS_VALIDATE`) that lists every problem with its path, the value and what
 * was expected. Unknown fields are problems.
 *
 * @example
 * ```ts
 * import { HttpServerPool, validateServers } from "@x/h2pool";
 *
 * const configs = validateServers(JSON.parse(`[{ "name": "web", "listen": "127.0.0.1:8080" }]`));
 * new HttpServerPool({ servers: configs, handler: () => new Response("hello") });
 * ```
 */
export function validateServers(configs: unknown): HttpServerConfig[] {
  const { errors, valid } = checkConfigs(configs);
  if (errors.length > 0) throw new ServerBatchError("ERR_SERVERS_VALIDATE", summary(errors), errors);
  return valid;
}

/** The configs, copied, and everything that is wrong with them, on their own and with each other. */
function checkConfigs(configs: unknown): { valid: HttpServerConfig[]; errors: ServerError[] } {
  if (!Array.isArray(configs)) return { valid: [], errors: [notAnArray(configs)] };
  const all = configs.map((config, i) => checkConfig(config, `[${i}]`));
  const errors = [...all.flatMap(({ errors }) => errors), ...checkTogether(all)];
  return { valid: errors.length > 0 ? [] : (configs as HttpServerConfig[]).map(copyConfig), errors };
}

/** What stands in the place of the servers is no list of them. */
export function notAnArray(value: unknown, path = ""): ServerError {
  return configError("", problem(path, value ?? null, "expected an array of servers"));
}

/** A config after its check. */
export interface Checked {
  readonly path: string;
  /** What is wrong with it by itself. */
  readonly errors: readonly ServerError[];
  /** The fields that are right: what goes wrong between these can be told, too. */
  readonly sound: Partial<HttpServerConfig>;
  /** Whether this field, and so what depends on it, is wrong. */
  broken(...fields: (keyof HttpServerConfig)[]): boolean;
}

/** What is wrong with one config. */
export function checkConfig(config: unknown, path: string): Checked {
  const found = problemsOf(SERVER, config, path);
  const isConfig = typeof config === "object" && config !== null && !Array.isArray(config);
  const bad = new Set(Object.keys(SERVER.fields).filter((field) => !isConfig || found.some(within(field, path))));
  const isSound = (field: string): boolean => Object.hasOwn(SERVER.fields, field) && !bad.has(field);
  const sound = isConfig ? Object.fromEntries(Object.entries(config).filter(([field]) => isSound(field))) : {};
  const broken = (...fields: string[]): boolean => fields.some((field) => bad.has(field));
  found.push(...contradictions(sound, path, broken));
  return { path, errors: found.map((one) => configError(labelOf(config), one)), sound, broken };
}

/** Whether a problem is that of a field, or of something in it. */
function within(field: string, path: string): (one: Problem) => boolean {
  const at = fieldPath(path, field);
  return (one) => one.path === at || one.path.startsWith(`${at}.`) || one.path.startsWith(`${at}[`);
}

/** What fits each for itself and not together. */
function contradictions(
  config: Partial<HttpServerConfig>,
  path: string,
  broken: Checked["broken"],
): Problem[] {
  const found: Problem[] = [];
  const at = (field: string): string => path === "" ? field : `${path}.${field}`;
  const { tls, module, health } = config;
  if (tls !== undefined) {
    const cert = tls.cert ?? tls.certFile;
    const key = tls.key ?? tls.keyFile;
    for (const part of ["cert", "key", "clientCa"] as const) {
      if (tls[part] !== undefined && tls[`${part}File`] !== undefined) {
        found.push(problem(at(`tls.${part}File`), tls[`${part}File`], `but \`tls.${part}\` is given too`));
      }
    }
    if (cert !== undefined && key === undefined) {
      found.push(problem(at("tls.key"), undefined, "is missing, expected the key of `tls.cert`"));
    }
    if (cert === undefined && key !== undefined) {
      found.push(problem(at("tls.cert"), undefined, "is missing, expected the certificate of `tls.key`"));
    }
    if (cert === undefined && key === undefined && tls.inheritDefault !== true) {
      found.push(
        problem(
          at("tls.cert"),
          undefined,
          "is missing, expected `cert` and `key`, `certFile` and `keyFile`, or `inheritDefault`",
        ),
      );
    }
  }
  if (config.export !== undefined && module === undefined && !broken("module")) {
    found.push(problem(at("export"), config.export, "expected only together with `module`"));
  }
  if (config.static !== undefined && module !== undefined) {
    found.push(problem(at("static"), config.static, "expected only without `module`"));
  }
  if (health !== undefined && health.path !== undefined && health.path.includes("#")) {
    found.push(problem(at("health.path"), health.path, "expected a path without a fragment"));
  }
  return found;
}

/** Names that are given twice, and addresses that cannot both be open, as far as they can be read. */
export function checkTogether(all: readonly Pick<Checked, "path" | "sound" | "broken">[]): ServerError[] {
  const errors: ServerError[] = [];
  const names = new Map<string, string>();
  const seen: { readonly address: ListenAddress; readonly config: HttpServerConfig }[] = [];
  for (const { path, sound, broken } of all) {
    const address = sound.listen === undefined ? undefined : parseListen(sound.listen);
    const name = sound.name ?? (broken("name") ? undefined : address?.text);
    const before = name === undefined ? undefined : names.get(name);
    if (before !== undefined) {
      const field = sound.name === undefined ? "listen" : "name";
      errors.push(configError(name!, problem(`${path}.${field}`, name, `but ${before} has this name already`)));
    } else if (name !== undefined) names.set(name, path);
    if (address === undefined) continue;
    const config = sound as HttpServerConfig;
    // The same address says why two have the same name.
    if (before === undefined || sound.name !== undefined) {
      for (const other of seen) {
        if (broken("reusePort") || !addressTaken(config, address, other.config, other.address)) continue;
        const whose = `${nameOf(other.config)} (${other.address.text})`;
        const found = problem(`${path}.listen`, config.listen, `but this is the address of ${whose}`);
        errors.push(configError(name ?? address.text, found));
      }
    }
    if (!broken("reusePort")) seen.push({ address, config });
  }
  return errors;
}

/** Whether two servers cannot be open at once. */
export function addressTaken(
  a: HttpServerConfig,
  aAddress: ListenAddress,
  b: HttpServerConfig,
  bAddress: ListenAddress,
): boolean {
  return !(a.reusePort === true && b.reusePort === true) && collide(aAddress, bAddress);
}

/** The name of a config: its own, or its canonical address. */
export function nameOf(config: HttpServerConfig): string {
  return config.name ?? parseListen(config.listen).text;
}

/** A copy that later changes of the original do not reach. Handlers and bytes are shared. */
export function copyConfig(config: HttpServerConfig): HttpServerConfig {
  const copy: HttpServerConfig = { ...config };
  for (const key of Object.keys(copy) as (keyof HttpServerConfig)[]) if (copy[key] === undefined) delete copy[key];
  if (copy.tls !== undefined) copy.tls = { ...copy.tls };
  if (copy.health !== undefined) copy.health = { ...copy.health };
  if (copy.handlers !== undefined) copy.handlers = { ...copy.handlers };
  if (copy.protocols !== undefined) copy.protocols = [...copy.protocols];
  return copy;
}

/** As errors: each problem is one. */
export function configError(server: string, { path, message }: Problem): ServerError {
  return new ServerError("ERR_SERVER_CONFIG", server, message, { path });
}

/** The first line of a batch. */
export function summary(errors: readonly unknown[]): string {
  return errors.length === 1
    ? "The servers' config has a problem"
    : `The servers' config has ${errors.length} problems`;
}

function labelOf(config: unknown): string {
  if (typeof config !== "object" || config === null) return "";
  const { name, listen } = config as { name?: unknown; listen?: unknown };
  if (typeof name === "string" && name !== "") return name;
  return typeof listen === "string" ? listen : "";
}
