/** The rules for fields by section of RFC 9113. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { checkRequest, checkResponse, checkTrailers, contentLength } from "../../../src/adapter/http2/fields.ts";
import { test } from "../../support/harness.ts";

const TARGET = [":method", "POST", ":scheme", "https", ":path", "/stream", ":authority", "pool.example"];

const request = (...more: string[]) => checkRequest([...TARGET, ...more]);
const response = (...more: string[]) => checkResponse([":status", "200", ...more]);

/** The target without one pseudo-field, or with another value for it. */
function target(name: string, value?: string, rest: string[] = []): string | undefined {
  const fields: string[] = [];
  for (let i = 0; i < TARGET.length; i += 2) {
    if (TARGET[i] !== name) fields.push(TARGET[i]!, TARGET[i + 1]!);
    else if (value !== undefined) fields.push(name, value);
  }
  return checkRequest([...fields, ...rest]);
}

function malformed(verdict: string | undefined, part: string): void {
  assert(verdict !== undefined, `accepted, but should say: ${part}`);
  assertStringIncludes(verdict, part);
}

test("8.2.1 field names are lower-case tokens", () => {
  const check = [request, response, (...more: string[]) => checkTrailers(more)];
  for (const each of check) {
    assertEquals(each("x-!#$%&'*+-.^_`|~09az", "v"), undefined);
    for (const name of ["X-Upper", "x y", "x:y", "x\0", "x\n", "x\x7f", "x\x80", "x\xe9", "x(", ""]) {
      malformed(each(name, "v"), "not a field name");
    }
  }
});

test("8.2.1 field values have no NUL, CR or LF, and no white space around", () => {
  const check = [request, response, (...more: string[]) => checkTrailers(more)];
  for (const each of check) {
    for (const value of ["", "v", "a b", "a\tb", "\xff\x80", "\x01"]) assertEquals(each("x", value), undefined);
    for (const value of [" ", "\t", " v", "v ", "\tv", "v\t", "a\0b", "a\rb", "a\nb", "\r\n"]) {
      malformed(each("x", value), 'the value of "x"');
    }
  }
});

test("8.2.1 the values of known fields are checked too", () => {
  malformed(request("te", " trailers"), "the value of");
  malformed(request("host", "pool.example\n"), "the value of");
  malformed(request("content-length", "1\r\n"), "the value of");
});

test("8.2.2 connection-specific fields", () => {
  for (const name of ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"]) {
    malformed(request(name, "v"), "connection-specific");
    malformed(response(name, "v"), "connection-specific");
    malformed(checkTrailers([name, "v"]), "connection-specific");
  }
  assertEquals(request("te", "trailers"), undefined);
  assertEquals(request("te", "Trailers"), undefined);
  malformed(request("te", "gzip"), "te other than trailers");
  malformed(request("te", "trailers, gzip"), "te other than trailers");
});

test("8.3 pseudo-fields come first", () => {
  malformed(checkRequest(["x", "v", ...TARGET]), "no :method");
  malformed(checkRequest([...TARGET.slice(0, 6), "x", "v", ":authority", "pool.example"]), '":authority" out of place');
  malformed(checkResponse(["x", "v", ":status", "200"]), "no :status");
  malformed(response("x", "v", ":status", "200"), '":status" out of place');
});

test("8.3 pseudo-fields are known, and of their side", () => {
  malformed(request(":protocol", "websocket"), 'unknown pseudo-field ":protocol"');
  malformed(request(":status", "200"), 'unknown pseudo-field ":status"');
  malformed(request(":", ""), "unknown pseudo-field");
  malformed(response(":path", "/"), 'unknown pseudo-field ":path"');
  malformed(checkResponse([":method", "GET", ":status", "200"]), 'unknown pseudo-field ":method"');
});

test("8.3 pseudo-fields are not repeated", () => {
  for (let i = 0; i < TARGET.length; i += 2) {
    malformed(checkRequest([...TARGET, TARGET[i]!, TARGET[i + 1]!]), `${TARGET[i]} is repeated`);
  }
  malformed(response(":status", "200"), ":status is repeated");
});

test("8.1 trailers have no pseudo-fields", () => {
  assertEquals(checkTrailers([]), undefined);
  assertEquals(checkTrailers(["grpc-status", "0"]), undefined);
  malformed(checkTrailers([":status", "200"]), "out of place");
  malformed(checkTrailers(["x", "v", ":path", "/"]), "out of place");
});

test("8.3.1 method, scheme and path are required, the authority is not", () => {
  assertEquals(request(), undefined);
  malformed(target(":method"), "no :method");
  malformed(target(":scheme"), "no :scheme");
  malformed(target(":path"), "no :path");
  assertEquals(target(":authority"), undefined);
  malformed(checkRequest([]), "no :method");
});

