/** The decoder by section of RFC 7541: what it accepts, what it refuses, what it costs. @module */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { HpackDecoder, HpackError } from "../../../../src/adapter/http2/hpack/mod.ts";
import { test } from "../../../support/harness.ts";
import { bytes, decode, decodeOnce, hex, ROOMY } from "./support.ts";

function refuses(block: string | Uint8Array, message: string, decoder: HpackDecoder = new HpackDecoder()): void {
  assertThrows(() => decode(decoder, block), HpackError, message);
}

test("2.3.3 index 0, and an index behind the dynamic table", () => {
  refuses("80", "index 0");
  refuses("be", "index 62");
  refuses("ff00", "index 127");
  refuses("7e 01 61", "index 62"); // as the name of a literal
  refuses("0f2f 01 61", "index 62");
  assertEquals(decodeOnce("bd"), ["www-authenticate", ""]);
});

test("5.1 an integer that ends early", () => {
  refuses("ff", "truncated integer");
  refuses("ff80", "truncated integer");
  refuses("7f", "truncated integer");
  refuses("3f", "truncated integer");
  refuses("00 7f", "truncated integer");
});

test("5.1 an integer of too many octets, or too large", () => {
  refuses("ff8080808000", "integer overflow"); // leading zeros
  refuses("ffffffffff7f", "integer overflow");
  refuses("3fffffffffffffffffff7f", "integer overflow");
  refuses("00 7fffffffff0f", "integer overflow");
  assertEquals(decodeOnce("3f80808000"), []); // 31, at four octets
});

test("5.2 a string that ends early", () => {
  refuses("40", "truncated field");
  refuses("400161", "truncated field");
  refuses("400261", "truncated string");
  refuses("4001610261", "truncated string");
  refuses("4001 61 82ff", "truncated string");
  refuses("41", "truncated field");
});

test("5.2 a block within a larger buffer ends where it is told", () => {
  const block = bytes("xx", hex("400161"), hex("0162"), "xx");
  assertEquals(new HpackDecoder().decode(block, 2, 7, ROOMY).fields, ["a", "b"]);
  assertThrows(() => new HpackDecoder().decode(block, 2, 6, ROOMY), HpackError, "truncated string");
});

test("5.2 Huffman padding of more than 7 bits", () => {
  assertEquals(decodeOnce("0001 61 81 1f"), ["a", "a"]);
  refuses("0001 61 82 1fff", "invalid Huffman code");
  refuses("0001 61 81 ff", "invalid Huffman code");
});

test("5.2 Huffman padding that is not ones", () => {
  refuses("0001 61 81 18", "invalid Huffman code");
  refuses("0001 61 81 1e", "invalid Huffman code");
});

test("5.2 Huffman code with EOS", () => {
  refuses("0001 61 84 ffffffff", "invalid Huffman code");
  refuses("0001 61 85 1ffffffff7", "invalid Huffman code"); // "a", EOS, and "a" again
});

test("5.2 invalid Huffman code is found in a string that is not kept", () => {
  const block = bytes(0x00, 0x01, "a", 0x84, hex("ffffffff"));
  assertThrows(
    () => new HpackDecoder().decode(block, 0, block.length, { maxHeaderBytes: 0, maxHeaders: 0 }),
    HpackError,
    "invalid Huffman code",
  );
});

test("5.2 strings are octets: every one of them survives, coded or not", () => {
  const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
  assertEquals(decodeOnce(bytes(0x00, 0x01, "a", 0x7f, 0x81, 0x01, all)), ["a", all]);
  for (let octet = 0; octet < 256; octet += 5) {
    const short = String.fromCharCode(octet, 255 - octet);
    assertEquals(decodeOnce(bytes(0x00, 0x01, "a", 0x02, short)), ["a", short]);
  }
});

test("4.2 and 6.3 a table size update above the limit", () => {
  refuses("3fe21f", "above the limit"); // 4,097
  assertEquals(decodeOnce("3fe11f"), []); // 4,096
  const decoder = new HpackDecoder();
  decoder.setMaxTableSize(8_192);
  assertEquals(decode(decoder, "3fe13f"), []);
  refuses("3fe23f", "above the limit", decoder);
});

test("4.2 a table size update behind a field", () => {
  refuses("82 20", "behind a field");
  refuses("20 82 20", "behind a field");
  assertEquals(decodeOnce("20 30 20 82"), [":method", "GET"]);
});

test("4.2 a lowered limit wants an update in the next block", () => {
  const decoder = new HpackDecoder();
  decoder.setMaxTableSize(100);
  refuses("82", "table size update missing", decoder);
});

