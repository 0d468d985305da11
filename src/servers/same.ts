/**
 * What differs between two configs of a server.
 *
 * @module
 */
import type { HttpServerConfig } from "./options.ts";

/** Fields that say who answers, and nothing about the port. */
const ANSWERING: readonly string[] = ["handler", "handlers", "handlerKey", "module", "export", "static"];

/** Nothing; only who answers; or more. */
export type Difference = "none" | "handlers" | "service";

/** Compares by value; handlers by identity. */
export function difference(a: HttpServerConfig, b: HttpServerConfig): Difference {
  let found: Difference = "none";
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof HttpServerConfig>) {
    if (same(a[key], b[key])) continue;
    if (!ANSWERING.includes(key)) return "service";
    found = "handlers";
  }
  return found;
}

/** Whether two values are the same, by value. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((byte, i) => byte === b[i]);
  }
  const prototype = Object.getPrototypeOf(a);
  if (prototype !== Object.getPrototypeOf(b) || (prototype !== Object.prototype && prototype !== Array.prototype)) {
    return false;
  }
  // An application with methods of its own is a handler: another object is another handler.
  if ("fetch" in a || "node" in a) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}
