/** Bodies that are the same on every side, and their digests. @module */
import { createHash, type Hash } from "node:crypto";

/** Of a prime length, so that no frame, window or buffer has the same octets as the one before. */
const PERIOD = 999_983;

/** `length` octets, the same for the same seed; other languages make them too. */
export function pattern(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array((Math.min(length, PERIOD) + 3) >> 2);
  let x = Math.imul(seed, 0x9e3779b1) | 1;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  const period = new Uint8Array(words.buffer, 0, Math.min(length, PERIOD));
  if (length <= PERIOD) return period;
  const all = new Uint8Array(length);
  for (let at = 0; at < length; at += PERIOD) all.set(period.subarray(0, length - at), at);
  return all;
}

/** SHA-256 of bytes, hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A running SHA-256. */
export function digest(): Hash {
  return createHash("sha256");
}

/** SHA-256 of the fields whose names start with `x-`, in order: what either side says that it saw. */
export function fieldsDigest(fields: readonly string[]): string {
  const hash = createHash("sha256");
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.startsWith("x-")) hash.update(`${fields[i]}: ${fields[i + 1]}\n`, "latin1");
  }
  return hash.digest("hex");
}

/** Value of the first field of this name. */
export function field(fields: readonly string[] | undefined, name: string): string | undefined {
  for (let i = 0; fields !== undefined && i < fields.length; i += 2) {
    if (fields[i] === name) return fields[i + 1];
  }
}
