/**
 * What an HTTP listener offers to the server pool: one port, HTTP/1.1 and HTTP/2 by ALPN, with or without TLS.
 * Interfaces and their promises, nothing else.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock, NetAddr, ServerIdentity, TlsState } from "../contract.ts";

/** How a request came. */
export type HttpProtocol = "h1" | "h2";

/** What is known of a request besides itself. */
export interface HttpRequestInfo {
  readonly remoteAddr: NetAddr;
  readonly localAddr: NetAddr;
  readonly tls: TlsState | undefined;
  readonly protocol: HttpProtocol;
}

/** Who answers a request, in one of two styles. */
export type Answer =
  | { readonly fetch: (request: Request, info: HttpRequestInfo) => Response | Promise<Response> }
  | {
    /** What it returns is not looked at, but for a promise that rejects: that is a handler's failure too. */
    readonly node: (req: IncomingMessage, res: ServerResponse) => unknown;
    /**
     * Gets a request that asks for another protocol (`Connection: upgrade`; HTTP/1.1 only), as the `upgrade` event of
     * `node:http`: the socket, and what was read behind the head. Without it such a request is one like any other. It
     * is under way until the socket is closed, and its status is 101.
     */
    readonly upgrade?: (req: IncomingMessage, socket: Duplex, head: Uint8Array) => unknown;
  };

/** A request that is over. */
export interface HttpOutcome {
  /** Of the response; 0 when none was begun. */
  readonly status: number;
  /** From its head to the last byte of the response, milliseconds. */
  readonly duration: number;
  /** Why it did not end in order: the client went away, the listener's `abort`, a time limit, an error of the handler's stream. */
  readonly cut: "client" | "abort" | "timeout" | "handler" | undefined;
}

/** Who owns a listener. Called synchronously; what it throws is the runtime's uncaught exception and disturbs no request. */
export interface HttpOwner {
  /** Asked for every request, when its head has come (for one that asks for an upgrade twice): replacing a handler takes effect with the next one. Undefined: an empty 500. */
  answer(): Answer | undefined;
  /** A request has begun; `ended` follows exactly once. */
  began(): void;
  ended(outcome: HttpOutcome): void;
  /** A handler threw or rejected (its client got an empty 500, or a cut response), or something failed in the background. Nothing else happens. */
  failed(error: Error): void;
}

/** Bounds of one listener. Sizes are bytes, times milliseconds; undefined: the default, 0: none. */
export interface HttpLimits {
  /** From a connection's first byte of a request, or its acceptance, to the end of the head. Default 10_000. */
  readonly readHeaderTimeout?: number;
  /** For a whole request with its body. Default 0. */
  readonly readTimeout?: number;
  /** From the end of a request's head to the end of its response. Default 0. */
  readonly writeTimeout?: number;
  /** Of a connection without a request. Default 120_000. */
  readonly idleTimeout?: number;
  /** Of a request's head, as HTTP/2 counts it (RFC 9113 section 6.5.2) in either protocol. Above it: 431. Default 65_536. */
  readonly maxHeaderBytes?: number;
  /** HTTP/2: SETTINGS_MAX_CONCURRENT_STREAMS. Default 250. */
  readonly maxConcurrentStreams?: number;
  /** HTTP/2: SETTINGS_MAX_FRAME_SIZE. Default 65_536. */
  readonly maxReadFrameSize?: number;
  /** HTTP/2: bytes that all streams of a connection may hold unread. Default 16 MiB. */
  readonly maxUploadBufferPerConnection?: number;
  /** HTTP/2: bytes that one stream may hold unread. Default 1 MiB. */
  readonly maxUploadBufferPerStream?: number;
  /** `Connection: close` after every response; HTTP/1.1. */
  readonly disableKeepAlive?: boolean;
}

/** What can change while the port stays open. */
export interface HttpService {
  /** Undefined: plain HTTP. */
  readonly tls: ServerIdentity | undefined;
  /** In the order of preference. HTTP/2 without TLS is by prior knowledge (RFC 9113 section 3.3). */
  readonly protocols: readonly HttpProtocol[];
  readonly limits: HttpLimits;
  readonly owner: HttpOwner;
}

export interface HttpListenOptions extends HttpService {
  /** Empty: every address. */
  readonly hostname: string;
  readonly port: number;
  /** SO_REUSEPORT. */
  readonly reusePort: boolean;
  readonly clock: Clock;
}

/** An open port with its connections. */
export interface HttpListener {
  readonly addr: NetAddr;
  /** Open connections, requests under way, bytes on all connections so far (TLS not counted). */
  readonly connections: number;
  readonly inFlight: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /**
   * Connections accepted from now on are served by this; those that are open are asked to leave (`Connection: close`, GOAWAY) and
   * finish what they have begun with the old service. An HTTP/1.1 connection that is idle stays for some seconds and may
   * bring one more request, which the new service's owner answers: its client may be sending one at that moment that it
   * cannot repeat. It is closed at once where the new service has TLS and the old one had not, the other way round, or
   * asks for other client certificates. The port is never closed. Rejects when the new service cannot work (a broken
   * certificate); the old one stays then.
   */
  replace(service: HttpService): Promise<void>;
  /** New handshakes use it. Throws on a broken pair, and the old one stays. */
  renew(identity: ServerIdentity): void;
  /**
   * Stops accepting, asks every connection to leave, closes idle ones at once. Resolves when the port is free; requests go on.
   * A second call gives the same promise.
   */
  close(): Promise<void>;
  /** Resolves when `close` was called and the last connection is gone. Never rejects. */
  readonly closed: Promise<void>;
  /** Cuts every connection: the signals of the requests under way abort. Returns how many requests that were. */
  abort(): number;
  ref(): void;
  unref(): void;
}

/** A demand that this runtime cannot meet. */
export interface Unsupported {
  /** Name of the option. */
  readonly option: keyof HttpLimits | "reusePort" | "protocols";
  /** A sentence that names the runtime. */
  readonly problem: string;
}

/** The contract of `src/adapter/http/listen.ts`. */
export interface HttpAdapter {
  /** What of these options cannot be honoured here: asked before anything is opened. */
  unsupported(options: Pick<HttpListenOptions, "limits" | "reusePort" | "protocols" | "tls">): readonly Unsupported[];
  /** Rejects with the system's error (`code` EADDRINUSE, EACCES, ENOTFOUND, ...), or with a `ConnectError` of kind "tls" for a broken identity. */
  listen(options: HttpListenOptions): Promise<HttpListener>;
}
