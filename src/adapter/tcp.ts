/**
 * Plain TCP for what a tunnel publishes: bytes with backpressure, half-close, and a reset that never looks like an end.
 * @module
 */
import { connect, createServer, type Server, type Socket, type TcpNetConnectOpts } from "node:net";
import { setImmediate } from "node:timers";
import type { NetAddr } from "./contract.ts";
import { currentRuntime } from "./runtime.ts";

/** A TCP connection. `read` and `write` are used by one caller each, one call at a time. */
export interface TcpConnection {
  readonly localAddr: NetAddr;
  readonly remoteAddr: NetAddr;
  /** The next bytes, as they came; `null` after the peer's FIN. Rejects when the connection was reset, by either side. */
  read(): Promise<Uint8Array | null>;
  /** Resolves when the system has taken the bytes: the buffer is the caller's again. */
  write(data: Uint8Array): Promise<void>;
  /** FIN after what was written; reading goes on. A second call does nothing. */
  closeWrite(): void;
  /** RST: what was not sent yet is lost, and the peer knows. */
  abort(): void;
  /** Undefined when both directions ended in order, else why not. Never rejects. */
  readonly closed: Promise<Error | undefined>;
}

/** A bound port. */
export interface TcpListener {
  readonly addr: NetAddr;
  /** Stops accepting; connections go on. Resolves when the last of them is over. */
  close(): Promise<void>;
}

/** What {@linkcode listenTcp} needs. */
export interface TcpListenOptions {
  /** Empty: every interface. */
  hostname: string;
  port: number;
  accept(connection: TcpConnection): void;
  /** The listener itself failed after it was bound (out of file descriptors, for one). */
  failed(error: Error): void;
}

/** What {@linkcode dialTcp} needs. */
export interface TcpDialOptions {
  hostname: string;
  port: number;
  /** Milliseconds, name resolution included. */
  timeout: number;
  signal?: AbortSignal;
}

/** Binds a port. Rejects with the system's error (`code` EADDRINUSE, EACCES, ...). */
export function listenTcp(options: TcpListenOptions): Promise<TcpListener> {
  const server = createServer({ allowHalfOpen: true, highWaterMark: READ_AHEAD }, (socket) => {
    // A socket that the peer reset between accept and here has no address any more on Bun and Deno.
    if (socket.remoteAddress === undefined) return void socket.destroy();
    options.accept(wrap(socket));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: options.port, host: options.hostname || undefined, backlog: BACKLOG }, () => {
      server.off("error", reject);
      server.on("error", options.failed);
      resolve({ addr: boundAddress(server), close: () => new Promise<void>((done) => server.close(() => done())) });
    });
  });
}

/** Connects. Rejects with the system's error, with a `TimeoutError`, or with the signal's reason. */
export function dialTcp(options: TcpDialOptions): Promise<TcpConnection> {
  const { hostname, port, timeout, signal } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    // `highWaterMark` is for the stream below: every runtime takes it, the types do not have it.
    const target: TcpNetConnectOpts & { highWaterMark: number } = { host: hostname, port, highWaterMark: READ_AHEAD };
    const socket = connect({ ...target, allowHalfOpen: true });
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
      socket.off("error", fail);
    };
    const fail = (error: unknown): void => {
      settle();
      socket.on("error", ignore);
      socket.destroy();
      reject(error);
    };
    const aborted = (): void => fail(signal?.reason);
    const timer = setTimeout(
      () => fail(new DOMException(`no connection within ${timeout} ms`, "TimeoutError")),
      timeout,
    );
    signal?.addEventListener("abort", aborted);
    socket.once("error", fail);
    socket.once("connect", () => {
      const connection = wrap(socket);
      settle();
      resolve(connection);
    });
  });
}

/** More than the default 511: a burst of public connections should wait in the system's queue, not be refused. */
const BACKLOG = 1024;
/** A peer whose machine went away without a FIN is found by the system after this and a few probes more. */
const TCP_KEEPALIVE = 60_000;
/** The socket stops reading at every chunk, until the next `read`: with no more read ahead, and for the first of the faults. */
const READ_AHEAD = 1;

