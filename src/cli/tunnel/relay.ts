/** Joins a TCP connection and a pooled stream. @module */
import type { TcpConnection } from "../../adapter/tcp.ts";
import type { PoolStream } from "../../streams/mod.ts";

/** What went through a relay. */
export interface Traffic {
  /** Bytes from TCP into the stream. */
  sent: number;
  /** Bytes out of the stream to TCP. */
  received: number;
  /** Whether a byte went either way since somebody cleared it. */
  busy: boolean;
}

/** Whether an end of the stream is one: resolves when it is, rejects when the other side never joined it with anything. */
export type Meant = Promise<void>;

/**
 * Carries bytes both ways until both sides have ended. A half-close stays one; an error on one side is a reset on the
 * other. Resolves when both are over in order, rejects with what broke. An end of the stream is passed on once it is known
 * to be `meant`: also who never took the stream ends it in order when it goes.
 */
export async function relay(
  tcp: TcpConnection,
  stream: PoolStream,
  traffic: Traffic,
  meant: Meant = Promise.resolve(),
): Promise<void> {
  const broken: { readonly error: unknown }[] = [];
  const cut = (error: unknown): void => {
    broken.push({ error });
    tcp.abort();
    stream.abort(error);
  };
  await Promise.all([
    toStream(tcp, stream, traffic).catch(cut),
    toTcp(stream, tcp, traffic, meant).catch(cut),
  ]);
  await Promise.all([tcp.closed, stream.closed]);
  if (broken[0] !== undefined) throw broken[0].error;
}

/** Sizes of the buffer that takes what a stream has: small while little comes (memory), large for bulk (speed). */
const SMALL = 4 * 1024;
const LARGE = 64 * 1024;
/** Reads in a row that would have fitted the small buffer, until it comes back. */
const CALM = 64;

async function toStream(tcp: TcpConnection, stream: PoolStream, traffic: Traffic): Promise<void> {
  for (let chunk = await tcp.read(); chunk !== null; chunk = await tcp.read()) {
    await stream.write(chunk);
    traffic.sent += chunk.length;
    traffic.busy = true;
  }
  await stream.closeWrite();
}

async function toTcp(stream: PoolStream, tcp: TcpConnection, traffic: Traffic, meant: Meant): Promise<void> {
  let buffer = new Uint8Array(SMALL);
  let calm = 0;
  for (let n = await stream.read(buffer); n !== null; n = await stream.read(buffer)) {
    await tcp.write(buffer.subarray(0, n));
    traffic.received += n;
    traffic.busy = true;
    calm = n < SMALL ? calm + 1 : 0;
    if (n === SMALL && buffer.length === SMALL) buffer = new Uint8Array(LARGE);
    else if (calm >= CALM && buffer.length === LARGE) buffer = new Uint8Array(SMALL);
  }
  // Or this connection is over anyhow.
  await Promise.race([meant, tcp.closed]);
  tcp.closeWrite();
}