test("4.2 a limit lowered to what the table has anyway wants none", () => {
  const decoder = new HpackDecoder();
  decode(decoder, "3f45"); // 100
  decoder.setMaxTableSize(100);
  assertEquals(decode(decoder, "82"), [":method", "GET"]);
});

test("4.2 a limit lowered and raised between two blocks wants the lowest first", () => {
  const low = () => {
    const decoder = new HpackDecoder();
    decoder.setMaxTableSize(10);
    decoder.setMaxTableSize(4_096);
    return decoder;
  };
  refuses("82", "table size update missing", low());
  refuses("3fe11f 82", "table size 4096 before 10", low());
  assertEquals(decode(low(), "2a 3fe11f 82"), [":method", "GET"]);
  assertEquals(decode(low(), "2a 82"), [":method", "GET"]);
  const decoder = low();
  decode(decoder, "2a 3fe11f");
  assertEquals(decode(decoder, "82"), [":method", "GET"]); // once is enough
});

test("4.3 a smaller table evicts the oldest fields", () => {
  const decoder = new HpackDecoder();
  decode(decoder, bytes(0x40, 0x01, "a", 0x01, "1", 0x40, 0x01, "b", 0x01, "2"));
  assertEquals(decode(decoder, "bebf"), ["b", "2", "a", "1"]);
  assertEquals(decode(decoder, "3f03 be"), ["b", "2"]); // 34 octets: one field
  refuses("bf", "index 63", decoder);
});

test("4.4 a field larger than the table empties it", () => {
  const decoder = new HpackDecoder(64);
  decode(decoder, bytes(0x40, 0x01, "a", 0x01, "1"));
  const value = "x".repeat(40);
  assertEquals(decode(decoder, bytes(0x40, 0x01, "b", 40, value)), ["b", value]);
  refuses("be", "index 62", decoder);
});

test("4.4 a field may take its name from the one that it evicts", () => {
  const decoder = new HpackDecoder(40);
  decode(decoder, bytes(0x40, 0x04, "name", 0x01, "1"));
  assertEquals(decode(decoder, bytes(0x7e, 0x01, "2")), ["name", "2"]);
  assertEquals(decode(decoder, "be"), ["name", "2"]);
});

test("6.2.2 and 6.2.3 literals without indexing leave the table alone", () => {
  const decoder = new HpackDecoder();
  decode(decoder, bytes(0x00, 0x01, "a", 0x01, "1", 0x10, 0x01, "b", 0x01, "2"));
  refuses("be", "index 62", decoder);
});

test("RFC 9113 6.5.2 a list is too large one octet above the limit", () => {
  const block = bytes(0x82, 0x00, 0x01, "a", 0x01, "1"); // 32 + 10, 32 + 2
  const decoder = new HpackDecoder();
  const at = (maxHeaderBytes: number) => decoder.decode(block, 0, block.length, { maxHeaderBytes, maxHeaders: 10 });
  assertEquals(at(76), { fields: [":method", "GET", "a", "1"], tooLarge: false });
  assertEquals(at(75), { fields: [":method", "GET"], tooLarge: true });
  assertEquals(at(41), { fields: [], tooLarge: true });
});

test("a list has too many fields one above the limit", () => {
  const decoder = new HpackDecoder();
  const at = (maxHeaders: number) => decoder.decode(hex("8287"), 0, 2, { maxHeaderBytes: 1_000, maxHeaders });
  assertEquals(at(2), { fields: [":method", "GET", ":scheme", "https"], tooLarge: false });
  assertEquals(at(1), { fields: [":method", "GET"], tooLarge: true });
});

test("a list that is too large keeps the table in step", () => {
  const decoder = new HpackDecoder();
  const long = "x".repeat(300);
  const block = bytes(
    ...[0x40, 0x01, "a", 0x01, "1"],
    ...[0x00, 0x01, "b", 0x7f, 0xad, 0x01, long], // 300 octets: too large from here on
    ...[0x40, 0x01, "c", 0x01, "3"],
    ...[0x40, 0x01, "d", 0x81, hex("1f")],
    0xbf,
  );
  const { fields, tooLarge } = decoder.decode(block, 0, block.length, { maxHeaderBytes: 100, maxHeaders: 10 });
  assertEquals({ fields, tooLarge }, { fields: ["a", "1"], tooLarge: true });
  assertEquals(decode(decoder, "bebfc0"), ["d", "a", "c", "3", "a", "1"]);
});

test("a list that is too large empties the table where a field does not fit into it", () => {
  const decoder = new HpackDecoder(64);
  decode(decoder, bytes(0x40, 0x01, "a", 0x01, "1"));
  const block = bytes(0x40, 0x01, "b", 0x50, "x".repeat(80));
  assert(decoder.decode(block, 0, block.length, { maxHeaderBytes: 50, maxHeaders: 10 }).tooLarge);
  refuses("be", "index 62", decoder);
});

