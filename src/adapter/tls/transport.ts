/**
 * A connected TLS socket behind the smallest interface that serves a sans-I/O engine. @module
 */
import type { NetAddr, TlsState } from "../contract.ts";

/** Who hears of a transport. */
export interface TransportSink {
  /** Bytes; the buffer is the sink's, it is never written to again. `"used"` gives it back: it may be freed at once. */
  data(chunk: Uint8Array): "used" | void;
  /** The oldest `write` has left: its buffer may be reused. */
  wrote(): void;
  /**
   * Exactly once, last: FIN, reset, error or `destroy`. Undefined for an end-of-file and after our own `end`. No proof
   * of an orderly end: no runtime tells whether TLS confirmed the end-of-file, and Deno's `node:tls` takes a reset for one.
   */
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
  /** FIN after what was written. A peer that neither follows nor shows a sign of life within a second is not waited for. */
  end(): void;
  destroy(): void;
  ref(): void;
  unref(): void;
}
