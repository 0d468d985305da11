/**
 * Options that do not exist.
 *
 * @module
 */
import { SECRET } from "../core/errors.ts";
import type { Checks } from "../core/options.ts";

/** Throws for an option that does not exist: a typing error would go unnoticed. */
export function known(check: Checks, prefix: string, options: object, names: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const near = names.find((one) => distance(one.toLowerCase(), name.toLowerCase()) <= 2);
    const hint = near === undefined ? "" : ` (did you mean \`${prefix}${near}\`?)`;
    throw check.error(`${prefix}${name}`, SECRET, `but there is no such option${hint}`);
  }
}

/** Levenshtein's: how many letters apart. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
