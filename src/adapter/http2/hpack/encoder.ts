/** Fields to header blocks: RFC 7541, the sending side. @module */
import type { Fields } from "../../contract.ts";
import { DynamicTable, ENTRY_OVERHEAD } from "./dynamic_table.ts";
import { huffmanEncode, huffmanLength } from "./huffman.ts";
import { STATIC_INDEX, STATIC_LENGTH } from "./static_table.ts";

/** Encodes the header blocks of one connection, in order: a block that was encoded must be sent. */
export class HpackEncoder {
  readonly #table: IndexedTable = new IndexedTable(OWN_LIMIT);
  #peerLimit: number = OWN_LIMIT;
  /** Size updates that the next block starts with (RFC 7541 section 4.2). */
  #resized = false;
  #lowest = Infinity;
  /** Last values of fields that change often: only one that comes twice in a row is worth a place in the table. */
  readonly #seen: Map<string, string> = new Map();
  readonly #recent: Recent[] = [];
  #nextRecent = 0;
  /** Whether the same fields may give another block the next time. */
  #unsettled = false;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setPeerMaxTableSize(size: number): void {
    // RFC 9113 section 4.3.1: a reduction wants an update, even one above the size in use.
    if (size < this.#peerLimit || Math.min(size, OWN_LIMIT) !== this.#table.maxSize) this.#resized = true;
    this.#lowest = Math.min(this.#lowest, size);
    this.#peerLimit = size;
  }

  /**
   * The block of these fields, to be copied at once and not to be changed: the next call on any encoder uses the buffer
   * again.
   * @throws {TypeError} for a list of odd length, and for a character that is no octet; the encoder is unchanged then.
   */
  encode(fields: Fields): Uint8Array {
    if (!this.#resized) {
      for (let i = 0; i < this.#recent.length; i++) {
        const recent = this.#recent[i]!;
        if (recent.matches(fields)) return recent.bytes;
      }
    }
    checkOctets(fields);
    this.#unsettled = false;
    const insertedBefore = this.#table.inserted;
    at = 0;
    if (this.#resized) this.#sizeUpdates();
    for (let i = 0; i < fields.length; i += 2) this.#field(fields[i]!, fields[i + 1]!);
    const block = out.subarray(0, at);
    if (out.length > KEPT_BUFFER) out = new Uint8Array(KEPT_BUFFER);
    if (this.#table.inserted !== insertedBefore) {
      this.#forget();
    } else if (!this.#unsettled && block.length <= RECENT_BYTES && fields.length <= RECENT_FIELDS * 2) {
      this.#recent[this.#nextRecent] = new Recent(fields.slice(), block.slice());
      this.#nextRecent = (this.#nextRecent + 1) & RECENT_MASK;
    }
    return block;
  }

  #sizeUpdates(): void {
    const lowest = Math.min(this.#lowest, OWN_LIMIT);
    const last = Math.min(this.#peerLimit, OWN_LIMIT);
    for (const size of lowest < last ? [lowest, last] : [last]) {
      this.#table.resize(size);
      reserve(0);
      integer(size, 0x20, 0x1f);
    }
    this.#lowest = Infinity;
    this.#resized = false;
    this.#unsettled = true;
    this.#forget();
  }

  #forget(): void {
    this.#recent.length = this.#nextRecent = 0;
  }

  #field(name: string, value: string): void {
    const fixed = STATIC_INDEX.get(name);
    const table = this.#table;
    const index = fixed?.values.get(value) ?? table.find(name, value);
    reserve(name.length + value.length);
    if (index !== 0) return integer(index, 0x80, 0x7f);
    const nameIndex = fixed?.index ?? table.findName(name);
    if (isSensitive(name, value)) {
      integer(nameIndex, 0x10, 0x0f);
    } else if (this.#isWorthIndexing(name, value)) {
      integer(nameIndex, 0x40, 0x3f);
      table.add(name, value);
    } else {
      integer(nameIndex, 0x00, 0x0f);
    }
    if (nameIndex === 0) literal(name);
    literal(value);
  }

