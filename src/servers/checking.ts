/**
 * Everything that can be known of a file of servers before a port is opened.
 *
 * @module
 */
import { asServerError, withAll } from "./calls.ts";
import { loadServers } from "./config/file.ts";
import { ServerBatchError, type ServerError } from "./errors.ts";
import type { HttpServerConfig } from "./options.ts";
import { PoolCore } from "./pool_core.ts";

/** The configs, or all problems: those of the file, of this runtime, of modules, folders and certificates. */
export async function checkServers(
  file: string,
): Promise<{ readonly configs: HttpServerConfig[] } | { readonly problems: readonly ServerError[] }> {
  try {
    const configs = await loadServers(file);
    const pool = new PoolCore({ servers: configs }, () => {});
    const failures = await withAll([...pool.members.values()], (core) => core.prepare(core.settings));
    if (failures.length === 0) return { configs };
    return { problems: failures.map(({ core, error }) => asServerError(core.name, error, "ERR_SERVER_TLS")) };
  } catch (error) {
    if (error instanceof ServerBatchError) return { problems: error.errors };
    throw error;
  }
}

/** Servers that answer 500 to everything. */
export function withoutHandler(configs: readonly HttpServerConfig[]): string[] {
  return configs.filter(({ handler, handlers, static: folder }) =>
    handler === undefined && handlers === undefined && folder === undefined
  ).map(({ name, listen }) => name ?? listen);
}
