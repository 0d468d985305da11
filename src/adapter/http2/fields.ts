/**
 * The rules for field lists of RFC 9113 section 8. Each check returns what makes the message malformed, a stream error of
 * type PROTOCOL_ERROR (section 8.1.1), or undefined. @module
 */
import type { Fields } from "../contract.ts";

/** Checks a request's header block. Extended CONNECT (RFC 8441) is not offered. */
export function checkRequest(fields: Fields): string | undefined {
  let method: string | undefined;
  let scheme: string | undefined;
  let path: string | undefined;
  let authority: string | undefined;
  let i = 0;
  for (; i < fields.length && isPseudo(fields[i]!); i += 2) {
    const value = fields[i + 1]!;
    switch (fields[i]) {
      case ":method":
        if (method !== undefined) return ":method is repeated";
        if (!isToken(value)) return ":method is not a token";
        method = value;
        break;
      case ":scheme":
        if (scheme !== undefined) return ":scheme is repeated";
        if (!SCHEME.test(value)) return ":scheme is not a scheme";
        scheme = value;
        break;
      case ":path":
        if (path !== undefined) return ":path is repeated";
        if (!isVisible(value)) return ":path has a character that no path has";
        path = value;
        break;
      case ":authority":
        if (authority !== undefined) return ":authority is repeated";
        if (!isVisible(value)) return ":authority has a character that no authority has";
        authority = value;
        break;
      default:
        return `unknown pseudo-field ${shown(fields[i]!)}`;
    }
  }
  return checkTarget(method, scheme, path, authority) ?? checkRegular(fields, i, scheme, authority);
}

/** Checks a response's header block, final or informational. */
export function checkResponse(fields: Fields): string | undefined {
  const first = fields[0] ?? "";
  if (first !== ":status") return isPseudo(first) ? `unknown pseudo-field ${shown(first)}` : "no :status";
  const status = fields[1]!;
  if (!STATUS.test(status)) return ":status is not a status code";
  // RFC 9113 section 8.6: HTTP/2 has no upgrade.
  if (status === "101") return ":status is 101";
  if (fields.length > 2 && isPseudo(fields[2]!)) {
    return fields[2] === ":status" ? ":status is repeated" : `unknown pseudo-field ${shown(fields[2]!)}`;
  }
  return checkRegular(fields, 2, undefined, undefined);
}

/** Checks the trailers of either side. */
export function checkTrailers(fields: Fields): string | undefined {
  return checkRegular(fields, 0, undefined, undefined);
}

/**
 * The declared length of the content: undefined where none is declared, NaN where it is no number or two differ
 * (RFC 9110 section 8.6). NaN does not occur in fields that passed a check.
 */
export function contentLength(fields: Fields): number | undefined {
  let declared: number | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== "content-length") continue;
    const length = parseLength(fields[i + 1]!);
    if (declared !== undefined && declared !== length) return NaN;
    declared = length;
  }
  return declared;
}

/** RFC 9113 section 8.3.1, and section 8.5 for CONNECT. */
function checkTarget(
  method: string | undefined,
  scheme: string | undefined,
  path: string | undefined,
  authority: string | undefined,
): string | undefined {
  if (method === undefined) return "no :method";
  if (method === "CONNECT") {
    if (scheme !== undefined || path !== undefined) return "CONNECT with :scheme or :path";
    if (!authority) return "CONNECT without :authority";
    return undefined;
  }
  if (scheme === undefined) return "no :scheme";
  if (path === undefined) return "no :path";
  if (isHttp(scheme)) {
    if (path === "") return ":path is empty";
    if (path.charCodeAt(0) !== SLASH && !(path === "*" && method === "OPTIONS")) return ":path does not start with /";
    if (authority?.includes("@")) return ":authority with user information";
  }
  return undefined;
}

/** RFC 9113 sections 8.2.1 and 8.2.2 for all fields behind the pseudo-fields. */
function checkRegular(
  fields: Fields,
  from: number,
  scheme: string | undefined,
  authority: string | undefined,
): string | undefined {
  let host: string | undefined;
  let length: number | undefined;
  for (let i = from; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    if (!isFieldValue(value)) return `the value of ${shown(name)} has characters that are not allowed`;
    switch (name) {
      case "connection":
      case "proxy-connection":
      case "keep-alive":
      case "transfer-encoding":
      case "upgrade":
        return `${name} is connection-specific`;
      case "te":
        if (value.toLowerCase() !== "trailers") return "te other than trailers";
        break;
      case "host":
        if (host !== undefined) return "host is repeated";
        if (authority !== undefined && !isSameHost(value, authority, scheme)) return "host differs from :authority";
        host = value;
        break;
      case "content-length": {
        const declared = parseLength(value);
        if (declared !== declared) return "content-length is not a length";
        if (length !== undefined && length !== declared) return "content-length differs from content-length";
        length = declared;
        break;
      }
      default:
        if (!isFieldName(name)) {
          return isPseudo(name) ? `${shown(name)} out of place` : `${shown(name)} is not a field name`;
        }
    }
  }
  return undefined;
}

/** Equal but for case and the scheme's default port (RFC 9113 section 8.3.1, RFC 3986 section 6.2.3). */
function isSameHost(host: string, authority: string, scheme: string | undefined): boolean {
  if (host === authority) return true;
  const port = scheme === "https" ? ":443" : scheme === "http" ? ":80" : ":";
  return normalHost(host, port) === normalHost(authority, port);
}

function normalHost(host: string, port: string): string {
  const lower = host.toLowerCase();
  return lower.endsWith(port) ? lower.slice(0, -port.length) : lower;
}

function isHttp(scheme: string): boolean {
  return scheme === "https" || scheme === "http";
}

function isPseudo(name: string): boolean {
  return name.charCodeAt(0) === COLON;
}

function parseLength(value: string): number {
  if (!DIGITS.test(value)) return NaN;
  const length = Number(value);
  return Number.isSafeInteger(length) ? length : NaN;
}

const COLON = 0x3a;
const SLASH = 0x2f;
const DIGITS = /^[0-9]+$/;
const STATUS = /^[1-9][0-9][0-9]$/;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/;

// Classes of octets, one bit each.
const NAME = 1;
const TOKEN = 2;
const VALUE = 4;
const VISIBLE = 8;
const CLASSES = new Uint8Array(256);
for (let octet = 0; octet < 256; octet++) {
  const character = String.fromCharCode(octet);
  const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(character);
  if (token) CLASSES[octet]! |= TOKEN;
  if (token && !/[A-Z]/.test(character)) CLASSES[octet]! |= NAME;
  if (octet !== 0x00 && octet !== 0x0a && octet !== 0x0d) CLASSES[octet]! |= VALUE;
  if (octet > 0x20 && octet !== 0x7f) CLASSES[octet]! |= VISIBLE;
}

/** A lower-case token. */
function isFieldName(name: string): boolean {
  return name !== "" && isAll(name, NAME);
}

function isToken(text: string): boolean {
  return text !== "" && isAll(text, TOKEN);
}

/** Pseudo-field values that a request line would carry: a space or a control in them would split it. */
function isVisible(text: string): boolean {
  return isAll(text, VISIBLE);
}

/** RFC 9113 section 8.2.1: no NUL, CR, LF, and no white space around. */
function isFieldValue(value: string): boolean {
  if (value === "") return true;
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1))) return false;
  return isAll(value, VALUE);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function isAll(text: string, octets: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff || (CLASSES[code]! & octets) === 0) return false;
  }
  return true;
}

/** A peer's name in a message: short, printable. */
function shown(name: string): string {
  return JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}...` : name);
}
