/** Whatever the encoder writes, the decoder reads: random fields, random limits. @module */
import { assertEquals } from "@std/assert";
import { HpackDecoder, HpackEncoder } from "../../../../src/adapter/http2/hpack/mod.ts";
import { test } from "../../../support/harness.ts";
import { decode, random } from "./support.ts";

const NAMES = [
  ":path",
  ":method",
  ":status",
  "cookie",
  "authorization",
  "date",
  "x-a",
  "x-b",
  "content-length",
  "accept",
];

function randomList(next: (below: number) => number): string[] {
  const fields: string[] = [];
  for (let count = next(12); count > 0; count--) {
    fields.push(next(4) === 0 ? `x-${next(40)}` : NAMES[next(NAMES.length)]!);
    const kind = next(10);
    if (kind < 6) fields.push(`value ${next(6)}`);
    else if (kind < 9) fields.push(String.fromCharCode(...Array.from({ length: next(40) }, () => next(256))));
    else fields.push("x".repeat(next(5_000)));
  }
  return fields;
}

for (const seed of [1, 2, 3]) {
  test(`random lists under changing limits, seed ${seed}`, () => {
    const next = random(seed);
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    const usual = Array.from({ length: 3 }, () => randomList(next));
    for (let block = 0; block < 2_000; block++) {
      for (let changes = next(10) === 0 ? next(4) : 0; changes > 0; changes--) {
        const limit = next(4) === 0 ? 0 : next(8_192);
        encoder.setPeerMaxTableSize(limit);
        decoder.setMaxTableSize(limit);
      }
      const list = next(2) === 0 ? usual[next(usual.length)]! : randomList(next);
      assertEquals(decode(decoder, encoder.encode(list)), list);
    }
  });
}
