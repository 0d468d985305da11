/** How a transport gets the bytes of its socket. @module */
import type { Buffer } from "node:buffer";
import type { TLSSocket } from "node:tls";
import { currentRuntime } from "../runtime.ts";

/** What `connect` takes as `onread`: `node:net` documents it, `node:tls` hands it on. */
export interface OnRead {
  buffer(): Uint8Array;
  callback(bytesWritten: number, buffer: Uint8Array): boolean;
}

/** Takes bytes; `"used"` gives their memory back. */
type Take = (chunk: Uint8Array) => "used" | void;

/** One TLS record: it stays in the processor's cache, which larger ones do not. */
const SIZE = 16_384;
/** Smaller reads are copied: who keeps one byte must not hold a whole buffer. */
const WORTH_LENDING = 2_048;

/**
 * One buffer for all that a socket reads, for as long as nobody keeps what is in it. A new one for each read, as `data`
 * events have it, costs the receiver of bulk 15 % (Node) and 10 % (Deno) more CPU time, though it is freed at once.
 * Only for sockets that we open: a server's are made by `node:tls`, which passes no `onread` on.
 */
export class SharedReads {
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(SIZE);
  /** Copies of what came before `start`. */
  #early: Uint8Array[] = [];
  #take: Take | undefined;

  readonly onread: OnRead = {
    buffer: () => this.#buffer,
    callback: (length, bytes) => this.#read(length, bytes),
  };

  start(socket: TLSSocket, take: Take): void {
    // Not within `start`: the transport promises that.
    queueMicrotask(() => {
      this.#take = take;
      for (const chunk of this.#early) take(chunk);
      this.#early = [];
      socket.resume();
    });
  }

  /** False stops the socket until `resume`. */
  #read(length: number, bytes: Uint8Array): boolean {
    const take = this.#take;
    if (take === undefined) {
      this.#early.push(this.#buffer.slice(0, length));
      return false;
    }
    if (length < WORTH_LENDING) take(this.#buffer.slice(0, length));
    else if (take(length === bytes.length ? bytes : bytes.subarray(0, length)) !== "used") {
      this.#buffer = new Uint8Array(SIZE);
    }
    return true;
  }
}

/**
 * For a socket that is about to be opened; undefined where it gains nothing. Bun 1.4 copies into the buffer what it has
 * read into another, and reads up to 512 KiB at once, which the buffer would cut into pieces.
 */
export function sharedReads(): SharedReads | undefined {
  return currentRuntime().name === "bun" ? undefined : new SharedReads();
}

/** Smaller ones cost less than the call. */
const WORTH_FREEING = 4_096;

/** Bytes by `data` events, each in a buffer of its own. */
export function ownReads(socket: TLSSocket, take: Take): void {
  socket.on("data", (chunk: Buffer) => {
    if (take(chunk) === "used") free(chunk);
  });
}

/**
 * What a socket reads is outside the heap: 16 KiB for each read on Node, 64 on Deno, up to 512 on Bun. Left to the garbage
 * collector it makes Node collect the whole heap for every 64 MB. Node 26 reads into parts of a buffer of its own, which
 * is not ours to free.
 */
function free(chunk: Uint8Array): void {
  const { buffer } = chunk;
  if (chunk.length === buffer.byteLength && chunk.length >= WORTH_FREEING) (buffer as ArrayBuffer).transfer(0);
}
