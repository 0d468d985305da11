/**
 * Finding servers by a property.
 *
 * @module
 */
import { show } from "../core/errors.ts";
import { hostPortOf } from "./config/address.ts";
import type { ServerCore } from "./server_core.ts";
import type { ServerField, ServerQuery } from "./types.ts";

const FIELDS: readonly ServerField[] = ["name", "bind", "expose"];

/** What a server has there: of `expose` host and port. */
export function fieldOf(core: ServerCore, field: ServerField): string {
  switch (field) {
    case "name":
      return core.name;
    case "bind":
      return core.bind;
    case "expose":
      return hostPortOf(core.expose);
  }
}

/** @throws TypeError for a field that there is not */
export function checkField(field: unknown): ServerField {
  const found = FIELDS.find((one) => one === field);
  if (found === undefined) {
    throw new TypeError(`Cannot look for servers: \`field\` is ${show(field)}, expected one of ${FIELDS.join(", ")}`);
  }
  return found;
}

/** Whether a server matches. Throws a `SyntaxError` for an invalid pattern, a `TypeError` for an unknown field. */
export function matcher(query: ServerQuery): (core: ServerCore) => boolean {
  const field = checkField(query.field);
  const equals = query.equals?.toLowerCase();
  const pattern = patternOf(query.matches);
  return (core) => {
    const value = fieldOf(core, field);
    return (equals !== undefined && value.toLowerCase() === equals) || (pattern?.test(value) ?? false);
  };
}

// A copy without `g` and `y`: with them a pattern remembers where it was.
function patternOf(matches: string | RegExp | undefined): RegExp | undefined {
  if (matches === undefined || matches === "") return undefined;
  if (typeof matches === "string") return new RegExp(matches);
  return matches.source === "(?:)" ? undefined : new RegExp(matches.source, matches.flags.replace(/[gy]/g, ""));
}
