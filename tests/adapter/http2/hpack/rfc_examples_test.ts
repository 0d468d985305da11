/** The examples of RFC 7541 appendix C, byte by byte. @module */
import { assertEquals } from "@std/assert";
import { HpackDecoder, HpackEncoder } from "../../../../src/adapter/http2/hpack/mod.ts";
import { test } from "../../../support/harness.ts";
import { decode, decodeOnce, encode } from "./support.ts";

test("C.1 integers, seen as table size updates", () => {
  assertEquals(decodeOnce("2a"), []);
  assertEquals(decodeOnce("3f9a0a"), []);
  const encoder = new HpackEncoder();
  encoder.setPeerMaxTableSize(10);
  assertEquals(encode(encoder), "2a");
  encoder.setPeerMaxTableSize(1_337);
  assertEquals(encode(encoder), "3f9a0a");
});

test("C.2.1 literal field with indexing", () => {
  const decoder = new HpackDecoder();
  const field = ["custom-key", "custom-header"];
  assertEquals(decode(decoder, "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"), field);
  assertEquals(decode(decoder, "be"), field);
});

test("C.2.2 literal field without indexing", () => {
  assertEquals(decodeOnce("040c 2f73 616d 706c 652f 7061 7468"), [":path", "/sample/path"]);
});

test("C.2.3 literal field never indexed", () => {
  assertEquals(decodeOnce("1008 7061 7373 776f 7264 0673 6563 7265 74"), ["password", "secret"]);
});

test("C.2.4 indexed field", () => {
  assertEquals(decodeOnce("82"), [":method", "GET"]);
});

const REQUESTS = [
  [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"],
  [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com", "cache-control", "no-cache"],
  // deno-fmt-ignore
  [":method", "GET", ":scheme", "https", ":path", "/index.html", ":authority", "www.example.com", "custom-key", "custom-value"],
];

test("C.3 requests without Huffman code", () => {
  const decoder = new HpackDecoder();
  assertEquals(decode(decoder, "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d"), REQUESTS[0]);
  assertEquals(decode(decoder, "8286 84be 5808 6e6f 2d63 6163 6865"), REQUESTS[1]);
  assertEquals(
    decode(decoder, "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65"),
    REQUESTS[2],
  );
});

const HUFFMAN_REQUESTS = [
  "828684418cf1e3c2e5f23a6ba0ab90f4ff",
  "828684be5886a8eb10649cbf",
  "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
];

test("C.4 requests with Huffman code", () => {
  const decoder = new HpackDecoder();
  HUFFMAN_REQUESTS.forEach((block, i) => assertEquals(decode(decoder, block), REQUESTS[i]));
});

test("C.4 requests with Huffman code, encoded", () => {
  const encoder = new HpackEncoder();
  HUFFMAN_REQUESTS.forEach((block, i) => assertEquals(encode(encoder, ...REQUESTS[i]!), block));
});

const RESPONSES = [
  // deno-fmt-ignore
  [":status", "302", "cache-control", "private", "date", "Mon, 21 Oct 2013 20:13:21 GMT", "location", "https://www.example.com"],
  // deno-fmt-ignore
  [":status", "307", "cache-control", "private", "date", "Mon, 21 Oct 2013 20:13:21 GMT", "location", "https://www.example.com"],
  // deno-fmt-ignore
  [":status", "200", "cache-control", "private", "date", "Mon, 21 Oct 2013 20:13:22 GMT", "location", "https://www.example.com",
    "content-encoding", "gzip", "set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
];

test("C.5 responses without Huffman code, in a table of 256 octets that evicts", () => {
  const decoder = new HpackDecoder(256);
  assertEquals(
    decode(
      decoder,
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e
       1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
    ),
    RESPONSES[0],
  );
  assertEquals(decode(decoder, "4803 3330 37c1 c0bf"), RESPONSES[1]);
  assertEquals(
    decode(
      decoder,
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d
       4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572
       7369 6f6e 3d31`,
    ),
    RESPONSES[2],
  );
  // Left in the table: set-cookie, content-encoding, date.
  assertEquals(decode(decoder, "bebfc0").filter((_, i) => i % 2 === 0), ["set-cookie", "content-encoding", "date"]);
});

test("C.6 responses with Huffman code, in a table of 256 octets that evicts", () => {
  const decoder = new HpackDecoder(256);
  assertEquals(
    decode(
      decoder,
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b
       97c8 e9ae 82ae 43d3`,
    ),
    RESPONSES[0],
  );
  assertEquals(decode(decoder, "4883 640e ffc1 c0bf"), RESPONSES[1]);
  assertEquals(
    decode(
      decoder,
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf
       cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ),
    RESPONSES[2],
  );
});
