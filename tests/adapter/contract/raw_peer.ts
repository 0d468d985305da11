/** A peer that says over TLS exactly what a test wants, frame by frame or worse. @module */
import { Buffer } from "node:buffer";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import type { Fields } from "../../../src/adapter/contract.ts";
import * as certs from "../../support/certs.ts";
import type { TestContext } from "../../support/harness.ts";

export const DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8;
export const END_STREAM = 1, ACK = 1, END_HEADERS = 4;
export const PREFACE: Uint8Array = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** A frame as it was read. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** One connection of a raw peer. */
export interface RawPeer {
  readonly socket: TLSSocket;
  send(...parts: Uint8Array[]): void;
  /** The next frame of this type; others before it are passed over. Rejects when the connection ends without. */
  frame(type: number): Promise<Frame>;
  /** Resolves when the other side, or an error, has ended the connection. */
  readonly closed: Promise<void>;
}

/** The bytes of a frame. */
export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array | readonly number[] = [],
): Uint8Array {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, Uint8Array.from(payload)]);
}

/** Numbers of four bytes each. */
export function words(...values: number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => bytes.writeUInt32BE(value >>> 0, i * 4));
  return bytes;
}

/** Fields without index and without Huffman (RFC 7541 section 6.2.2). */
export function block(fields: Fields): Uint8Array {
  const parts: Uint8Array[] = [];
  fields.forEach((text, i) => {
    const bytes = Buffer.from(text, "latin1");
    if (bytes.length > 126) throw new RangeError("a longer string needs a longer length");
    parts.push(Uint8Array.from(i % 2 === 0 ? [0, bytes.length] : [bytes.length]), bytes);
  });
  return Buffer.concat(parts);
}

export const settings: Uint8Array = frame(SETTINGS, 0, 0);
export const settingsAck: Uint8Array = frame(SETTINGS, ACK, 0);
export function headers(id: number, fields: Fields, flags: number = END_HEADERS): Uint8Array {
  return frame(HEADERS, flags, id, block(fields));
}
export const request: Fields = [":method", "POST", ":scheme", "https", ":authority", "localhost", ":path", "/"];
export const ok: Fields = [":status", "200"];

/** A TLS server with ALPN h2. `next` gives its connections as they come. */
export async function rawServer(t: TestContext): Promise<{ port: number; next(): Promise<RawPeer> }> {
  const waiting: ((peer: RawPeer) => void)[] = [], come: RawPeer[] = [];
  const sockets = new Set<Socket>();
  const { cert, key } = certs.server;
  const server = createServer({ cert, key, ALPNProtocols: ["h2"], minVersion: "TLSv1.3" }, (socket) => {
    const peer = rawPeer(socket);
    const taker = waiting.shift();
    if (taker === undefined) come.push(peer);
    else taker(peer);
  });
  server.on("connection", (socket: Socket) => {
    socket.on("error", () => {});
    sockets.add(socket);
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.cleanup(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    next: () =>
      come.length > 0 ? Promise.resolve(come.shift() as RawPeer) : new Promise((resolve) => waiting.push(resolve)),
  };
}

/** A TLS client with ALPN h2, which has said nothing yet. */
export async function rawClient(t: TestContext, port: number): Promise<RawPeer> {
  const options = { host: "127.0.0.1", port, servername: "localhost", ca: certs.ca, ALPNProtocols: ["h2"] };
  const socket = connect({ ...options, minVersion: "TLSv1.3" });
  t.cleanup(() => socket.destroy());
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  return rawPeer(socket);
}

function rawPeer(socket: TLSSocket): RawPeer {
  let bytes: Buffer = Buffer.alloc(0);
  let prefaced = false, over = false;
  let wake = (): void => {};
  socket.on("error", () => {});
  // Frames of a test are small, and Deno waits 40 ms to send the second one.
  socket.setNoDelay(true);
  socket.on("data", (chunk: Uint8Array) => {
    bytes = Buffer.concat([bytes, chunk]);
    wake();
  });
  const closed = new Promise<void>((resolve) =>
    socket.on("close", () => {
      over = true;
      wake();
      resolve();
    })
  );
  socket.on("end", () => socket.destroy());
  const take = (): Frame | undefined => {
    if (!prefaced) {
      if (bytes.subarray(0, 3).toString() === "PRI") {
        if (bytes.length < PREFACE.length) return undefined;
        bytes = bytes.subarray(PREFACE.length);
      }
      if (bytes.length > 0) prefaced = true;
    }
    if (bytes.length < 9) return undefined;
    const end = 9 + bytes.readUIntBE(0, 3);
    if (bytes.length < end) return undefined;
    const taken = { type: bytes[3]!, flags: bytes[4]!, id: bytes.readUInt32BE(5), payload: bytes.subarray(9, end) };
    bytes = bytes.subarray(end);
    return taken;
  };
  return {
    socket,
    closed,
    send: (...parts) => void socket.write(Buffer.concat(parts)),
    async frame(type) {
      for (;;) {
        const next = take();
        if (next?.type === type) return next;
        if (next !== undefined) continue;
        if (over) throw new Error(`The connection ended without a frame of type ${type}`);
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
  };
}
