/** HTTP/2 frames as bytes and back, for tests at the level of frames. Independent of the engine. @module */

export const DATA = 0, HEADERS = 1, PRIORITY = 2, RST_STREAM = 3, SETTINGS = 4, PUSH_PROMISE = 5;
export const PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8, CONTINUATION = 9;
export const END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8, PRIORITIZED = 32;

const NAMES = [
  "DATA",
  "HEADERS",
  "PRIORITY",
  "RST_STREAM",
  "SETTINGS",
  "PUSH_PROMISE",
  "PING",
  "GOAWAY",
  "WINDOW_UPDATE",
  "CONTINUATION",
];

export const PREFACE: Uint8Array = utf8("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Uint8Array;
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

export function frame(type: number, flags: number, id: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const length = payload.length;
  return concat(Uint8Array.of(length >>> 16, length >>> 8, length, type, flags), uint32(id), payload);
}

/** Names and values by turns as literals without indexing (RFC 7541 section 6.2.2): needs no table and no Huffman code. */
export function block(...fields: readonly string[]): Uint8Array {
  const bytes: number[] = [];
  for (let i = 0; i < fields.length; i++) {
    if (i % 2 === 0) bytes.push(0);
    const octets = utf8(fields[i]!);
    if (octets.length < 127) bytes.push(octets.length);
    else {
      bytes.push(127);
      let rest = octets.length - 127;
      for (; rest > 127; rest >>>= 7) bytes.push(128 | rest & 127);
      bytes.push(rest);
    }
    for (const octet of octets) bytes.push(octet);
  }
  return Uint8Array.from(bytes);
}

export const REQUEST: readonly string[] = [":method", "POST", ":scheme", "https", ":path", "/", ":authority", "a"];

export function headers(id: number, fields: readonly string[] = REQUEST, flags: number = 0): Uint8Array {
  return frame(HEADERS, END_HEADERS | flags, id, block(...fields));
}

export function data(id: number, payload: string | Uint8Array, flags: number = 0): Uint8Array {
  return frame(DATA, flags, id, typeof payload === "string" ? utf8(payload) : payload);
}

/** DATA with `padding` bytes behind the payload. */
export function padded(id: number, payload: string, padding: number, flags: number = 0): Uint8Array {
  return frame(DATA, PADDED | flags, id, concat(Uint8Array.of(padding), utf8(payload), new Uint8Array(padding)));
}

export function settings(values: Readonly<Record<number, number>> = {}): Uint8Array {
  const entries = Object.entries(values).map(([name, value]) => concat(Uint8Array.of(0, Number(name)), uint32(value)));
  return frame(SETTINGS, 0, 0, concat(...entries));
}

export function settingsAck(): Uint8Array {
  return frame(SETTINGS, ACK, 0);
}

export function reset(id: number, code: number): Uint8Array {
  return frame(RST_STREAM, 0, id, uint32(code));
}

export function ping(opaque: number = 0, flags: number = 0): Uint8Array {
  return frame(PING, flags, 0, concat(uint32(0), uint32(opaque)));
}

export function goaway(lastId: number, code: number): Uint8Array {
  return frame(GOAWAY, 0, 0, concat(uint32(lastId), uint32(code)));
}

export function windowUpdate(id: number, increment: number): Uint8Array {
  return frame(WINDOW_UPDATE, 0, id, uint32(increment));
}

/** All frames of `bytes`; throws when the last one is not whole. */
export function parseFrames(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const length = view.getUint32(0) >>> 8;
    const end = at + 9 + length;
    if (end > bytes.length) throw new Error("not a whole frame");
    frames.push({
      type: view.getUint8(3),
      flags: view.getUint8(4),
      id: view.getUint32(5) & 0x7fffffff,
      payload: bytes.slice(at + 9, end),
    });
    at = end;
  }
  return frames;
}

/** A frame in one line: "DATA 1 END hello", "RST_STREAM 1 8", "GOAWAY 0 1". Header blocks by their length only. */
export function show({ type, flags, id, payload }: Frame): string {
  const number = (at: number): number => new DataView(payload.buffer, payload.byteOffset).getUint32(at);
  const name = NAMES[type] ?? `type ${type}`;
  const end = (flags & END_STREAM) !== 0 ? " END" : "";
  switch (type) {
    case DATA:
      return `DATA ${id}${end} ${payload.length > 32 ? payload.length : new TextDecoder().decode(payload)}`.trimEnd();
    case HEADERS:
      return `HEADERS ${id}${end}`;
    case SETTINGS:
      return (flags & ACK) !== 0 ? "SETTINGS ACK" : "SETTINGS";
    case RST_STREAM:
    case WINDOW_UPDATE:
      return `${name} ${id} ${number(0)}`;
    case PING:
      return (flags & ACK) !== 0 ? `PING ACK ${number(4)}` : "PING";
    case GOAWAY:
      return `GOAWAY ${number(0)} ${number(4)}`;
    default:
      return `${name} ${id}`;
  }
}
