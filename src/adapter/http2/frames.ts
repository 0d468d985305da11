/**
 * Frames on the wire: types, flags, settings (RFC 9113 sections 4, 6 and 6.5.2), and the writing of a frame's head. @module
 */

export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const PRIORITIZED = 0x20;

export const SETTINGS_HEADER_TABLE_SIZE = 1;
export const SETTINGS_ENABLE_PUSH = 2;
export const SETTINGS_MAX_CONCURRENT_STREAMS = 3;
export const SETTINGS_INITIAL_WINDOW_SIZE = 4;
export const SETTINGS_MAX_FRAME_SIZE = 5;
export const SETTINGS_MAX_HEADER_LIST_SIZE = 6;

/** Bytes of a frame's head. */
export const HEAD = 9;
/** The largest window and the largest stream identifier. */
export const MAX_31 = 0x7fffffff;
/** Flow-control window before any SETTINGS (section 6.9.2). */
export const DEFAULT_WINDOW = 65_535;
/** Frame payload that every endpoint takes (section 4.2). */
export const MIN_MAX_FRAME = 16_384;
export const MAX_MAX_FRAME = 16_777_215;

/** What a client says first (section 3.4). */
export const PREFACE: Uint8Array = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Writes the nine bytes before a payload of `length` bytes. */
export function writeHead(into: Uint8Array, at: number, length: number, type: number, flags: number, id: number): void {
  into[at] = length >>> 16;
  into[at + 1] = length >>> 8;
  into[at + 2] = length;
  into[at + 3] = type;
  into[at + 4] = flags;
  into[at + 5] = id >>> 24;
  into[at + 6] = id >>> 16;
  into[at + 7] = id >>> 8;
  into[at + 8] = id;
}

/** Writes a 32-bit number, most significant byte first. */
export function writeUint32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

/** Reads a 32-bit number without sign. */
export function readUint32(from: Uint8Array, at: number): number {
  return ((from[at]! << 24) | (from[at + 1]! << 16) | (from[at + 2]! << 8) | from[at + 3]!) >>> 0;
}

/** Reads a 31-bit number; the reserved bit is ignored on receipt. */
export function readUint31(from: Uint8Array, at: number): number {
  return ((from[at]! & 0x7f) << 24) | (from[at + 1]! << 16) | (from[at + 2]! << 8) | from[at + 3]!;
}
