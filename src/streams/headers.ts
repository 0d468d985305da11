/**
 * Header fields between what users write and what goes over the wire.
 *
 * @module
 */
import type { Fields } from "../adapter/contract.ts";
import { SECRET } from "../core/errors.ts";
import type { Checks } from "../core/options.ts";

// RFC 9110 section 5.6.2, lower case (RFC 9113 section 8.2.1).
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
// RFC 9110 section 5.5: visible, space, tab, and bytes above; no space around.
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
// RFC 9113 section 8.2.2, and what would contradict the request itself.
const FORBIDDEN = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "te",
  "host",
  "content-length",
]);

/** Fields for the wire. The error never shows a value: it may be a token. */
export function headerFields(check: Checks, headers: unknown): Fields {
  const fields: string[] = [];
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) {
    throw check.error("headers", SECRET, "but not to an object of texts");
  }
  if (typeof (headers as { then?: unknown }).then === "function") {
    throw check.error("headers", SECRET, "but to a promise: they are needed at once");
  }
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    const option = `headers[${JSON.stringify(name)}]`;
    if (!NAME.test(lower)) throw check.error(option, SECRET, "but this is not a header name");
    if (FORBIDDEN.has(lower)) throw check.error(option, SECRET, "but HTTP/2 or the pool itself speaks for that");
    if (typeof value !== "string" || !VALUE.test(value)) {
      throw check.error(
        option,
        SECRET,
        "but its value is not a header value: visible ASCII, no line break, no space around",
      );
    }
    fields.push(lower, value);
  }
  return fields;
}

/** The headers of a request as `authorize` sees them: without pseudo-fields, a name that came twice joined (RFC 9110 section 5.3). */
export function requestHeaders(fields: Fields): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    if (name.startsWith(":")) continue;
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}${name === "cookie" ? "; " : ", "}${value}`;
  }
  return headers;
}

/** The value of the first field of this name. */
export function field(fields: Fields, name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}
