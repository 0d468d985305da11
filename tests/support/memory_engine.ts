/**
 * The portable engine over a network in memory: for tests of what stands on an engine, with a clock of their own.
 * Bytes travel by microtask, so that no time passes; links can be frozen and cut. @module
 */
import { ConnectError, type Engine, type Listener, type NetAddr, type TlsState } from "../../src/adapter/contract.ts";
import { engineOver } from "../../src/adapter/http2/engine_over.ts";
import type { DialOptions } from "../../src/adapter/tls/dial.ts";
import type { ListenTlsOptions } from "../../src/adapter/tls/listen.ts";
import type { Transport, TransportSink } from "../../src/adapter/tls/transport.ts";

/** One connection of the network. */
export interface MemoryLink {
  readonly client: Transport;
  readonly server: Transport;
  /** Nothing arrives any more on either side, and nothing is reported: a frozen peer, a cable cut. */
  freeze(): void;
  /** What was held back arrives. */
  thaw(): void;
  /** Both sides are told that the connection is gone. */
  cut(error?: Error): void;
}

/** An engine and its network. */
export interface MemoryEngine extends Engine {
  /** Connections that are open at either end, oldest first. */
  readonly links: readonly MemoryLink[];
  /** What dialling does before it looks for a listener: throw or reject to make it fail, wait to make it slow. */
  dialing: ((options: DialOptions) => unknown) | undefined;
  /** The address that the next client comes from. Default 127.0.0.1. */
  clientHost: string;
}

/** A transport pair: what one writes the other reads, in pieces of at most `piece` bytes. */
export function memoryLink(client: NetAddr, server: NetAddr, piece = Infinity): MemoryLink {
  const a = new MemoryTransport(client, server, piece);
  const b = new MemoryTransport(server, client, piece);
  a.peer = b;
  b.peer = a;
  return {
    client: a,
    server: b,
    freeze() {
      a.frozen = b.frozen = true;
    },
    thaw() {
      a.frozen = b.frozen = false;
      a.schedule();
      b.schedule();
    },
    cut(error = new Error("read ECONNRESET")) {
      a.finish(error);
      b.finish(error);
    },
  };
}

/** An engine with a network of its own. */
export function memoryEngine(): MemoryEngine {
  const listeners = new Map<number, { options: ListenTlsOptions; pending: Set<{ fail(error: Error): void }> }>();
  const links: MemoryLink[] = [];
  let nextPort = 20_000;

  async function dial(options: DialOptions): Promise<Transport> {
    await engine.dialing?.(options);
    const place = `${options.hostname}:${options.port}`;
    if (options.signal?.aborted) throw new ConnectError("aborted", `Cannot connect to ${place}: aborted`);
    const listener = listeners.get(options.port);
    if (listener === undefined) throw new ConnectError("refused", `Cannot connect to ${place}: nobody listens`);
    const client = address(engine.clientHost, nextPort++);
    const link = memoryLink(client, address(options.hostname, options.port));
    const { admit, accept, failed, clock, handshakeTimeout, maxHandshakes } = listener.options;
    const refused = !admit(client);
    if (refused || listener.pending.size >= maxHandshakes) {
      if (!refused) failed(client, new Error("too many handshakes"));
      throw new ConnectError("reset", `Cannot connect to ${place}: cut at once`);
    }
    links.push(link);
    const handshake = {
      done() {
        if (listener.pending.delete(handshake)) timer.cancel();
      },
      fail(error: Error) {
        if (!listener.pending.delete(handshake)) return;
        timer.cancel();
        link.server.destroy();
        failed(client, error);
      },
    };
    const timer = clock.timer(handshakeTimeout, () => handshake.fail(new Error("handshake timeout")));
    listener.pending.add(handshake);
    const [near, far] = [link.client, link.server] as MemoryTransport[];
    near!.onClosed = () => forget();
    far!.onClosed = () => {
      forget();
      handshake.fail(new Error("closed during the handshake"));
    };
    const forget = (): void => {
      const at = links.indexOf(link);
      if (at >= 0 && near!.closed && far!.closed) links.splice(at, 1);
    };
    accept(link.server, handshake);
    return link.client;
  }

  function listen(options: ListenTlsOptions): Promise<Listener> {
    const port = options.port === 0 ? nextPort++ : options.port;
    if (listeners.has(port)) {
      return Promise.reject(Object.assign(new Error(`listen EADDRINUSE: ${port}`), { code: "EADDRINUSE" }));
    }
    const listener = { options, pending: new Set<{ fail(error: Error): void }>() };
    listeners.set(port, listener);
    return Promise.resolve({
      addr: address(options.hostname, port),
      close() {
        if (listeners.get(port) === listener) listeners.delete(port);
        for (const handshake of [...listener.pending]) handshake.fail(new Error("the listener was closed"));
        return Promise.resolve();
      },
      renew() {},
      ref() {},
      unref() {},
    });
  }

  const engine: MemoryEngine = {
    ...engineOver({ dial, listen }),
    links,
    dialing: undefined,
    clientHost: "127.0.0.1",
  };
  return engine;
}

function address(hostname: string, port: number): NetAddr {
  return { transport: "tcp", hostname, port };
}

const TLS: TlsState = { protocol: "TLSv1.3", cipher: "memory", alpn: "h2", authorized: true };

class MemoryTransport implements Transport {
  readonly localAddr: NetAddr;
  readonly remoteAddr: NetAddr;
  readonly tls: TlsState = TLS;
  peer!: MemoryTransport;
  frozen = false;
  onClosed: (() => void) | undefined;
  readonly #piece: number;
  #sink: TransportSink | undefined;
  /** What the peer has written and nobody has read; undefined is its FIN. */
  readonly #incoming: (Uint8Array | undefined)[] = [];
  #scheduled = false;
  closed = false;
  #error: Error | undefined;

  constructor(localAddr: NetAddr, remoteAddr: NetAddr, piece: number) {
    this.localAddr = localAddr;
    this.remoteAddr = remoteAddr;
    this.#piece = piece;
  }

  start(sink: TransportSink): void {
    this.#sink = sink;
    if (this.closed) queueMicrotask(() => sink.closed(this.#error));
    this.schedule();
  }

  write(data: Uint8Array): void {
    if (this.closed) return;
    this.peer.#incoming.push(data);
    this.peer.schedule();
  }

  end(): void {
    if (this.closed) return;
    this.peer.#incoming.push(undefined);
    this.peer.schedule();
  }

  destroy(): void {
    if (this.closed) return;
    // What was written before may still arrive, as on a socket.
    this.peer.#incoming.push(undefined);
    this.peer.schedule();
    this.finish(undefined);
  }

  ref(): void {}
  unref(): void {}

  schedule(): void {
    if (this.#scheduled || this.frozen || this.closed || this.#sink === undefined || this.#incoming.length === 0) {
      return;
    }
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.frozen || this.closed) return;
      const data = this.#incoming.shift();
      if (data === undefined) {
        this.finish(undefined);
        this.peer.finish(undefined);
        return;
      }
      for (let at = 0; at < data.length && !this.closed; at += this.#piece) {
        this.#sink!.data(data.slice(at, Math.min(data.length, at + this.#piece)));
      }
      this.peer.#wrote();
      this.schedule();
    });
  }

  #wrote(): void {
    if (!this.closed && !this.frozen) this.#sink?.wrote();
  }

  finish(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.#error = error;
    this.#sink?.closed(error);
    this.onClosed?.();
  }
}
