/** Header blocks to fields: RFC 7541, the receiving side. @module */
import { Buffer } from "node:buffer";
import type { Fields } from "../../contract.ts";
import { DynamicTable, ENTRY_OVERHEAD } from "./dynamic_table.ts";
import { huffmanDecode } from "./huffman.ts";
import { STATIC_LENGTH, STATIC_NAMES, STATIC_VALUES } from "./static_table.ts";

/** A header block that breaks RFC 7541: a connection error of type COMPRESSION_ERROR. */
export class HpackError extends Error {
  override readonly name = "HpackError";
}

/** What a field list may hold. */
export interface HeaderLimits {
  /** Octets of names and values and 32 per field (RFC 9113 section 6.5.2). */
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
}

/** A decoded block. Equal blocks may share one object: neither it nor its fields are to be changed. */
export interface HeaderBlock {
  /** Name and value by turns; one character per octet. When `tooLarge`, only those that fit. */
  readonly fields: Fields;
  /** Whether the list passes the limits. The decoder is in step nevertheless. */
  readonly tooLarge: boolean;
}

/** Decodes the header blocks of one connection, in order. */
export class HpackDecoder {
  readonly #table: DynamicTable;
  /** SETTINGS_HEADER_TABLE_SIZE as the peer knows it. */
  #limit: number;
  /** The lowest limit since the last block: what the peer has to come down to, if it is above (RFC 7541 section 4.2). */
  #lowest: number;
  #at = 0;
  readonly #recent: (Recent | undefined)[] = [undefined, undefined, undefined, undefined];

  /** @param maxTableSize What both sides start with; HTTP/2's default until a SETTINGS frame is acknowledged. */
  constructor(maxTableSize = 4_096) {
    this.#table = new DynamicTable(maxTableSize);
    this.#limit = this.#lowest = maxTableSize;
  }

