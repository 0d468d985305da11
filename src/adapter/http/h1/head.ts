/**
 * What of a request's head the platform's parser lets pass and RFC 9110 and 9112 do not. Everything else that makes two
 * servers disagree about where a request ends (both lengths, several lengths, bad chunks, folded lines, bare LF, NUL, a
 * space before the colon) llhttp refuses, which all three runtimes have: tests/adapter/http/smuggling_test.ts.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";

/** Host of RFC 9110 section 7.2: uri-host [ ":" port ], by RFC 3986 section 3.2.2. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::\d*)?$/;
/** RFC 9113 section 6.5.2: what a field costs besides its name and its value. */
const FIELD = 32;

/** The status with which this request is refused, or undefined. `maxBytes`: 0 for any number. */
export function badHead(req: IncomingMessage, maxBytes: number): number | undefined {
  // llhttp takes 0.9 and 2.0, too.
  if (req.httpVersionMajor !== 1) return 505;
  const { rawHeaders } = req;
  const minor = req.httpVersionMinor;
  // The request line as HTTP/2 has it: :method, :path and :scheme ("http" or "https").
  let bytes = (req.method?.length ?? 0) + (req.url?.length ?? 0) + 7 + 5 + 7 + 5 + 3 * FIELD;
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!, value = rawHeaders[i + 1]!;
    bytes += name.length + value.length + FIELD;
    if (name.length === 4 && name.toLowerCase() === "host") {
      hosts++;
      if (!HOST.test(value)) return 400;
    } else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") {
      // RFC 9112 section 6.1: HTTP/1.0 has none, and whoever forwards it may think otherwise.
      if (minor === 0) return 400;
      // Section 6.3: 400 when the last coding is not chunked; 501 for codings that nobody here decodes.
      if (value.toLowerCase() !== "chunked") return /(?:^|,)[ \t]*chunked$/i.test(value) ? 501 : 400;
    }
  }
  if (maxBytes > 0 && bytes > maxBytes) return 431;
  // RFC 9112 section 3.2. node:http lets several pass, and none on Bun.
  if (hosts > 1 || (hosts === 0 && minor > 0)) return 400;
  return badTarget(req.url ?? "", req.method) ? 400 : undefined;
}

/** RFC 9112 section 3.2: origin-form, absolute-form, or an asterisk with OPTIONS. */
function badTarget(target: string, method: string | undefined): boolean {
  if (target.startsWith("/")) return false;
  if (target === "*") return method !== "OPTIONS";
  return !/^https?:\/\/[^/?#]/i.test(target);
}
