/** Header blocks of other encoders, from the folder of vectors where it is present. @module */
import { assert, assertEquals } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import { HpackDecoder, HpackEncoder } from "../../../../src/adapter/http2/hpack/mod.ts";
import { test } from "../../../support/harness.ts";
import { shared, sharedPath } from "../../../support/shared.ts";
import { decode } from "./support.ts";

interface Case {
  seqno: number;
  wire: string;
  headers: Record<string, string>[];
  header_table_size?: number | null;
}

/** Every connection: its name, and its blocks in order. */
function* connections(): Generator<[name: string, blocks: Case[]]> {
  const root = sharedPath("data", "hpack");
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    for (const file of readdirSync(sharedPath("data", "hpack", entry.name))) {
      const text = readFileSync(sharedPath("data", "hpack", entry.name, file), "utf8");
      yield [`${entry.name}/${file}`, (JSON.parse(text) as { cases: Case[] }).cases];
    }
  }
}

test("blocks of other encoders decode to their headers", { needs: shared }, () => {
  let count = 0;
  for (const [name, blocks] of connections()) {
    const decoder = new HpackDecoder();
    for (const { seqno, wire, headers, header_table_size } of blocks) {
      if (header_table_size != null) decoder.setMaxTableSize(header_table_size);
      assertEquals(decode(decoder, wire), headers.flatMap((header) => Object.entries(header)[0]!), `${name} ${seqno}`);
      count++;
    }
  }
  assert(count > 0);
});

test("their headers come back through our encoder", { needs: shared }, () => {
  for (const [name, blocks] of connections()) {
    const decoder = new HpackDecoder();
    const encoder = new HpackEncoder();
    for (const { seqno, headers, header_table_size } of blocks) {
      if (header_table_size != null) {
        decoder.setMaxTableSize(header_table_size);
        encoder.setPeerMaxTableSize(header_table_size);
      }
      const fields = headers.flatMap((header) => Object.entries(header)[0]!);
      assertEquals(decode(decoder, encoder.encode(fields)), fields, `${name} ${seqno}`);
    }
  }
});
