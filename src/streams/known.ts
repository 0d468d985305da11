/**
 * Options that do not exist.
 *
 * @module
 */
import { SECRET } from "../core/errors.ts";
import { nearest } from "../core/nearest.ts";
import type { Checks } from "../core/options.ts";

/** Throws for an option that does not exist: a typing error would go unnoticed. */
export function known(check: Checks, prefix: string, options: object, names: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const near = nearest(name, names);
    const hint = near === undefined ? "" : ` (did you mean \`${prefix}${near}\`?)`;
    throw check.error(`${prefix}${name}`, SECRET, `but there is no such option${hint}`);
  }
}
