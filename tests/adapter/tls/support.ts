/** What the tests of the TLS layer share. @module */
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Socket } from "node:net";
import {
  connect,
  type ConnectionOptions,
  createServer as createTlsServer,
  type TlsOptions,
  type TLSSocket,
} from "node:tls";
import { systemClock } from "../../../src/adapter/clock.ts";
import {
  type ClientTrust,
  type Clock,
  ConnectError,
  type Listener,
  type NetAddr,
} from "../../../src/adapter/contract.ts";
import { dial, type DialOptions } from "../../../src/adapter/tls/dial.ts";
import { type Handshake, listenTls, type ListenTlsOptions } from "../../../src/adapter/tls/listen.ts";
import type { Transport, TransportSink } from "../../../src/adapter/tls/transport.ts";
import type { TestContext } from "../../support/harness.ts";
import * as certs from "../../support/certs.ts";
import { queue } from "../../support/queue.ts";

export const verified: ClientTrust = { mode: "verified", ca: certs.ca };

/** A promise for what a callback will bring. */
export interface Later<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
}
export function later<T>(): Later<T> {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => resolve = done);
  return { promise, resolve: (value) => resolve(value) };
}

/** A sink that keeps what it hears, and by which one can wait. */
export interface Recorder extends TransportSink {
  readonly chunks: Uint8Array[];
  readonly closes: (Error | undefined)[];
  readonly bytes: number;
  readonly answered: number;
  /** Resolves when `bytes` have come. */
  received(bytes: number): Promise<void>;
  /** Resolves when `n` writes have been answered. */
  wrotes(n: number): Promise<void>;
  /** Resolves with what `closed` said. */
  readonly gone: Promise<Error | undefined>;
}
export function recorder(): Recorder {
  const chunks: Uint8Array[] = [], closes: (Error | undefined)[] = [];
  const gone = later<Error | undefined>();
  let bytes = 0, answered = 0;
  let waiting: { ready: () => boolean; resolve: () => void }[] = [];
  const until = (ready: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      waiting.push({ ready, resolve });
      look();
    });
  const look = (): void => {
    for (const one of waiting) if (one.ready()) one.resolve();
    waiting = waiting.filter((one) => !one.ready());
  };
  return {
    chunks,
    closes,
    gone: gone.promise,
    get bytes() {
      return bytes;
    },
    get answered() {
      return answered;
    },
    received: (n) => until(() => bytes >= n),
    wrotes: (n) => until(() => answered >= n),
    data(chunk) {
      chunks.push(chunk);
      bytes += chunk.length;
      look();
    },
    wrote() {
      answered++;
      look();
    },
    closed(error) {
      closes.push(error);
      gone.resolve(error);
    },
  };
}

/** A transport that a listener accepted. */
export interface Accepted {
  readonly transport: Transport;
  readonly handshake: Handshake;
}
/** A listener with what happened at it. */
export interface TestListener {
  readonly listener: Listener;
  readonly port: number;
  /** The next transport that it accepts. */
  accepted(): Promise<Accepted>;
  /** The next failure that it reports. */
  failure(): Promise<{ remote: NetAddr | undefined; error: Error }>;
  readonly failures: readonly Error[];
}

export async function listen(t: TestContext, options: Partial<ListenTlsOptions> = {}): Promise<TestListener> {
  const accepted = queue<Accepted>(), failed = queue<{ remote: NetAddr | undefined; error: Error }>();
  const failures: Error[] = [];
  const transports = new Set<Transport>();
  const listener = await listenTls({
    hostname: "127.0.0.1",
    port: 0,
    identity: certs.server,
    clock: systemClock,
    handshakeTimeout: 600_000,
    maxHandshakes: 100,
    admit: () => true,
    accept(transport, handshake) {
      transports.add(transport);
      accepted.push({ transport, handshake });
    },
    failed(remote, error) {
      failures.push(error);
      failed.push({ remote, error });
    },
    ...options,
  });
  t.cleanup(async () => {
    await listener.close();
    for (const transport of transports) transport.destroy();
  });
  return { listener, port: listener.addr.port, accepted: accepted.next, failure: failed.next, failures };
}

