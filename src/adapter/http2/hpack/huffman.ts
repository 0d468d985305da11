/**
 * The Huffman code of RFC 7541 appendix B. It is canonical: codes of one length are consecutive in the order of their
 * symbols, so the code lengths say everything. @module
 */

// deno-fmt-ignore
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const EOS = 256;
const LONGEST = 30;

/** Length in bits of each octet's code. */
export const CODE_LENGTHS: Uint8Array = Uint8Array.from(LENGTHS.slice(0, EOS));
/** Code of each octet, right-aligned. */
export const CODES: Uint32Array = new Uint32Array(EOS);

// A tree has as many inner nodes as leaves less one: 256 states, and one more that nothing leaves.
const FAILED = 256;
const STATE_MASK = 0x1ff;
const SYMBOL_SHIFT = 9;
const EMITS = 1 << 17;

/** By state and four bits of input: the next state, and the symbol that ended on the way. No code is shorter than 5 bits, so there is at most one. */
const STEPS = new Int32Array((FAILED + 1) * 16);
/** States at which the input may end: the root, and up to 7 bits of EOS (RFC 7541 section 5.2). */
const FINAL = new Uint8Array(FAILED + 1);

build();

/**
 * Decodes `bytes[start, end)` into `out`, of which `room` octets may be written. Returns the decoded length, which may
 * be above `room`, or -1 for input that no encoder writes.
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, out: Uint8Array, room: number): number {
  let state = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    let step = STEPS[(state << 4) | (byte >> 4)]!;
    if ((step & EMITS) !== 0) {
      if (length < room) out[length] = step >> SYMBOL_SHIFT;
      length++;
    }
    step = STEPS[((step & STATE_MASK) << 4) | (byte & 15)]!;
    if ((step & EMITS) !== 0) {
      if (length < room) out[length] = step >> SYMBOL_SHIFT;
      length++;
    }
    state = step & STATE_MASK;
  }
  return FINAL[state] === 1 ? length : -1;
}

/** Octets that the code needs for `text`, whose characters are octets. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += CODE_LENGTHS[text.charCodeAt(i)]!;
  return (bits + 7) >>> 3;
}

/** Writes the code of `text` at `at`, padded with ones. Returns the position behind it. */
export function huffmanEncode(text: string, out: Uint8Array, at: number): number {
  let pending = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    let code = CODES[symbol]!;
    let length = CODE_LENGTHS[symbol]!;
    if (length > 24) {
      // Up to 7 bits are pending: a long code goes in two parts, to stay within 32.
      length -= 16;
      pending = (pending << length) | (code >>> 16);
      code &= 0xffff;
      for (bits += length; bits >= 8;) out[at++] = pending >>> (bits -= 8);
      length = 16;
    }
    pending = (pending << length) | code;
    for (bits += length; bits >= 8;) out[at++] = pending >>> (bits -= 8);
  }
  if (bits > 0) out[at++] = (pending << (8 - bits)) | (0xff >>> bits);
  return at;
}

function build(): void {
  // The tree: two children of each inner node; ~symbol for a leaf. The root is 0.
  const children = new Int32Array(FAILED * 2);
  let nodes = 1;
  let code = 0;
  for (let length = 1; length <= LONGEST; length++, code <<= 1) {
    for (let symbol = 0; symbol <= EOS; symbol++) {
      if (LENGTHS[symbol] !== length) continue;
      if (symbol < EOS) CODES[symbol] = code;
      let node = 0;
      for (let bit = length - 1; bit > 0; bit--) {
        const child = node * 2 + ((code >>> bit) & 1);
        if (children[child] === 0) children[child] = nodes++;
        node = children[child]!;
      }
      children[node * 2 + (code & 1)] = ~symbol;
      code++;
    }
  }
  for (let state = 0; state <= FAILED; state++) {
    for (let nibble = 0; nibble < 16; nibble++) STEPS[(state << 4) | nibble] = walk(children, state, nibble);
  }
  for (let node = 0, depth = 0; depth < 8; depth++, node = children[node * 2 + 1]!) FINAL[node] = 1;
}

function walk(children: Int32Array, from: number, nibble: number): number {
  if (from === FAILED) return FAILED;
  let node = from;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = children[node * 2 + ((nibble >>> bit) & 1)]!;
    if (child === ~EOS) return FAILED; // RFC 7541 section 5.2: EOS in a string is an error.
    if (child < 0) emitted = EMITS | (~child << SYMBOL_SHIFT);
    node = child < 0 ? 0 : child;
  }
  return emitted | node;
}
