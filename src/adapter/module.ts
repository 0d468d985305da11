/**
 * Loads modules that users name, again when they have changed.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { currentRuntime } from "./runtime.ts";

/**
 * The exports of the module in `file`, an absolute path. A runtime loads a module once for each address; a file that has
 * changed gets another one. What it imports is not loaded again.
 */
export async function loadModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  const { mtimeMs } = await stat(file);
  const query = `?changed=${Math.trunc(mtimeMs)}`;
  // Bun looks away from the query of a URL, not from that of a path (1.4.4).
  const address = currentRuntime().name === "bun" ? `${file}${query}` : `${pathToFileURL(file).href}${query}`;
  // deno-lint-ignore boundaries/arrows -- which module it is, the user says
  return await import(address);
}
