/** What Node refuses of a response's head, with its error codes. @module */

export type HeaderValue = string | number | readonly string[];

/** An error as Node's own have it. */
export function nodeError(kind: ErrorConstructor | TypeErrorConstructor, code: string, message: string): Error {
  return Object.assign(new kind(message), { code });
}

export function checkName(name: string): void {
  if (typeof name !== "string" || !TOKEN.test(name)) {
    throw nodeError(TypeError, "ERR_INVALID_HTTP_TOKEN", `Header name must be a valid HTTP token ["${name}"]`);
  }
}
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The value as text, without the white space around it that HTTP/2 forbids (RFC 9113 section 8.2.1). */
export function checkValue(name: string, value: HeaderValue): string | string[] {
  return Array.isArray(value) ? value.map((one) => text(name, one)) : text(name, value as string | number);
}

function text(name: string, value: string | number): string {
  if (value === undefined) {
    throw nodeError(TypeError, "ERR_HTTP_INVALID_HEADER_VALUE", `Invalid value "undefined" for header "${name}"`);
  }
  const given = String(value);
  if (FORBIDDEN.test(given)) {
    throw nodeError(TypeError, "ERR_INVALID_CHAR", `Invalid character in header content ["${name}"]`);
  }
  return given.trim();
}
const FORBIDDEN = /[^\t\x20-\x7e\x80-\xff]/;

export function checkStatus(status: number): number {
  const code = status | 0;
  // Informational ones have methods of their own.
  if (code < 200 || code > 999) {
    throw nodeError(RangeError as ErrorConstructor, "ERR_HTTP_INVALID_STATUS_CODE", `Invalid status code: ${status}`);
  }
  return code;
}