test("a list that is too large does not come back from a block that was seen before", () => {
  const decoder = new HpackDecoder();
  for (let i = 0; i < 3; i++) assertEquals(decode(decoder, "8287"), [":method", "GET", ":scheme", "https"]);
  assert(decoder.decode(hex("8287"), 0, 2, { maxHeaderBytes: 50, maxHeaders: 10 }).tooLarge);
  assert(decoder.decode(hex("8287"), 0, 2, { maxHeaderBytes: 1_000, maxHeaders: 1 }).tooLarge);
});

test("a bomb of references to one large field costs no more than the limit", () => {
  const decoder = new HpackDecoder();
  const value = "x".repeat(4_000);
  decode(decoder, bytes(0x40, 0x01, "a", 0x7f, 0xa1, 0x1e, value));
  const bomb = new Uint8Array(60_000).fill(0xbe);
  const { fields, tooLarge } = decoder.decode(bomb, 0, bomb.length, { maxHeaderBytes: 65_536, maxHeaders: 256 });
  assert(tooLarge);
  assertEquals(fields.length, 2 * Math.floor(65_536 / 4_033));
  assertStrictEquals(fields[1], fields[3]);
});

test("a large Huffman string is not built beyond the limit", () => {
  const decoder = new HpackDecoder();
  // "0" has 5 bits of zeros: 1 MiB of them make 1.6 million characters.
  const coded = new Uint8Array(1_048_575);
  const block = bytes(0x00, 0x01, "a", 0xff, 0x80, 0xff, 0x3f);
  const whole = new Uint8Array(block.length + coded.length);
  whole.set(block);
  whole.set(coded, block.length);
  const { fields, tooLarge } = decoder.decode(whole, 0, whole.length, { maxHeaderBytes: 65_536, maxHeaders: 256 });
  assertEquals({ fields, tooLarge }, { fields: [], tooLarge: true });
});

test("equal blocks give one list until the table changes", () => {
  const decoder = new HpackDecoder();
  decode(decoder, bytes(0x40, 0x01, "a", 0x01, "1"));
  decode(decoder, "82be");
  const first = decode(decoder, "82be");
  assertStrictEquals(decode(decoder, "82be"), first);
  assert(Object.isFrozen(first));
  decode(decoder, bytes(0x40, 0x01, "b", 0x01, "2"));
  assertEquals(decode(decoder, "82be"), [":method", "GET", "b", "2"]);
  decode(decoder, "20 3fe11f");
  refuses("82be", "index 62", decoder);
});

test("a block is not recognised by a buffer that was written to since", () => {
  const decoder = new HpackDecoder();
  const buffer = Buffer.from([0x82, 0x87]); // whose slice() is no copy
  const decodeBuffer = () => decoder.decode(buffer, 0, 2, ROOMY).fields;
  for (let i = 0; i < 3; i++) assertEquals(decodeBuffer(), [":method", "GET", ":scheme", "https"]);
  buffer[1] = 0x86;
  for (let i = 0; i < 3; i++) assertEquals(decodeBuffer(), [":method", "GET", ":scheme", "http"]);
});

test("equal blocks do not hide a table size update that is missing", () => {
  const decoder = new HpackDecoder();
  for (let i = 0; i < 3; i++) decode(decoder, "82");
  decoder.setMaxTableSize(0);
  refuses("82", "table size update missing", decoder);
});

test("an insertion in a list that is too large ends the reuse of equal blocks", () => {
  const decoder = new HpackDecoder();
  decode(decoder, bytes(0x40, 0x01, "a", 0x01, "1"));
  for (let i = 0; i < 3; i++) assertEquals(decode(decoder, "be"), ["a", "1"]);
  const block = bytes(0x40, 0x01, "b", 0x01, "2");
  assert(decoder.decode(block, 0, block.length, { maxHeaderBytes: 0, maxHeaders: 0 }).tooLarge);
  assertEquals(decode(decoder, "be"), ["b", "2"]);
});

test("no garbage does anything but decode or raise HpackError", () => {
  const decoder = () => new HpackDecoder();
  for (let first = 0; first < 256; first++) {
    for (let second = 0; second < 256; second++) {
      const block = Uint8Array.of(first, second, 0x01, 0x61, 0x81, 0x1f);
      try {
        decoder().decode(block, 0, block.length, ROOMY);
      } catch (error) {
        assert(error instanceof HpackError, `${first} ${second}: ${error}`);
      }
    }
  }
});
