/** {@linkcode Transport} over a `node:tls` socket, on every runtime. @module */
import type { TLSSocket } from "node:tls";
import type { Clock, ClockTimer, NetAddr, TlsState } from "../contract.ts";
import type { Transport, TransportSink } from "./transport.ts";
import { netAddr } from "./net_addr.ts";
import { ownReads, type SharedReads } from "./reading.ts";

/** After `end`, how long without a sign of life (a byte read, a write taken) until the peer is not waited for any more... */
const FIN_TIMEOUT = 1_000;
/** ...and while the system has not taken everything yet: a slow link needs time, a frozen peer must not hold us for ever. */
const FLUSH_TIMEOUT = 10_000;
/** How long the socket is kept, unseen, after that. To close it would answer whatever still comes with a reset, which undoes what is still on its way. */
const LINGER = 10_000;

/** Wraps a socket whose handshake is done. It is paused until `start`. `reads`: what the socket was opened with. */
export function nodeTransport(socket: TLSSocket, tls: TlsState, clock: Clock, reads?: SharedReads): Transport {
  return new NodeTransport(socket, tls, clock, reads);
}

class NodeTransport implements Transport {
  readonly localAddr: NetAddr;
  readonly remoteAddr: NetAddr;
  readonly tls: TlsState;
  readonly #socket: TLSSocket;
  readonly #clock: Clock;
  readonly #wrote: (error?: Error | null) => void;
  readonly #reads: SharedReads | undefined;
  #sink: TransportSink | undefined;
  #closed = false;
  #ending = false;
  /** Writes that the system has not taken yet. */
  #unanswered = 0;
  #lingering = false;
  #error: Error | undefined;
  #timer: ClockTimer | undefined;

  constructor(socket: TLSSocket, tls: TlsState, clock: Clock, reads: SharedReads | undefined) {
    this.#socket = socket;
    this.#reads = reads;
    this.tls = tls;
    this.#clock = clock;
    this.localAddr = netAddr(socket.localAddress, socket.localPort);
    this.remoteAddr = netAddr(socket.remoteAddress, socket.remotePort);
    // One function for every write. A failed write is followed by `error` or `close`, which tell the sink.
    this.#wrote = (error) => {
      this.#unanswered--;
      if (error || this.#closed) return;
      if (this.#ending) this.#wait();
      this.#sink?.wrote();
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
    const take = (chunk: Uint8Array): "used" | void => {
      if (this.#closed) return "used";
      if (this.#ending) this.#wait();
      return sink.data(chunk);
    };
    if (this.#reads === undefined) ownReads(this.#socket, take);
    else this.#reads.start(this.#socket, take);
  }

  write(data: Uint8Array): void {
    if (this.#closed) return;
    this.#unanswered++;
    this.#socket.write(data, this.#wrote);
  }

  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    this.#socket.end();
    this.#wait();
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

  /** Gives the peer its time to follow our FIN, again from now. */
  #wait(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.timer(this.#unanswered > 0 ? FLUSH_TIMEOUT : FIN_TIMEOUT, this.#leave);
    this.#timer.unref();
  }

  #leave = (): void => {
    if (this.#unanswered === 0) {
      this.#lingering = true;
      this.#socket.unref();
    }
    this.#finish(undefined);
  };

  /**
   * The socket is destroyed even after a mere FIN: HTTP/2 has no use for half a connection, and nothing may be read from
   * the sink's write buffers once it was told of the end.
   */
  #finish(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    this.#timer?.cancel();
    if (this.#lingering) this.#linger();
    else this.#socket.destroy();
    this.#sink?.closed(error);
  }

  #linger(): void {
    const timer = this.#clock.timer(LINGER, () => this.#socket.destroy());
    timer.unref();
    this.#socket.on("close", () => timer.cancel());
  }
}
