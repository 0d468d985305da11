/** {@linkcode Transport} over a `node:tls` socket, on every runtime. @module */
import type { TLSSocket } from "node:tls";
import type { Clock, ClockTimer, NetAddr, TlsState } from "../contract.ts";
import type { Transport, TransportSink } from "./transport.ts";
import { netAddr } from "./net_addr.ts";

/** How long the peer may take to follow our FIN. */
const FIN_TIMEOUT = 1_000;

/** Wraps a socket whose handshake is done. It is paused until `start`. */
export function nodeTransport(socket: TLSSocket, tls: TlsState, clock: Clock): Transport {
  return new NodeTransport(socket, tls, clock);
}

class NodeTransport implements Transport {
  readonly localAddr: NetAddr;
  readonly remoteAddr: NetAddr;
  readonly tls: TlsState;
  readonly #socket: TLSSocket;
  readonly #clock: Clock;
  readonly #wrote: (error?: Error | null) => void;
  #sink: TransportSink | undefined;
  #closed = false;
  #ending = false;
  #error: Error | undefined;
  #timer: ClockTimer | undefined;

  constructor(socket: TLSSocket, tls: TlsState, clock: Clock) {
    this.#socket = socket;
    this.tls = tls;
    this.#clock = clock;
    this.localAddr = netAddr(socket.localAddress, socket.localPort);
    this.remoteAddr = netAddr(socket.remoteAddress, socket.remotePort);
    // One function for every write. A failed write is followed by `error` or `close`, which tell the sink.
    this.#wrote = (error) => {
      if (!error && !this.#closed) this.#sink?.wrote();
    };
    socket.setNoDelay(true);
    // For the whole life: a socket error without a listener would end the process, and peers can cause one at any time.
    socket.on("error", (error: Error) => this.#finish(this.#ending ? undefined : error));
    socket.on("close", () => this.#finish(undefined));
  }

  start(sink: TransportSink): void {
    this.#sink = sink;
    if (this.#closed) {
      queueMicrotask(() => sink.closed(this.#error));
      return;
    }
    this.#socket.on("end", () => this.#finish(undefined));
    this.#socket.on("data", (chunk: Uint8Array) => {
      if (!this.#closed) sink.data(chunk);
    });
  }

  write(data: Uint8Array): void {
    if (!this.#closed) this.#socket.write(data, this.#wrote);
  }

  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    this.#timer = this.#clock.timer(FIN_TIMEOUT, () => this.#finish(undefined));
    this.#timer.unref();
    this.#socket.end();
  }

  destroy(): void {
    this.#finish(undefined);
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  /**
   * The socket is destroyed even after a mere FIN: HTTP/2 has no use for half a connection, and nothing may be read from
   * the sink's write buffers once it was told of the end.
   */
  #finish(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    this.#timer?.cancel();
    this.#socket.destroy();
    this.#sink?.closed(error);
  }
}
