/** What a request's field list says, whoever answers it. @module */
import type { Fields } from "../../contract.ts";

/** The head of a request. Requests whose fields are equal may share one. */
export interface Head {
  readonly method: string;
  /** `:path`. */
  readonly path: string;
  /** `:authority`, or else Host; empty where there is none. */
  readonly authority: string;
  /** As they came. */
  readonly fields: Fields;
  /** Without pseudo-fields; `host` first, where only `:authority` was given; cookies in one field (RFC 9113 section 8.2.3). */
  readonly headers: Fields;
  /** The client waits for `100` before it sends its body (RFC 9110 section 10.1.1). */
  readonly expects: boolean;
}

/** Reads the fields of a request that the engine has found well-formed. */
export function readHead(fields: Fields): Head {
  let method = "";
  let path = "";
  let authority = "";
  let i = 0;
  for (; i < fields.length && fields[i]!.charCodeAt(0) === COLON; i += 2) {
    const value = fields[i + 1]!;
    switch (fields[i]) {
      case ":method":
        method = value;
        break;
      case ":path":
        path = value;
        break;
      case ":authority":
        authority = value;
        break;
    }
  }
  const headers: string[] = [];
  let cookieAt = 0;
  let host = false;
  let expects = false;
  for (; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    switch (name) {
      case "cookie":
        if (cookieAt > 0) {
          headers[cookieAt] += `; ${value}`;
          continue;
        }
        cookieAt = headers.length + 1;
        break;
      case "host":
        host = true;
        if (authority === "") authority = value;
        break;
      case "expect":
        expects = value.toLowerCase() === "100-continue";
        break;
    }
    headers.push(name, value);
  }
  // As RFC 9113 section 8.3.1 asks of who turns it into HTTP/1.1: applications look there.
  if (!host && authority !== "") headers.unshift("host", authority);
  return { method, path, authority, fields, headers, expects };
}
const COLON = 0x3a;

/**
 * A host and a port, nothing that would move the border between authority and path: ours, so that no URL parser's idea of
 * what may stand in a host decides what a request is for.
 */
export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text);
}
const AUTHORITY = /^(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?$/;

/** The text of every status code, and the fields of the empty answers. */
export function statusText(status: number): string {
  return STATUS[status] ?? String(status);
}
const STATUS: readonly string[] = Array.from({ length: 600 }, (_, status) => String(status));

/** RFC 9113 section 8.2.2: fields of an HTTP/1.1 connection. Applications set them without knowing what they are served over. */
export function isOfConnection(name: string): boolean {
  switch (name) {
    case "connection":
    case "keep-alive":
    case "proxy-connection":
    case "transfer-encoding":
    case "upgrade":
      return true;
    default:
      return false;
  }
}

/** Whether a response with this status has no content, whatever is said of it (RFC 9110 section 6.4.1). */
export function isBare(method: string, status: number): boolean {
  return method === "HEAD" || status === 204 || status === 205 || status === 304;
}