  #isWorthIndexing(name: string, value: string): boolean {
    // One entry that fills the table would evict all the others for something that large values seldom are: repeated.
    if (name.length + value.length + ENTRY_OVERHEAD > this.#table.maxSize * 0.75) return false;
    if (!CHANGING.has(name) || this.#seen.get(name) === value) return true;
    this.#seen.set(name, value);
    this.#unsettled = true;
    return false;
  }
}

/** We never use more than the default size, whatever the peer would keep for us. */
const OWN_LIMIT: number = 4_096;

const CHANGING: ReadonlySet<string> = new Set([
  ":path",
  "age",
  "content-length",
  "content-range",
  "date",
  "etag",
  "expires",
  "if-modified-since",
  "if-none-match",
  "last-modified",
  "location",
  "range",
]);

/** RFC 7541 section 7.1.3: secrets, and above all those short enough to be guessed, stay out of every table on the way. */
function isSensitive(name: string, value: string): boolean {
  switch (name) {
    case "authorization":
    case "proxy-authorization":
    case "set-cookie":
      return true;
    case "cookie":
      return value.length < 20;
    default:
      return false;
  }
}

/** A dynamic table that finds its entries. */
class IndexedTable extends DynamicTable {
  readonly #names: Map<string, { newest: number; readonly values: Map<string, number> }> = new Map();

  /** The index of a field, 0 when it is not there. */
  find(name: string, value: string): number {
    const number = this.#names.get(name)?.values.get(value);
    return number === undefined ? 0 : STATIC_LENGTH + 1 + this.inserted - number;
  }

  findName(name: string): number {
    const entry = this.#names.get(name);
    return entry === undefined ? 0 : STATIC_LENGTH + 1 + this.inserted - entry.newest;
  }

  /** Inserts a field that fits. */
  add(name: string, value: string): void {
    this.insert(name, value);
    const entry = this.#names.get(name);
    if (entry === undefined) {
      this.#names.set(name, { newest: this.inserted, values: new Map([[value, this.inserted]]) });
    } else {
      entry.newest = this.inserted;
      entry.values.set(value, this.inserted);
    }
  }

  protected override evicted(name: string, value: string, number: number): void {
    const entry = this.#names.get(name);
    if (entry?.newest === number) this.#names.delete(name);
    else entry?.values.delete(value);
  }
}

// The lists of a pool repeat: once all their fields are in the table, or never will be, the block is the same again.
const RECENT_MASK = 3;
const RECENT_BYTES = 256;
const RECENT_FIELDS = 32;

class Recent {
  readonly bytes: Uint8Array;
  readonly #fields: Fields;

  constructor(fields: Fields, bytes: Uint8Array) {
    this.#fields = fields;
    this.bytes = bytes;
  }

  matches(fields: Fields): boolean {
    const mine = this.#fields;
    if (mine.length !== fields.length) return false;
    // From the end: lists differ in their last values more often than in their first names.
    for (let i = mine.length - 1; i >= 0; i--) {
      if (mine[i] !== fields[i]) return false;
    }
    return true;
  }
}

function checkOctets(fields: Fields): void {
  if (fields.length % 2 !== 0) throw new TypeError("Cannot encode a field without a value");
  for (let i = 0; i < fields.length; i++) {
    if (typeof fields[i] !== "string" || NOT_OCTETS.test(fields[i]!)) {
      throw new TypeError(`Cannot encode the field "${fields[i & ~1]}": it has a character above U+00FF`);
    }
  }
}
// deno-lint-ignore no-control-regex
const NOT_OCTETS = /[^\x00-\xff]/;

// Where the block grows. One buffer for all encoders: a block is copied into its frames before the next is encoded.
const KEPT_BUFFER = 65_536;
let out: Uint8Array = new Uint8Array(1_024);
let at = 0;

/** Room for two strings of `length` octets together, and the integers before them. */
function reserve(length: number): void {
  const needed = at + length + 24;
  if (needed <= out.length) return;
  const larger = new Uint8Array(Math.max(needed, out.length * 2));
  larger.set(out.subarray(0, at));
  out = larger;
}

/** RFC 7541 section 5.1. */
function integer(value: number, pattern: number, prefix: number): void {
  if (value < prefix) {
    out[at++] = pattern | value;
    return;
  }
  out[at++] = pattern | prefix;
  let rest = value - prefix;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) out[at++] = (rest & 0x7f) | 0x80;
  out[at++] = rest;
}

/** RFC 7541 section 5.2. */
function literal(text: string): void {
  const length = huffmanLength(text);
  if (length < text.length) {
    integer(length, 0x80, 0x7f);
    at = huffmanEncode(text, out, at);
    return;
  }
  integer(text.length, 0x00, 0x7f);
  for (let i = 0; i < text.length; i++) out[at++] = text.charCodeAt(i);
}