/** What two runtimes do to a connection that is cut: make it look complete. */
const FAULTS = ((): { readonly readsEnd: boolean; readonly endsWrite: boolean } => {
  const { name, version } = currentRuntime();
  return {
    // Node 22 (libuv 1.51): when a reset finds bytes unread and the last read does not fill its buffer, a socket that goes
    // on reading within that read's callback reports an end instead of ECONNRESET. Reading goes on in a turn of its own.
    readsEnd: name === "node" && Number.parseInt(version, 10) < 24,
    // Deno 2.9: a FIN that arrives while a write waits for the peer fails the write with EPIPE, and the socket is closed
    // with a FIN. The half-close is lost with it; what can be kept is that the peer sees a reset.
    endsWrite: name === "deno",
  };
})();

function resetOnError(socket: Socket): Socket["destroy"] {
  const destroy = socket.destroy;
  return function (error) {
    if (error === undefined || socket.destroyed) return destroy.call(socket, error);
    socket.emit("error", error);
    return socket.resetAndDestroy();
  };
}

/** The promise half of a pending `read` or `write`. */
interface Waiter<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

function wrap(socket: Socket): TcpConnection {
  const localAddr = address(socket.localAddress, socket.localPort);
  const remoteAddr = address(socket.remoteAddress, socket.remotePort);
  let ended = false;
  let failure: Error | undefined;
  let reader: Waiter<Uint8Array | null> | undefined;
  let writing = false;
  let fin = false;

  socket.setNoDelay(true);
  socket.setKeepAlive(true, TCP_KEEPALIVE);
  if (FAULTS.endsWrite) socket.destroy = resetOnError(socket);
  socket.on("readable", () => {
    if (reader === undefined) return;
    if (FAULTS.readsEnd) setImmediate(take);
    else take();
  });
  socket.on("end", () => {
    // Bun emits `end` for our own `resetAndDestroy` too: only a FIN may look like an end.
    if (failure !== undefined) return;
    ended = true;
    settle(null);
  });
  socket.on("error", (error) => fail(error));
  const closed = new Promise<Error | undefined>((resolve) => {
    socket.once("close", () => {
      // Neither end nor error: it was cut all the same.
      if (!ended) fail(reset("the connection was cut"));
      resolve(failure);
    });
  });

  function take(): void {
    const chunk: Uint8Array | null = reader === undefined ? null : socket.read();
    if (chunk !== null) settle(chunk);
  }

  function settle(chunk: Uint8Array | null): void {
    const waiting = reader;
    reader = undefined;
    waiting?.resolve(chunk);
  }

  function fail(error: Error): void {
    failure ??= error;
    reader?.reject(failure);
    reader = undefined;
  }

  return {
    localAddr,
    remoteAddr,
    closed,
    read() {
      if (failure !== undefined) return Promise.reject(failure);
      const chunk: Uint8Array | null = socket.read();
      if (chunk !== null) return Promise.resolve(chunk);
      if (ended) return Promise.resolve(null);
      return new Promise((resolve, reject) => reader = { resolve, reject });
    },
    write(data) {
      if (failure !== undefined) return Promise.reject(failure);
      writing = true;
      return new Promise((resolve, reject) => {
        socket.write(data, (error) => {
          writing = false;
          if (error) return reject(failure ?? error);
          if (fin) socket.end();
          resolve();
        });
      });
    },
    closeWrite() {
      if (fin || failure !== undefined) return;
      fin = true;
      if (!writing) socket.end();
    },
    abort() {
      if (failure !== undefined || socket.destroyed) return;
      fail(reset("the connection was reset here"));
      // Node cannot reset a socket whose FIN is on its way (EINVAL, and no `close` ever: the process spins at its exit).
      // Because `end` is called with nothing left to write, that takes no longer than a turn.
      if (socket.writableEnded && !socket.writableFinished) socket.once("finish", () => socket.resetAndDestroy());
      else socket.resetAndDestroy();
    },
  };
}

function reset(message: string): Error {
  return Object.assign(new Error(message), { code: "ECONNRESET" });
}

function address(hostname: string | undefined, port: number | undefined): NetAddr {
  // IPv4-mapped is how an IPv4 peer looks on a dual-stack port; limits and logs want the address itself.
  return { transport: "tcp", hostname: (hostname ?? "").replace(/^::ffff:(?=\d+\.)/i, ""), port: port ?? 0 };
}

function boundAddress(server: Server): NetAddr {
  const bound = server.address();
  return bound === null || typeof bound === "string"
    ? address(undefined, undefined)
    : address(bound.address, bound.port);
}

function ignore(): void {}
