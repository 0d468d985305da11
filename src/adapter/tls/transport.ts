/**
 * A connected TLS socket behind the smallest interface that serves a sans-I/O engine. @module
 */
import type { NetAddr, TlsState } from "../contract.ts";

/** Who hears of a transport. */
export interface TransportSink {
  /** Bytes; the buffer is the sink's, it is never written to again. */
  data(chunk: Uint8Array): void;
  /** The oldest `write` has left: its buffer may be reused. */
  wrote(): void;
  /** Exactly once, last: FIN, reset, error or `destroy`. Undefined for a FIN (an end-of-file that TLS confirmed) and for our own `end`. */
  closed(error: Error | undefined): void;
}

export interface Transport {
  readonly localAddr: NetAddr;
  readonly remoteAddr: NetAddr;
  readonly tls: TlsState;
  /** Called once; nothing is delivered before. */
  start(sink: TransportSink): void;
  /** Sends; `sink.wrote()` answers each, in order, never before this returned. */
  write(data: Uint8Array): void;
  /** FIN after what was written; the socket is destroyed when the peer does not follow within a second. */
  end(): void;
  destroy(): void;
  ref(): void;
  unref(): void;
}