  /** The peer has acknowledged this SETTINGS_HEADER_TABLE_SIZE. */
  setMaxTableSize(size: number): void {
    this.#limit = size;
    if (size < this.#lowest) this.#lowest = size;
  }

  /**
   * Decodes the block `bytes[start, end)`. A list above `limits` goes on being decoded, to keep the table in step, but
   * is not collected: it costs no memory beyond the limits and the table.
   * @throws {HpackError} when it is not a valid block; the decoder is of no use after that.
   */
  decode(bytes: Uint8Array, start: number, end: number, limits: HeaderLimits): HeaderBlock {
    const table = this.#table;
    const length = end - start;
    const recent = this.#recent[length & RECENT_MASK];
    const seen = recent !== undefined && this.#lowest >= table.maxSize && recent.holds(bytes, start, length);
    if (seen && recent.fits(limits)) return recent.block!;

    this.#at = start;
    const insertedBefore = table.inserted;
    const sizeBefore = table.size;
    const updated = this.#sizeUpdates(bytes, end);
    const { maxHeaderBytes, maxHeaders } = limits;
    const fields: string[] = [];
    let size = 0;
    let tooLarge = false;
    while (this.#at < end) {
      const first = bytes[this.#at++]!;
      let name: string | undefined;
      let value: string | undefined;
      let cost: number;
      if (first >= 0x80) {
        // Section 6.1, indexed field.
        const index = first === 0xff ? this.#integer(bytes, end, 0x7f) : first & 0x7f;
        if (index <= STATIC_LENGTH) {
          if (index === 0) throw new HpackError("index 0");
          name = STATIC_NAMES[index]!;
          value = STATIC_VALUES[index]!;
        } else {
          const age = index - STATIC_LENGTH - 1;
          if (age >= table.length) throw new HpackError(`index ${index} is not in the table`);
          name = table.nameAt(age);
          value = table.valueAt(age);
        }
        cost = name.length + value.length + ENTRY_OVERHEAD;
      } else {
        // Section 6.2, literal field: with indexing, without, never indexed.
        if ((first & 0xe0) === 0x20) throw new HpackError("table size update behind a field");
        const insert = first >= 0x40;
        let room = (tooLarge ? 0 : maxHeaderBytes - size) - ENTRY_OVERHEAD;
        if (insert && table.maxSize - ENTRY_OVERHEAD > room) room = table.maxSize - ENTRY_OVERHEAD;
        const prefix = insert ? 0x3f : 0x0f;
        const index = (first & prefix) === prefix ? this.#integer(bytes, end, prefix) : first & prefix;
        let nameLength: number;
        if (index === 0) {
          name = this.#string(bytes, end, room);
          nameLength = stringLength;
        } else {
          name = this.#nameOf(index);
          nameLength = name.length;
        }
        value = this.#string(bytes, end, room - nameLength);
        cost = nameLength + stringLength + ENTRY_OVERHEAD;
        if (insert) {
          if (name !== undefined && value !== undefined && cost <= table.maxSize) table.insert(name, value);
          else table.evictTo(0);
        }
      }
      size += cost;
      if (size > maxHeaderBytes || fields.length >= maxHeaders * 2) tooLarge = true;
      if (!tooLarge) fields.push(name as string, value as string);
    }
    if (updated || table.inserted !== insertedBefore || table.size !== sizeBefore) {
      for (const each of this.#recent) each?.forget();
    } else if (!tooLarge && length <= RECENT_BYTES) {
      if (seen) return recent.keep(fields, size);
      (this.#recent[length & RECENT_MASK] ??= new Recent()).note(bytes, start, length);
    }
    return { fields, tooLarge };
  }

  /** Section 6.3: only at the start of a block; due when the limit fell below the table's size. */
  #sizeUpdates(bytes: Uint8Array, end: number): boolean {
    let due = this.#lowest;
    let updated = false;
    while (this.#at < end && (bytes[this.#at]! & 0xe0) === 0x20) {
      const low = bytes[this.#at++]! & 0x1f;
      const size = low === 0x1f ? this.#integer(bytes, end, 0x1f) : low;
      if (size > this.#limit) throw new HpackError(`table size ${size} is above the limit ${this.#limit}`);
      if (size > due && due < this.#table.maxSize) throw new HpackError(`table size ${size} before ${due}`);
      this.#table.resize(size);
      due = this.#limit;
      updated = true;
    }
    if (due < this.#table.maxSize) throw new HpackError("table size update missing");
    this.#lowest = this.#limit;
    return updated;
  }

  #nameOf(index: number): string {
    if (index <= STATIC_LENGTH) return STATIC_NAMES[index]!;
    const age = index - STATIC_LENGTH - 1;
    if (age >= this.#table.length) throw new HpackError(`index ${index} is not in the table`);
    return this.#table.nameAt(age);
  }

  /** Section 5.1, after a prefix whose bits are all ones. More than four octets: no length or index here needs them. */
  #integer(bytes: Uint8Array, end: number, prefix: number): number {
    let value = prefix;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= end) throw new HpackError("truncated integer");
      const byte = bytes[this.#at++]!;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new HpackError("integer overflow");
  }

  /** Section 5.2. Leaves the length in `stringLength`; undefined when it is above `room`, and then nothing was built. */
  #string(bytes: Uint8Array, end: number, room: number): string | undefined {
    if (this.#at >= end) throw new HpackError("truncated field");
    const first = bytes[this.#at++]!;
    const low = first & 0x7f;
    const length = low === 0x7f ? this.#integer(bytes, end, 0x7f) : low;
    const start = this.#at;
    if (length > end - start) throw new HpackError("truncated string");
    this.#at = start + length;
    if (first < 0x80) {
      stringLength = length;
      return length > room ? undefined : latin1(bytes, start, start + length);
    }
    // The shortest code has 5 bits. What passes `room` is decoded, to be checked, but not kept.
    const most = Math.min((length * 8 / 5) | 0, Math.max(room, 0));
    const out = most <= scratch.length ? scratch : new Uint8Array(most);
    stringLength = huffmanDecode(bytes, start, start + length, out, most);
    if (stringLength < 0) throw new HpackError("invalid Huffman code");
    return stringLength > room ? undefined : latin1(out, 0, stringLength);
  }
}

// Blocks of a busy connection repeat. Equal bytes on an unchanged table mean equal fields, and one array for all of
// them: at 10,000 idle streams it is the array that counts. A block is noted when it comes and kept when it comes again,
// so that blocks which never repeat cost little.
const RECENT_MASK = 3;
const RECENT_BYTES = 256;

class Recent {
  block: HeaderBlock | undefined;
  readonly #bytes: Uint8Array = new Uint8Array(RECENT_BYTES);
  #length = -1;
  #size = 0;

  holds(bytes: Uint8Array, start: number, length: number): boolean {
    if (length !== this.#length) return false;
    const mine = this.#bytes;
    for (let i = 0; i < length; i++) {
      if (mine[i] !== bytes[start + i]) return false;
    }
    return true;
  }

  fits(limits: HeaderLimits): boolean {
    return this.block !== undefined && this.#size <= limits.maxHeaderBytes &&
      this.block.fields.length <= limits.maxHeaders * 2;
  }

  note(bytes: Uint8Array, start: number, length: number): void {
    for (let i = 0; i < length; i++) this.#bytes[i] = bytes[start + i]!;
    this.#length = length;
    this.block = undefined;
  }

  keep(fields: Fields, size: number): HeaderBlock {
    this.#size = size;
    return this.block = { fields: Object.freeze(fields), tooLarge: false };
  }

  forget(): void {
    this.#length = -1;
    this.block = undefined;
  }
}

/** Length of the last string read, built or not. */
let stringLength = 0;
const scratch = new Uint8Array(8_192);

const OCTETS: readonly string[] = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet));
const latin1Slice = Buffer.prototype.latin1Slice;

/** One character per octet. `TextDecoder` has no such encoding (its latin1 is windows-1252); below 7 characters a concatenation is faster. */
function latin1(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > 6) return latin1Slice.call(bytes as Buffer, start, end);
  let text = "";
  while (start < end) text += OCTETS[bytes[start++]!];
  return text;
}
