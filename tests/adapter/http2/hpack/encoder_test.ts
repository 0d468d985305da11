/** The encoder by section of RFC 7541. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { HpackDecoder, HpackEncoder } from "../../../../src/adapter/http2/hpack/mod.ts";
import { test } from "../../../support/harness.ts";
import { decode, encode, ROOMY } from "./support.ts";

const NEVER_INDEXED = 0x10;
const WITHOUT_INDEXING = 0x00;
const WITH_INDEXING = 0x40;

/** The representation of a block's first field, its index masked out. */
function representation(encoder: HpackEncoder, name: string, value: string): number {
  const first = encoder.encode([name, value])[0]!;
  if (first >= 0x80) return 0x80;
  return first & (first >= 0x40 ? 0xc0 : 0xf0);
}

test("2.3 fields that come again are indexed", () => {
  const encoder = new HpackEncoder();
  const list = [":method", "POST", ":scheme", "https", ":authority", "pool.example:8443", "user-agent", "h2pool"];
  assert(encoder.encode(list).length > 4);
  assertEquals(encode(encoder, ...list), "8387bfbe");
  assertEquals(encode(encoder, ...list), "8387bfbe");
  assertEquals(encode(encoder, "user-agent", "h2pool", ":scheme", "https"), "be87");
});

test("2.3 a value that changes often is worth the table when it comes twice in a row", () => {
  const encoder = new HpackEncoder();
  assertEquals(representation(encoder, ":path", "/stream"), WITHOUT_INDEXING);
  assertEquals(representation(encoder, ":path", "/stream"), WITH_INDEXING);
  assertEquals(encode(encoder, ":path", "/stream"), "be");
  assertEquals(representation(encoder, ":path", "/other"), WITHOUT_INDEXING);
  assertEquals(encode(encoder, ":path", "/stream"), "be");
});

test("2.3 a field that would fill the table stays out of it", () => {
  const encoder = new HpackEncoder();
  assertEquals(representation(encoder, "x-large", "x".repeat(3_100)), WITHOUT_INDEXING);
  assertEquals(representation(encoder, "x-small", "x".repeat(2_900)), WITH_INDEXING);
});

test("5.2 Huffman code only where it is shorter", () => {
  assertEquals(encode(new HpackEncoder(), "accept", "\xff\xfe"), "5302fffe");
  assertEquals(encode(new HpackEncoder(), "accept", "aa"), "53026161");
  assertEquals(encode(new HpackEncoder(), "accept", "aaa"), "538218c7");
});

test("7.1.3 secrets are never indexed", () => {
  const encoder = new HpackEncoder();
  for (let i = 0; i < 3; i++) {
    assertEquals(representation(encoder, "authorization", "Bearer token"), NEVER_INDEXED);
    assertEquals(representation(encoder, "proxy-authorization", "Basic dTpw"), NEVER_INDEXED);
    assertEquals(representation(encoder, "set-cookie", "id=1"), NEVER_INDEXED);
    assertEquals(representation(encoder, "cookie", "id=1"), NEVER_INDEXED);
  }
  assertEquals(representation(encoder, "cookie", "id=" + "x".repeat(30)), WITH_INDEXING);
});

test("4.2 a lowered limit is announced in the next block, and evicts", () => {
  const encoder = new HpackEncoder();
  encode(encoder, "a", "1");
  assertEquals(encode(encoder, "a", "1"), "be");
  encoder.setPeerMaxTableSize(0);
  assertEquals(encode(encoder, "a", "1"), "20" + "000161" + "0131");
  assertEquals(encode(encoder, "a", "1"), "000161" + "0131");
});

test("4.2 the lowest limit is announced before the last one", () => {
  const encoder = new HpackEncoder();
  encode(encoder, "a", "1");
  encoder.setPeerMaxTableSize(100);
  encoder.setPeerMaxTableSize(10);
  encoder.setPeerMaxTableSize(4_096);
  assertEquals(encode(encoder, "a", "1").slice(0, 8), "2a3fe11f");
  assertEquals(encode(encoder, "a", "1"), "be");
});

test("4.2 a limit above what we use is not announced", () => {
  const encoder = new HpackEncoder();
  encoder.setPeerMaxTableSize(65_536);
  assertEquals(encode(encoder, ":method", "GET"), "82");
  // RFC 9113 section 4.3.1: a reduction is, even to more than we use.
  encoder.setPeerMaxTableSize(8_192);
  assertEquals(encode(encoder, ":method", "GET"), "3fe11f82");
  assertEquals(encode(encoder, ":method", "GET"), "82");
});

test("4.2 the block of the same fields changes with the limit", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder();
  const list = ["a", "1", "b", "2"];
  for (const limit of [4_096, 40, 40, 0, 68, 68, 4_096, 4_096]) {
    encoder.setPeerMaxTableSize(limit);
    decoder.setMaxTableSize(limit);
    for (let i = 0; i < 3; i++) assertEquals(decode(decoder, encoder.encode(list)), list);
  }
});

test("a list that is changed by its owner is encoded as it is", () => {
  const encoder = new HpackEncoder();
  const list = [":status", "200"];
  assertEquals(encode(encoder, ...list), "88");
  encoder.encode(list);
  list[1] = "404";
  assertEquals(encoder.encode(list), Uint8Array.of(0x8d));
});

test("what cannot be an octet is refused, and the encoder goes on as if it had not been asked", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder();
  const list = ["a", "1", "b", "2"];
  assertThrows(() => encoder.encode(["a", "1", "b", "\u0100"]), TypeError, '"b"');
  assertThrows(() => encoder.encode(["a", "1", "\u20ac", "2"]), TypeError);
  assertThrows(() => encoder.encode(["a", "1", "b"]), TypeError);
  for (let i = 0; i < 3; i++) assertEquals(decode(decoder, encoder.encode(list)), list);
});

test("large lists pass, and do not stay in memory", () => {
  const encoder = new HpackEncoder();
  const list = ["x-large", "\x01".repeat(1_000_000)];
  const block = encoder.encode(list);
  assertEquals(new HpackDecoder().decode(block, 0, block.length, ROOMY).fields, list);
  assert(encoder.encode([":status", "200"]).buffer.byteLength <= 65_536);
});
