/**
 * Conditional requests and ranges: RFC 9110 sections 13 and 14.
 *
 * @module
 */

/** The validators of what there is. */
export interface Validators {
  /** A strong one. */
  readonly etag: string;
  /** Whole seconds. */
  readonly modified: Date;
}

/** Section 13.2.2, steps 1 and 2: 412. */
export function failedCondition(headers: Headers, { etag, modified }: Validators): boolean {
  const match = headers.get("if-match");
  if (match !== null) return match.trim() !== "*" && !tags(match).includes(etag);
  const since = dateOf(headers.get("if-unmodified-since"));
  return since !== undefined && modified.getTime() > since;
}

/** Steps 3 and 4: 304. */
export function notModified(headers: Headers, { etag, modified }: Validators): boolean {
  const match = headers.get("if-none-match");
  // The weak comparison: a cache may have weakened our tag.
  if (match !== null) return match.trim() === "*" || tags(match).some((tag) => tag.replace(/^W\//, "") === etag);
  const since = dateOf(headers.get("if-modified-since"));
  return since !== undefined && modified.getTime() <= since;
}

/** Bytes from `start` to before `end`; undefined for all of them. Several ranges are answered with all (section 14.2). */
export function rangeOf(
  headers: Headers,
  known: Validators,
  size: number,
): { readonly start: number; readonly end: number } | "unsatisfiable" | undefined {
  const header = headers.get("range");
  if (header === null || !fresh(headers.get("if-range"), known)) return undefined;
  const [, first = "", last = ""] = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header) ?? [];
  if (first === "" && last === "") return undefined;
  if (first === "") {
    return Number(last) === 0 || size === 0 ? "unsatisfiable" : { start: Math.max(0, size - Number(last)), end: size };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= size) return "unsatisfiable";
  return { start, end: last === "" ? size : Math.min(size, Number(last) + 1) };
}

// Section 13.1.5: the strong comparison, and a date only when it is exactly ours.
function fresh(condition: string | null, { etag, modified }: Validators): boolean {
  if (condition === null) return true;
  const text = condition.trim();
  return /^(?:W\/)?"/.test(text) ? text === etag : dateOf(text) === modified.getTime();
}

function tags(list: string): string[] {
  return list.match(/(?:W\/)?"[^"]*"/g) ?? [];
}

function dateOf(text: string | null): number | undefined {
  if (text === null) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
