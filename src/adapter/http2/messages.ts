/**
 * What the first header block of a message says about the stream (RFC 9113 section 8.1). @module
 */
import type { Fields } from "../contract.ts";
import { checkRequest, checkResponse, contentLength } from "./fields.ts";
import { CONNECT_REQUEST, HEAD_REQUEST } from "./stream.ts";

/** Checks requests (server) or responses (client). The decoder gives one list for equal blocks, so that the last one is not checked again. */
export class FirstHeaders {
  /** The content-length of what was checked last; -1 without one. */
  length = -1;
  readonly #check: (fields: Fields) => string | undefined;
  #last: Fields | undefined;

  constructor(role: "client" | "server") {
    this.#check = role === "client" ? checkResponse : checkRequest;
  }

  /** What makes the message malformed, if anything. */
  check(fields: Fields): string | undefined {
    if (fields === this.#last) return undefined;
    const fault = this.#check(fields);
    if (fault !== undefined) return fault;
    this.#last = fields;
    this.length = contentLength(fields) ?? -1;
    return undefined;
  }
}

/** Stream flags of a request whose answer's content-length does not say how long its body is. */
export function methodFlags(fields: Fields): number {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== ":method") continue;
    const method = fields[i + 1];
    return method === "HEAD" ? HEAD_REQUEST : method === "CONNECT" ? CONNECT_REQUEST : 0;
  }
  return 0;
}
