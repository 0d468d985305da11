/** Header compression of HTTP/2, RFC 7541. @module */
export { type HeaderBlock, type HeaderLimits, HpackDecoder, HpackError } from "./decoder.ts";
export { HpackEncoder } from "./encoder.ts";
