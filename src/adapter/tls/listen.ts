/** Server side: TLS connections, each handshake bounded in time, all of them in number. @module */
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from "node:tls";
import {
  type Clock,
  ConnectError,
  type Listener,
  type NetAddr,
  type PeerCertificate,
  type ServerIdentity,
  type TlsState,
} from "../contract.ts";
import { currentRuntime } from "../runtime.ts";
import { acceptError } from "./accept_error.ts";
import { peerCertificate } from "./certificate.ts";
import { deadlines } from "./deadlines.ts";
import { tlsState } from "./dial.ts";
import { asBuffer, checkAuthority, checkKeyPair } from "./identity.ts";
import { netAddr } from "./net_addr.ts";
import { nodeTransport } from "./node_transport.ts";
import type { Transport } from "./transport.ts";

/** A connection between TCP accept and its first SETTINGS. */
export interface Handshake {
  /** It is a connection now: neither counted nor timed any more, and never reported to `failed`. */
  done(): void;
  /** Cuts it, and reports this. Does nothing after `done`. */
  fail(error: Error): void;
}

/** What {@linkcode acceptTls} needs. */
export interface AcceptTlsOptions {
  identity: ServerIdentity;
  clock: Clock;
  /** From TCP accept to `done`, milliseconds. */
  handshakeTimeout: number;
  /** Handshakes at a time; one more is cut at once. */
  maxHandshakes: number;
  /** Asked before TLS; false cuts the socket at once. */
  admit(remote: NetAddr): boolean;
  /**
   * Said to a client without a fit certificate before the end, where the runtime lets us: TLS 1.3 clients think the
   * handshake done by then, and would see no more than that the server hung up.
   */
  farewell?: Uint8Array;
  /** Default: TLS 1.3. */
  minVersion?: "TLSv1.2" | "TLSv1.3";
  /** ALPN, in the order of preference. A client that offers none is taken where "http/1.1" is among them. Default: h2 alone. */
  protocols?: readonly string[];
  /** The handshake has succeeded. */
  secured(socket: TLSSocket, tls: TlsState, handshake: Handshake): void;
  /** An admitted socket is gone without `done`, with why. Without `remote` the listener could not accept. */
  failed(remote: NetAddr | undefined, error: Error): void;
}

/** The TLS side of a port. */
export interface TlsAcceptor {
  /** It does not listen: sockets are given to it by `emit("connection", socket)`, or it is made to listen. */
  readonly server: Server;
  /** Under way. */
  readonly handshakes: number;
  /** New handshakes use it. Throws on a broken pair, and the old one stays. */
  renew(identity: ServerIdentity): void;
  /** Takes no more sockets and cuts unfinished handshakes. */
  close(): void;
}

/** What {@linkcode listenTls} needs. */
export interface ListenTlsOptions extends Omit<AcceptTlsOptions, "secured" | "protocols" | "minVersion"> {
  /** Empty: every address. */
  hostname: string;
  port: number;
  /** TLS 1.3 and ALPN h2 are agreed on. */
  accept(transport: Transport, handshake: Handshake): void;
}

interface Pending extends Handshake {
  readonly raw: Socket;
  /**
   * What to destroy: the TCP socket until there is a TLS socket over it, then never again. Node 22 to 26 die (SIGSEGV)
   * when both are destroyed in the turn in which the handshake ends.
   */
  top: Socket;
  readonly remote: NetAddr;
  /** What was heard about its end before the end itself. */
  error: Error | undefined;
}

/** Listens. Rejects with the system's error, or with a `ConnectError` of kind "tls" for a broken identity. */
export async function listenTls(options: ListenTlsOptions): Promise<Listener> {
  const { clock, accept, failed } = options;
  const acceptor = acceptTls({
    ...options,
    secured: (socket, tls, handshake) => accept(nodeTransport(socket, tls, clock), handshake),
  });
  const { server } = acceptor;
  let gone: Promise<void> | undefined;
  await listening(server, options);
  // What a listening server still reports is one accept that failed (no file descriptors left): not worth the process.
  server.on("error", (error: Error) => failed(undefined, error));
  const { address, port } = server.address() as { address: string; port: number };
  return {
    addr: netAddr(address, port),
    close() {
      gone ??= freed(server);
      acceptor.close();
      return gone;
    },
    renew: acceptor.renew,
    ref: () => void server.ref(),
    unref: () => void server.unref(),
  };
}

