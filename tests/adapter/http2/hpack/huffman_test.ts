/** The Huffman code of RFC 7541 section 5.2 and appendix B. @module */
import { assert, assertEquals } from "@std/assert";
import {
  CODE_LENGTHS,
  CODES,
  huffmanDecode,
  huffmanEncode,
  huffmanLength,
} from "../../../../src/adapter/http2/hpack/huffman.ts";
import { test } from "../../../support/harness.ts";
import { octets, random, toHex } from "./support.ts";

function roundTrip(text: string): string {
  const coded = new Uint8Array(huffmanLength(text) + 4);
  const end = huffmanEncode(text, coded, 2);
  assertEquals(end, huffmanLength(text) + 2);
  const out = new Uint8Array(text.length);
  assertEquals(huffmanDecode(coded, 2, end, out, out.length), text.length);
  return String.fromCharCode(...out);
}

test("appendix B codes picked over the whole table", () => {
  const code = (symbol: number) => [CODES[symbol], CODE_LENGTHS[symbol]];
  assertEquals(code(0), [0x1ff8, 13]);
  assertEquals(code(10), [0x3ffffffc, 30]);
  assertEquals(code(32), [0x14, 6]);
  assertEquals(code(48), [0x0, 5]);
  assertEquals(code(92), [0x7fff0, 19]);
  assertEquals(code(127), [0xffffffc, 28]);
  assertEquals(code(128), [0xfffe6, 20]);
  assertEquals(code(249), [0xffffffe, 28]);
  assertEquals(code(255), [0x3ffffee, 26]);
});

test("appendix B the code is complete but for EOS", () => {
  let used = 0;
  for (const length of CODE_LENGTHS) used += 2 ** (30 - length);
  assertEquals(used, 2 ** 30 - 1);
});

test("every octet alone, and beside every other", () => {
  for (let a = 0; a < 256; a++) {
    assertEquals(roundTrip(String.fromCharCode(a)), String.fromCharCode(a));
    for (let b = 0; b < 256; b++) {
      const pair = String.fromCharCode(a, b);
      if (roundTrip(pair) !== pair) assertEquals(roundTrip(pair), pair);
    }
  }
});

test("random strings", () => {
  const next = random(7541);
  for (let i = 0; i < 500; i++) {
    const text = String.fromCharCode(...Array.from({ length: next(60) }, () => next(256)));
    assertEquals(roundTrip(text), text);
  }
});

test("a string longer than the room is measured, not written", () => {
  const coded = new Uint8Array(20);
  const end = huffmanEncode("abcdefgh", coded, 0);
  const out = octets("........");
  assertEquals(huffmanDecode(coded, 0, end, out, 3), 8);
  assertEquals(out, octets("abc....."));
});

test("the empty string", () => {
  assertEquals(roundTrip(""), "");
});

test("padding is ones", () => {
  const coded = new Uint8Array(1);
  huffmanEncode("a", coded, 0);
  assertEquals(toHex(coded), "1f");
  assert(huffmanDecode(Uint8Array.of(0x1e), 0, 1, coded, 1) < 0);
});
