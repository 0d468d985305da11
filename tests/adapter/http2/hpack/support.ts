/** What the HPACK tests share. @module */
import { HpackDecoder, type HpackEncoder } from "../../../../src/adapter/http2/hpack/mod.ts";
import type { Fields } from "../../../../src/adapter/contract.ts";

export const ROOMY = { maxHeaderBytes: 1_048_576, maxHeaders: 4_096 };

/** Octets of hexadecimal digits; white space is for the reader. */
export function hex(digits: string): Uint8Array {
  const pairs = digits.replace(/\s+/g, "").match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function octets(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function bytes(...parts: (number | string | Uint8Array)[]): Uint8Array {
  const all: number[] = [];
  for (const part of parts) {
    if (typeof part === "number") all.push(part);
    else all.push(...(typeof part === "string" ? octets(part) : part));
  }
  return Uint8Array.from(all);
}

/** Decodes one block of hexadecimal digits or octets. */
export function decode(decoder: HpackDecoder, block: string | Uint8Array): Fields {
  const encoded = typeof block === "string" ? hex(block) : block;
  return decoder.decode(encoded, 0, encoded.length, ROOMY).fields;
}

export function decodeOnce(block: string | Uint8Array, maxTableSize?: number): Fields {
  return decode(new HpackDecoder(maxTableSize), block);
}

export function encode(encoder: HpackEncoder, ...fields: string[]): string {
  return toHex(encoder.encode(fields));
}

/** A small seeded generator (mulberry32): the same run everywhere. */
export function random(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