/** TLS over sockets that somebody accepts. Throws a `ConnectError` of kind "tls" for a broken identity. */
export function acceptTls(options: AcceptTlsOptions): TlsAcceptor {
  const { clock, identity, handshakeTimeout, maxHandshakes, minVersion = "TLSv1.3", protocols = ["h2"] } = options;
  const pending = new Set<Pending>();
  // node:tls speaks of the TCP socket first and of the TLS socket over it later.
  const byRaw = new WeakMap<Socket, Pending>();
  const overdue = deadlines<Pending>(clock, handshakeTimeout, (one) => {
    one.fail(one.error ?? new Error(`no HTTP/2 connection within ${handshakeTimeout} ms`));
  });
  const asksForCertificate = identity.clientCa !== undefined;
  // Deno calls every resumed session authorized: a client that it refused must not get as far as a ticket for one.
  const runtimeRefuses = options.farewell === undefined || currentRuntime().name === "deno";
  // A runtime that refuses an unfit certificate itself closes the connection and tells nobody why.
  const closedEarly = asksForCertificate && runtimeRefuses
    ? "its client certificate is not accepted, or it closed the connection during its handshake"
    : "it closed the connection during its handshake";
  let authority = identity.clientCa;
  /** Since the authority was changed: whom the present one has let in. */
  let known: Set<string> | undefined;
  let closed = false;

  const server = createServer({
    ...secureContext(identity, minVersion),
    requestCert: asksForCertificate,
    rejectUnauthorized: asksForCertificate && runtimeRefuses,
    ALPNProtocols: [...protocols],
    noDelay: true,
    // node:tls cuts a handshake itself after 120 s: it must not be faster than our own deadline.
    handshakeTimeout: Math.max(120_000, handshakeTimeout * 2),
  });
  // First, so that a refused socket is cut before TLS sees it.
  server.prependListener("connection", connected);
  server.on("secureConnection", secured);
  server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
    const one = pendingOf(socket);
    if (one !== undefined) one.fail(error);
    else socket?.destroy();
  });

  function connected(raw: Socket): void {
    // From the first moment: its reset must not become an uncaught exception.
    raw.on("error", () => {});
    const remote = netAddr(raw.remoteAddress, raw.remotePort);
    // Without an address it was reset before we heard of it.
    if (closed || remote.hostname === "" || !options.admit(remote)) {
      raw.destroy();
      return;
    }
    if (pending.size >= maxHandshakes) {
      raw.destroy();
      options.failed(remote, acceptError(remote, new Error(`${maxHandshakes} handshakes are under way`)));
      return;
    }
    const one = handshake(raw, remote);
    pending.add(one);
    byRaw.set(raw, one);
    overdue.add(one);
    raw.on("close", () => one.fail(one.error ?? new Error(closedEarly)));
  }

  function handshake(raw: Socket, remote: NetAddr): Pending {
    return {
      raw,
      top: raw,
      remote,
      error: undefined,
      done() {
        if (pending.delete(this)) overdue.delete(this);
      },
      fail(error) {
        if (!pending.delete(this)) return;
        overdue.delete(this);
        this.top.destroy();
        options.failed(remote, acceptError(remote, error));
      },
    };
  }

  function secured(socket: TLSSocket): void {
    const one = pendingOf(socket);
    if (one === undefined || !pending.has(one)) {
      socket.on("error", () => {});
      setImmediate(() => socket.destroy());
      return;
    }
    one.top = socket;
    socket.on("error", (error: Error) => void (one.error ??= error));
    // A client that offers no ALPN at all gets this far on every runtime.
    if (!protocols.includes(socket.alpnProtocol || "http/1.1")) {
      one.fail(new Error("it does not offer HTTP/2 (ALPN h2)"));
      return;
    }
    const cert = asksForCertificate ? peerCertificate(socket.getPeerCertificate()) : undefined;
    const tls = tlsState(socket, asksForCertificate && socket.authorized, cert);
    if (asksForCertificate) {
      const why = refusal(socket, cert);
      if (why !== undefined) return refuse(one, nodeTransport(socket, tls, clock), new Error(why));
    }
    options.secured(socket, tls, one);
  }

  /** Why this client is not let in, if so. */
  function refusal(socket: TLSSocket, cert: PeerCertificate | undefined): string | undefined {
    if (cert === undefined) return "it shows no client certificate";
    if (!socket.authorized) {
      return `its client certificate "${cert.subject}" is not accepted: ${socket.authorizationError}`;
    }
    if (known === undefined) return undefined;
    // Deno resumes the sessions of before, and looks at no authority then.
    if (socket.isSessionReused() && !known.has(cert.fingerprint256)) {
      return `its client certificate "${cert.subject}" was checked against an authority of before`;
    }
    if (known.size < MAX_KNOWN) known.add(cert.fingerprint256);
    return undefined;
  }

  /** It stays a handshake, counted and timed, until the client has gone. */
  function refuse(one: Pending, transport: Transport, error: Error): void {
    one.error = error;
    const { farewell } = options;
    if (farewell === undefined) return one.fail(error);
    transport.start({ data: () => "used", wrote() {}, closed: () => one.fail(error) });
    transport.write(farewell);
    transport.end();
  }

  function pendingOf(socket: TLSSocket | undefined): Pending | undefined {
    if (socket === undefined) return undefined;
    // On Bun both are one object. Elsewhere `_parent` is the only link when the socket is already dead.
    const found = byRaw.get(socket) ?? byRaw.get((socket as { _parent?: Socket })._parent as Socket);
    if (found !== undefined || socket.remotePort === undefined) return found;
    for (const one of pending) {
      if (one.raw.remotePort === socket.remotePort && one.raw.remoteAddress === socket.remoteAddress) return one;
    }
    return undefined;
  }

  return {
    server,
    get handshakes() {
      return pending.size;
    },
    close() {
      closed = true;
      for (const one of [...pending]) one.fail(new Error("the listener was closed"));
    },
    renew(next) {
      // Whether certificates are asked for is fixed when the server is made; to stop asking must not happen silently.
      if ((next.clientCa !== undefined) !== asksForCertificate) {
        throw new ConnectError(
          "tls",
          "Cannot renew the identity: asking for client certificates cannot be switched on or off",
        );
      }
      server.setSecureContext(secureContext(next, minVersion));
      if (asksForCertificate && !isSamePem(authority, next.clientCa)) known = new Set();
      authority = next.clientCa;
    },
  };
}

/** Certificates that are remembered; who comes later cannot resume, which our clients never do. */
const MAX_KNOWN = 10_000;

function isSamePem(a: string | Uint8Array | undefined, b: string | Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && asBuffer(a).equals(asBuffer(b));
}

/** Checked here, because Deno takes anything. */
function secureContext(
  identity: ServerIdentity,
  minVersion: NonNullable<SecureContextOptions["minVersion"]>,
): SecureContextOptions {
  const { cert, key, clientCa } = identity;
  checkKeyPair(identity);
  if (clientCa !== undefined) checkAuthority(clientCa);
  // The version again and again: a renewed context without it allows TLS 1.2.
  const context: SecureContextOptions = { cert: asBuffer(cert), key: asBuffer(key), minVersion };
  return clientCa === undefined ? context : { ...context, ca: asBuffer(clientCa) };
}

function listening(server: Server, { hostname, port }: ListenTlsOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: hostname === "" ? undefined : hostname }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** The callback of `close` waits for every connection; the port is free as soon as the system was told. */
function freed(server: Server): Promise<void> {
  server.close();
  return new Promise((resolve) => setImmediate(resolve));
}