export async function client(t: TestContext, port: number, options: Partial<DialOptions> = {}): Promise<Transport> {
  const transport = await dial({ ...dialing(port), ...options });
  t.cleanup(() => transport.destroy());
  return transport;
}

export function dialing(port: number, clock: Clock = systemClock): DialOptions {
  return { hostname: "127.0.0.1", port, servername: "localhost", trust: verified, clock, timeout: 10_000 };
}

/** The `ConnectError` with which `dial` rejects. */
export async function refusal(port: number, options: Partial<DialOptions> = {}): Promise<ConnectError> {
  try {
    const transport = await dial({ ...dialing(port), ...options });
    transport.destroy();
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error("dial connected");
}

/** Both ends of a connection. */
export async function connected(t: TestContext, clock?: Clock): Promise<{ client: Transport; server: Transport }> {
  const { port, accepted } = await listen(t, clock === undefined ? {} : { clock });
  const near = await client(t, port, clock === undefined ? {} : { clock });
  const { transport, handshake } = await accepted();
  handshake.done();
  return { client: near, server: transport };
}

/** A bare TLS server of the platform, for what our own never does. `gone` is called for every TCP connection that is over. */
export async function tlsServer(
  t: TestContext,
  options: TlsOptions,
  serve: (socket: TLSSocket) => void = () => {},
  gone: () => void = () => {},
): Promise<number> {
  const server = createTlsServer({ ...certs.server, ...options }, (socket) => {
    socket.on("error", () => {});
    serve(socket);
  });
  server.on("tlsClientError", () => {});
  server.on("connection", (socket: Socket) => socket.on("close", gone));
  return await listening(t, server);
}

/** A bare TCP server. */
export async function tcpServer(t: TestContext, serve: (socket: Socket) => void): Promise<number> {
  return await listening(t, createTcpServer(serve));
}

async function listening(t: TestContext, server: ReturnType<typeof createTcpServer>): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    socket.on("error", () => {});
    sockets.add(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.cleanup(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** TCP in between. `cut` resets both sides, `inject` sends bytes of its own to the client. */
export async function proxy(
  t: TestContext,
  port: number,
): Promise<{ through: number; cut(): void; inject(bytes: Uint8Array): void }> {
  const both: Socket[] = [];
  const through = await tcpServer(t, (near) => {
    const far = connectTcp(port, "127.0.0.1");
    far.on("error", () => {});
    both.push(near, far);
    near.pipe(far).pipe(near);
    t.cleanup(() => far.destroy());
  });
  const cut = (): void => {
    // A pipe would end the other side first.
    for (const socket of both) socket.unpipe();
    for (const socket of both) socket.resetAndDestroy();
  };
  return { through, cut, inject: (bytes) => void both[0]?.write(bytes) };
}

/** A port on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A bare TCP client. `closed` resolves when the other side, or an error, ended it. */
export async function tcpClient(t: TestContext, port: number): Promise<{ socket: Socket; closed: Promise<void> }> {
  const socket = connectTcp(port, "127.0.0.1");
  const closed = later<void>();
  socket.on("error", () => {});
  socket.on("close", () => closed.resolve());
  socket.resume();
  t.cleanup(() => socket.destroy());
  await new Promise((resolve) => socket.once("connect", resolve));
  return { socket, closed: closed.promise };
}

/** A bare TLS client. `secured` says whether the handshake was done before the end. */
export function tlsClient(t: TestContext, port: number, options: ConnectionOptions): Promise<{ secured: boolean }> {
  const socket = connect({ host: "127.0.0.1", port, servername: "localhost", rejectUnauthorized: false, ...options });
  let secured = false;
  t.cleanup(() => socket.destroy());
  return new Promise((resolve) => {
    socket.on("secureConnect", () => secured = true);
    socket.on("error", () => {});
    socket.on("close", () => resolve({ secured }));
    socket.resume();
  });
}
