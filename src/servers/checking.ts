/**
 * Everything that can be known of a file of servers before a port is opened.
 *
 * @module
 */
import { asServerError } from "./calls.ts";
import { readServers } from "./config/file.ts";
import { ServerBatchError, type ServerError } from "./errors.ts";
import { placedSettings } from "./membership.ts";
import type { HttpServerConfig } from "./options.ts";
import { PoolCore } from "./pool_core.ts";
import { ServerCore } from "./server_core.ts";

/** The configs, or all problems: those of the file, of this runtime, of modules, folders and certificates. */
export async function checkServers(
  file: string,
): Promise<{ readonly configs: HttpServerConfig[] } | { readonly problems: readonly ServerError[] }> {
  try {
    const { servers, errors } = await readServers(file);
    const pool = new PoolCore({}, () => {});
    const surroundings = pool.surroundings();
    const found = await Promise.all(servers.map(async (one): Promise<readonly ServerError[]> => {
      const { settings, errors: misfits } = placedSettings({ ...one, errors: [] }, surroundings);
      if (misfits.length > 0 || one.broken("tls", "tlsMandatory", "expose")) return misfits;
      try {
        await new ServerCore(settings, surroundings.environment, pool).prepare(settings);
        return [];
      } catch (error) {
        return [asServerError(one.sound.name ?? one.sound.listen ?? one.path, error, "ERR_SERVER_TLS")];
      }
    }));
    const problems = [...errors, ...found.flat()];
    if (problems.length > 0) return { problems };
    return { configs: servers.map(({ sound }) => sound as HttpServerConfig) };
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
