/** One service of a listener at work: TLS and both protocols over the sockets that it is given. @module */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Clock, ServerIdentity, TlsState } from "../contract.ts";
import { drive } from "../http2/connection.ts";
import { resolveSettings } from "../http2/limits.ts";
import { deadlines } from "../tls/deadlines.ts";
import { acceptTls, type TlsAcceptor } from "../tls/listen.ts";
import { netAddr } from "../tls/net_addr.ts";
import { nodeTransport } from "../tls/node_transport.ts";
import type { HttpProtocol, HttpRequestInfo, HttpService } from "./contract.ts";
import { serveH1 } from "./h1/service.ts";
import { h2Service } from "./h2/service.ts";
import { guarded, type GuardedOwner, resolveLimits, type Serving } from "./serving.ts";
import { sniff } from "./sniff.ts";

/** A service at work. */
export interface Generation extends Serving {
  /** Its identity is the one that was given last. */
  readonly service: HttpService;
  readonly owner: GuardedOwner;
  /** A socket that the port has accepted. */
  accept(raw: Socket): void;
  /** Nothing is left of it. */
  readonly over: boolean;
  renew(identity: ServerIdentity): void;
}

/** What a generation needs. */
export interface GenerationOptions {
  readonly service: HttpService;
  readonly clock: Clock;
  /** Who answers requests of its HTTP/1.1 connections from now on. */
  owner(): GuardedOwner;
  /** A connection, or what was to become one, is gone. */
  left(): void;
}

const ALPN: Readonly<Record<HttpProtocol, string>> = { h1: "http/1.1", h2: "h2" };
/** Handshakes at a time. Each is bounded in time; beyond this a flood costs more than it is worth. */
const MAX_HANDSHAKES = 10_000;
/** For a handshake, where heads have no limit. */
const HANDSHAKE = 120_000;
const NO_TLS: TlsState = { protocol: "", cipher: "", alpn: "", authorized: false };

/** Starts a service. Throws a `ConnectError` of kind "tls" for a broken identity. */
export function generation(options: GenerationOptions): Generation {
  const { service, clock, left } = options;
  const { protocols } = service;
  let identity = service.tls;
  const limits = resolveLimits(service.limits);
  const owner = guarded(service.owner);
  const h1 = serveH1({ clock, limits, owner: options.owner, left });
  const h2 = h2Service({ limits: service.limits, owner: service.owner, clock, gone: left });
  const settings = resolveSettings(h2.settings);
  const handshakeTimeout = limits.readHeaderTimeout || HANDSHAKE;
  /** Plain connections that have not said which protocol they speak, or that have not finished saying so. */
  const greeting = new Set<Socket>();
  const overdue = deadlines<Socket>(clock, handshakeTimeout, (socket) => socket.destroy());
  let leaving: "now" | "soon" | undefined;
  const secure = identity === undefined ? undefined : encrypted(identity);

  function encrypted(identity: ServerIdentity): TlsAcceptor {
    return acceptTls({
      identity,
      clock,
      handshakeTimeout,
      maxHandshakes: MAX_HANDSHAKES,
      minVersion: "TLSv1.2",
      protocols: protocols.map((protocol) => ALPN[protocol]),
      admit: () => true,
      secured(socket, tls, handshake) {
        if (socket.alpnProtocol !== "h2") {
          handshake.done();
          return h1.accept(socket, about(socket, tls));
        }
        startH2(socket, tls, { done: () => handshake.done(), failed: (error) => handshake.fail(error) });
      },
      // Scanners and clients of another mind: nobody's failure.
      failed: left,
    });
  }

  function startH2(
    socket: TLSSocket,
    tls: TlsState | undefined,
    progress: { done(): void; failed(error: Error): void },
  ): void {
    drive({
      role: "server",
      transport: nodeTransport(socket, tls ?? NO_TLS, clock),
      clock,
      settings,
      greeting: {
        ready(connection) {
          progress.done();
          const handler = tls === undefined ? h2.accept(connection, "plain") : h2.accept(connection);
          // Not from within: the engine has yet to be told who owns it.
          if (leaving !== undefined) queueMicrotask(() => h2.leave());
          return handler;
        },
        failed: progress.failed,
      },
    });
  }

  function plain(socket: Socket): void {
    if (!protocols.includes("h2")) return h1.accept(socket, about(socket, undefined));
    greeting.add(socket);
    overdue.add(socket);
    const done = (): void => {
      if (greeting.delete(socket)) overdue.delete(socket);
    };
    socket.on("close", () => {
      if (!greeting.has(socket)) return;
      done();
      left();
    });
    // Everything that a transport does with a TLS socket works with a plain one.
    const prior = (): void => startH2(socket as TLSSocket, undefined, { done, failed: () => socket.destroy() });
    if (!protocols.includes("h1")) return prior();
    sniff(socket, (protocol) => {
      if (protocol === "h2") {
        prior();
      } else {
        done();
        h1.accept(socket, about(socket, undefined));
      }
      socket.resume();
    });
  }

  return {
    get service() {
      return { ...service, tls: identity };
    },
    owner,
    accept(raw) {
      // Its reset must not become an uncaught exception at any time.
      raw.on("error", ignore);
      if (raw.remoteAddress === undefined) return void raw.destroy();
      raw.setNoDelay(true);
      if (secure !== undefined) secure.server.emit("connection", raw);
      else plain(raw);
    },
    get connections() {
      return h1.connections + h2.connections + greeting.size;
    },
    get inFlight() {
      return h1.inFlight + h2.inFlight;
    },
    get bytesIn() {
      return h1.bytesIn + h2.bytesIn;
    },
    get bytesOut() {
      return h1.bytesOut + h2.bytesOut;
    },
    get over() {
      return this.connections + (secure?.handshakes ?? 0) === 0;
    },
    renew(next) {
      if (secure === undefined) return;
      secure.renew(next);
      identity = next;
    },
    leave(how) {
      leaving = how;
      if (how === "now") {
        secure?.close();
        for (const socket of greeting) socket.destroy();
      }
      h1.leave(how);
      h2.leave();
    },
    abort() {
      for (const socket of greeting) socket.destroy();
      return h1.abort() + h2.abort();
    },
  };
}

function about(socket: Socket, tls: TlsState | undefined): HttpRequestInfo {
  return {
    remoteAddr: netAddr(socket.remoteAddress, socket.remotePort),
    localAddr: netAddr(socket.localAddress, socket.localPort),
    tls,
    protocol: "h1",
  };
}

function ignore(): void {}
