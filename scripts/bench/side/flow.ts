/**
 * What every implementation under measurement offers to the workloads, in its own natural style: an event stream, the
 * `read`/`write` of a pool stream, a web stream, a channel. The loops over bytes belong to the implementation, so that
 * nothing is measured but it.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** What the server side does with a stream. `sink` answers with what it counted, `source` sends, `echo` sends back. */
export type Command = "sink" | "source" | "echo";

/** One stream, seen from the client. Calls are made in the order begin, send and receive or bounce, finish. */
export interface Flow {
  /** Tells the server what to do; `total` is what one direction will carry. Inside the measured time. */
  begin(command: Command, total: number): void;
  /** Sends `total` bytes in pieces of 64 KiB, then ends our side. */
  send(total: number): Promise<void>;
  /** Counts bytes to the end of the peer's side (a raw socket: until `total` are there). */
  receive(total: number): Promise<number>;
  /** Sends `size` bytes and waits for as many to come back, `times` over, on a stream that echoes. */
  bounce(size: number, times: number): Promise<void>;
  /** What the sink counted. */
  answer(): Promise<number>;
  /** Ends what is still open. */
  finish(): void;
}

/** The client process of one implementation. */
export interface ClientPeer {
  /** Makes a stream ready; outside the measured time (a raw socket connects here, a pool hands one out). */
  flow(): Promise<Flow>;
  /** Opens a stream, sends a byte, gets the 4 bytes of the answer and both ends; resolves with what it counted. */
  exchange?(): Promise<number>;
  /** Opens streams until `count` stand open and idle on both sides. */
  hold?(count: number): Promise<void>;
  /** How many streams this side has opened so far, where it opens them ahead of their use. */
  opened?(): number;
  close(): Promise<void> | void;
}

/** The server process of one implementation. */
export interface ServerPeer {
  readonly port: number;
}

/** Where the certificates are, and what this implementation needs beside. */
export interface PeerOptions {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Streams of the memory measure are pooled and left alone, all others are taken and served. */
  readonly purpose: "traffic" | "idle";
}

/** A module of this folder. */
export interface Implementation {
  serve(options: PeerOptions): Promise<ServerPeer>;
  connect(options: PeerOptions, port: number): Promise<ClientPeer>;
}

/** The piece that bulk measures write. Never changed. */
export const PIECE: Buffer = Buffer.alloc(65_536, 98);
/** The answer to a one-byte request. */
export const ANSWER: Buffer = Buffer.from("abcd");

/** A command as the first 16 bytes of a stream, for transports without header fields. */
export function commandBytes(command: Command, total: number): Buffer {
  return Buffer.from(`${command[1]} ${total}`.padEnd(16));
}
export function parseCommand(bytes: Uint8Array): { command: Command; total: number } {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString("latin1");
  const command = ({ i: "sink", o: "source", c: "echo" } as const)[text[0] ?? ""];
  if (command === undefined) throw new Error(`no command: ${JSON.stringify(text)}`);
  return { command, total: Number(text.slice(2)) };
}
/** A count as 16 bytes, the answer of a sink. */
export function countBytes(count: number): Buffer {
  return Buffer.from(String(count).padEnd(16));
}

/** A client's part of an echo: what to do with each chunk. Sends a message of `size` bytes whenever one has come back whole, `times` in all. */
export function bouncing(
  size: number,
  times: number,
  write: (message: Buffer) => unknown,
  done: () => void,
): (chunk: Uint8Array) => void {
  const message = PIECE.subarray(0, size);
  let got = 0;
  let bounced = 0;
  write(message);
  return (chunk) => {
    got += chunk.length;
    if (got < size) return;
    got -= size;
    if (++bounced === times) done();
    else write(message);
  };
}

/** What to do with the chunks of a sink's answer, 16 bytes. */
export function answering(done: (count: number) => void): (chunk: Uint8Array) => void {
  let text = "";
  return (chunk) => {
    text += String.fromCharCode(...chunk);
    if (text.length === 16) done(Number(text));
  };
}