test("8.3.1 pseudo-fields have values of their kind", () => {
  for (const value of ["", "GET POST", "G\0T", "G\xe9T"]) malformed(target(":method", value), ":method");
  assertEquals(target(":method", "x-get"), undefined);
  for (const value of ["", "9p", "ht tp", ":"]) malformed(target(":scheme", value), ":scheme");
  for (const value of ["", "stream", "?a", "/ HTTP/1.1", "/a\r\nb", "/\x7f"]) {
    malformed(target(":path", value), ":path");
  }
  for (const value of ["/", "/?a=b", "//", "/\xe9"]) assertEquals(target(":path", value), undefined);
  for (const value of ["a b", "a\0", "user@pool.example", "a\t"]) malformed(target(":authority", value), ":authority");
  assertEquals(target(":authority", "[::1]:8443"), undefined);
});

test("8.3.1 the path * belongs to OPTIONS", () => {
  malformed(target(":path", "*"), ":path does not start with /");
  assertEquals(checkRequest([":method", "OPTIONS", ":scheme", "https", ":path", "*"]), undefined);
});

test("8.3.1 other schemes have paths of their own", () => {
  assertEquals(checkRequest([":method", "GET", ":scheme", "urn", ":path", ""]), undefined);
  assertEquals(checkRequest([":method", "GET", ":scheme", "urn", ":path", "a:b"]), undefined);
});

test("8.3.1 host agrees with the authority", () => {
  for (const host of ["pool.example", "POOL.example", "pool.example:443"]) {
    assertEquals(request("host", host), undefined);
  }
  for (const host of ["other.example", "pool.example:8443", "pool.example:80", ""]) {
    malformed(request("host", host), "host differs");
  }
  assertEquals(target(":authority", undefined, ["host", "any.example"]), undefined);
  assertEquals(target(":authority", "pool.example:443", ["host", "pool.example"]), undefined);
  malformed(request("host", "pool.example", "host", "pool.example"), "host is repeated");
  const plain = [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"];
  assertEquals(checkRequest([...plain, "host", "a:80"]), undefined);
  malformed(checkRequest([...plain, "host", "a:443"]), "host differs");
});

test("8.3.2 :status is a three-digit code", () => {
  for (const status of ["100", "103", "200", "404", "599"]) assertEquals(checkResponse([":status", status]), undefined);
  for (const status of ["", "20", "2000", "abc", "099", "+20", "2x0", " 200", "200 "]) {
    malformed(checkResponse([":status", status]), ":status is not");
  }
  malformed(checkResponse([]), "no :status");
});

test("8.6 there is no 101", () => {
  malformed(checkResponse([":status", "101"]), "101");
});

test("8.5 CONNECT has an authority, no scheme, no path", () => {
  const connect = [":method", "CONNECT", ":authority", "pool.example:443"];
  assertEquals(checkRequest(connect), undefined);
  malformed(checkRequest([...connect, ":scheme", "https"]), "CONNECT with");
  malformed(checkRequest([...connect, ":path", "/"]), "CONNECT with");
  malformed(checkRequest([":method", "CONNECT"]), "CONNECT without");
  malformed(checkRequest([":method", "CONNECT", ":authority", ""]), "CONNECT without");
});

test("8.1.1 content-length is one number", () => {
  for (const value of ["0", "42", "007", "9007199254740991"]) {
    assertEquals(request("content-length", value), undefined);
    assertEquals(contentLength([...TARGET, "content-length", value]), Number(value));
  }
  for (const value of ["", "-1", "+1", "1.5", "0x10", "1e3", "1, 1", "9007199254740992", "\xb2"]) {
    malformed(request("content-length", value), "content-length is not a length");
    malformed(response("content-length", value), "content-length is not a length");
    assertEquals(contentLength(["content-length", value]), NaN);
  }
  assertEquals(contentLength(TARGET), undefined);
});

test("8.1.1 two content-lengths agree", () => {
  assertEquals(request("content-length", "5", "content-length", "5"), undefined);
  malformed(request("content-length", "5", "content-length", "6"), "differs");
  assertEquals(contentLength(["content-length", "5", "content-length", "5"]), 5);
  assertEquals(contentLength(["content-length", "5", "content-length", "6"]), NaN);
  assertEquals(contentLength(["content-length", "x", "content-length", "x"]), NaN);
});

test("a peer's name is short and printable in a message", () => {
  const verdict = request("\x00".repeat(1_000), "v")!;
  assert(verdict.length < 400);
  assert(!verdict.includes("\0"));
});
