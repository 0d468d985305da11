/**
 * What an HTTP/2 engine offers to the pools: connect, listen, {@linkcode Connection}, {@linkcode Channel}.
 * Interfaces and their promises, nothing else. Two engines stand behind it; nothing above this folder knows which.
 *
 * Rules that hold for every engine:
 * - Callbacks run synchronously, never inside a call that the owner made on the same object with one exception that is
 *   stated where it holds ({@linkcode Channel.reset}, {@linkcode Connection.destroy}). A callback may call anything.
 * - A callback that throws is a bug of the owner: the engine reports it as the runtime's uncaught exception
 *   (`queueMicrotask`), and its own state is not disturbed.
 * - A cut is never an end: `end` is called only for END_STREAM, `close(undefined)` only after both sides ended.
 *
 * @module
 */

/**
 * A TCP address.
 *
 * @example
 * ```ts
 * import type { NetAddr } from "@x/h2pool";
 *
 * // As an address of a client pool.
 * function hostPort({ hostname, port }: NetAddr): string {
 *   return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
 * }
 * ```
 */
export interface NetAddr {
  /** Always TCP. */
  readonly transport: "tcp";
  /** IP address, or host name. */
  readonly hostname: string;
  /** 0 to 65535. */
  readonly port: number;
}

/**
 * What the TLS handshake of a connection agreed on.
 *
 * @example
 * ```ts
 * import type { PoolStream } from "@x/h2pool";
 *
 * function describe({ tls }: PoolStream): string {
 *   const peer = tls.peerCertificate?.subject ?? "nobody";
 *   return `${tls.protocol} ${tls.cipher}, ${peer}${tls.authorized ? "" : " (not checked)"}`;
 * }
 * ```
 */
export interface TlsState {
  /** "TLSv1.3". */
  readonly protocol: string;
  /** Its name, as OpenSSL writes it. */
  readonly cipher: string;
  /** "h2". */
  readonly alpn: string;
  /** Whether the peer's certificate was checked against an authority. False where none was asked for. */
  readonly authorized: boolean;
  /** What the peer showed, if anything. */
  readonly peerCertificate?: PeerCertificate;
}

/**
 * The certificate that the peer showed.
 *
 * @example Clients by the fingerprint of their certificate
 * ```ts
 * import { ServerPool } from "@x/h2pool";
 *
 * const known = new Set(["5A:F1:0C:33:9B:7E:21:D4:60:8F:AA:12:C9:37:5E:0B:84:D6:2F:91:E8:43:7C:B5:19:6A:F2:08:DD:51:BE:73"]);
 * new ServerPool({
 *   listen: ":8443",
 *   tls: { certFile: "cert.pem", keyFile: "key.pem", clientCaFile: "clients.pem" },
 *   authorize: ({ tls }) => known.has(tls.peerCertificate?.fingerprint256 ?? ""),
 * });
 * ```
 */
export interface PeerCertificate {
  /** Whose it is. */
  readonly subject: string;
  /** Who signed it. */
  readonly issuer: string;
  /** Good from here. */
  readonly validFrom: Date;
  /** Good until here. */
  readonly validTo: Date;
  /** SHA-256 of the DER certificate, upper-case hex with colons. */
  readonly fingerprint256: string;
  /** The DER certificate. */
  readonly raw: Uint8Array;
}

/** Time, so that tests can own it. `now` is monotonic, in milliseconds. */
export interface Clock {
  now(): number;
  timer(ms: number, fire: () => void): ClockTimer;
}
/** A one-shot timer. It holds the process alive unless `unref` was called. */
export interface ClockTimer {
  cancel(): void;
  ref(): void;
  unref(): void;
}

/** Header fields, name and value by turns, in wire order; names lower-case, pseudo-fields first. The shape of `rawHeaders`. */
export type Fields = readonly string[];

/** What a local endpoint advertises and allows. Every field has a default in the engine. */
export interface EngineSettings {
  /** Receive window of a new channel, bytes. SETTINGS_INITIAL_WINDOW_SIZE. Default 65_536. */
  window?: number;
  /**
   * Bytes that all channels of the connection may hold unread: what `data` delivered and `consume` has not given back.
   * 65_535 at least. One that is not read takes from the others then. Default: no bound but the sum of their windows.
   */
  connectionWindow?: number;
  /** Channels that the peer may have open at once. SETTINGS_MAX_CONCURRENT_STREAMS. Default 4_096; a client always sends 0 with push off. */
  maxStreams?: number;
  /** Largest frame payload accepted, bytes. SETTINGS_MAX_FRAME_SIZE, 16_384 to 16_777_215. Default 65_536. */
  maxFrame?: number;
  limits?: EngineLimits;
}

/**
 * Bounds against hostile peers; a peer that passes one loses its connection with ENHANCE_YOUR_CALM (or as stated).
 *
 * @example A service that sends many small headers, and whose clients give up often
 * ```ts
 * import { ServerPool } from "@x/h2pool";
 *
 * new ServerPool({
 *   listen: ":8443",
 *   tls: { certFile: "cert.pem", keyFile: "key.pem" },
 *   limits: { maxHeaders: 512, resetsPerSecond: 1_000 },
 * });
 * ```
 */
export interface EngineLimits {
  /** Decoded header list, bytes as RFC 9113 section 6.5.2 counts them; above it the stream is refused. Default 65_536. */
  maxHeaderBytes?: number;
  /** Fields of one header list; above it the stream is refused. Default 256. */
  maxHeaders?: number;
  /** CONTINUATION frames of one header block. Default 32. */
  maxContinuations?: number;
  /** Token bucket of streams that a client reset before they were answered, and of resets that the peer's bad frames provoke: its size (default 1_000)... */
  resetBurst?: number;
  /** ...and its refill per second. Default 100. */
  resetsPerSecond?: number;
  /** PING frames without ACK accepted per second. Default 50. */
  pingsPerSecond?: number;
  /** SETTINGS frames without ACK accepted per second. Default 20. */
  settingsPerSecond?: number;
  /** DATA frames without payload and without END_STREAM, unknown frames and PRIORITY, per second. Default 1_000. */
  emptyFramesPerSecond?: number;
  /** Bytes of control frames waiting for a peer that does not read. Default 1 MiB. */
  maxQueuedControlBytes?: number;
}

/** Why a channel ended early. A value, not an Error: resets come in bursts. */
export type ChannelFault =
  /** RST_STREAM, sent by the peer or by the engine on its behalf, with its RFC 9113 section 7 code. */
  | { readonly kind: "reset"; readonly by: "peer" | "engine"; readonly code: number; readonly message: string }
  /** The owner's own `reset(code)`. */
  | { readonly kind: "aborted"; readonly code: number }
  /** The peer promises that it did not look at it: REFUSED_STREAM, or an id above a GOAWAY's last one. */
  | { readonly kind: "refused"; readonly message: string }
  /** The connection is gone. */
  | { readonly kind: "lost"; readonly cause: Error };

/** What the owner of a channel hears. Methods of one object (not closures), so that a channel costs little memory. */
export interface ChannelHandler {
  /** A response's final header block (client) or the trailers of either side. `1xx` blocks go to `informational`. */
  headers(fields: Fields, kind: "response" | "trailers"): void;
  informational?(fields: Fields): void;
  /**
   * Payload, as it arrives. The owner may keep `chunk` as long as it likes but it may be a small view of a large buffer.
   * The engine never pauses: what is unread is bounded by the window; `consume` gives it back.
   * An owner that has copied or thrown away all of it says `"used"`: its memory may be freed at once then, and is not
   * to be touched any more.
   */
  data(chunk: Uint8Array): "used" | void;
  /** END_STREAM: every byte has been given to `data`. */
  end(): void;
  /** What the last `write` could not place has been taken: its buffer is the owner's again, and `write` may be called. */
  accepted(): void;
  /** Exactly once, last. Undefined when both directions ended in order. */
  close(fault: ChannelFault | undefined): void;
}

/** One HTTP/2 stream. */
export interface Channel {
  /** The stream identifier of RFC 9113 section 5.1.1. */
  readonly id: number;
  /** Server only, once: the response's header block. `"none"` ends our side with it. */
  respond(fields: Fields, body?: "none"): void;
  /** Server only: a `1xx` block before the response. */
  inform(fields: Fields): void;
  /**
   * Sends bytes. True: all are framed, the buffer is the caller's again. False: the rest waits for window or socket, the
   * buffer must be left alone until `accepted()`. One write at a time: calling again before `accepted()` throws.
   * After `end`, `reset` or close it throws too. An empty write is true.
   */
  write(data: Uint8Array): boolean;
  /**
   * Takes back what the last `write` has not placed yet, and returns how many bytes that is: they will not be sent, the
   * buffer is the owner's again, `accepted()` is not called for it, and `write` may be called. 0 when nothing waits, or
   * `end` has been called already.
   */
  withdraw(): number;
  /** END_STREAM after what was written; with `trailers`, a header block carries it. A second call does nothing. */
  end(trailers?: Fields): void;
  /** RST_STREAM with this code (default CANCEL, 8); what was not sent yet is dropped. Calls `close` before it returns, unless closed already. */
  reset(code?: number): void;
  /** Gives `n` bytes that `data` delivered back to the peer's window; WINDOW_UPDATE goes out in batches. */
  consume(n: number): void;
  /** Enlarges the receive window by `n` bytes for good. */
  grow(n: number): void;
  /** Bytes the peer's windows, the stream's and the connection's, allow now. */
  readonly sendWindow: number;
  /** Whether END_STREAM has been received, and whether it has been sent. */
  readonly readEnded: boolean;
  readonly writeEnded: boolean;
}

/** What the owner of a connection hears. */
export interface ConnectionHandler {
  /**
   * Server only: a request. Returns who owns the channel; `"none"` when END_STREAM came with it (`end()` is called after this
   * returns). A channel that ends in here (`reset`, `destroy`) is closed to its handler right after this returned it.
   */
  channel(channel: Channel, fields: Fields, body: "body" | "none"): ChannelHandler;
  /**
   * Server only: the same for a request whose head passes `maxHeaderBytes` or `maxHeaders`; nothing of it is known. Who has
   * no such method has it refused with ENHANCE_YOUR_CALM.
   */
  oversized?(channel: Channel, body: "body" | "none"): ChannelHandler;
  /** `openable` was 0 and is not any more. */
  available(): void;
  /** The peer sent GOAWAY: nothing new can be opened, channels at or below `lastId` go on. More than once when it announces its end first. */
  goaway(code: number, lastId: number): void;
  /** Exactly once, last, after every channel's `close`. Undefined after an orderly end (GOAWAY, all channels done). */
  close(error: Error | undefined): void;
}

/** One HTTP/2 connection over TLS 1.3, ALPN `h2`, whose SETTINGS have been exchanged. */
export interface Connection {
  readonly role: "client" | "server";
  readonly localAddr: NetAddr;
  readonly remoteAddr: NetAddr;
  readonly tls: TlsState;
  /** Client: how many channels can be opened now; 0 after GOAWAY or close. Server: 0. */
  readonly openable: number;
  /** Live channels. */
  readonly channels: number;
  /** `clock.now()` when the last byte was read. */
  readonly lastRead: number;
  /** Payload and framing, before TLS. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Client only. HEADERS go out with the next flush; `"none"` ends our side with them. Throws `ConnectionClosedError` when `openable` is 0: it never queues. */
  open(fields: Fields, handler: ChannelHandler, body?: "none"): Channel;
  /** Round trip in milliseconds. Rejects after `timeout` ms or with the connection; the caller decides what follows. */
  ping(timeout: number): Promise<number>;
  /**
   * GOAWAY: no new channels; the connection ends when the last one does. A second call does nothing. A server without an error
   * code announces it first (RFC 9113 section 6.8): what was under way for one more round trip still comes to `channel`.
   */
  goaway(code?: number): void;
  /** Cuts the connection; every channel is `lost`. Calls the handlers' `close` before it returns. */
  destroy(error?: Error): void;
  ref(): void;
  unref(): void;
}

/** A server's TLS identity, as PEM. */
export interface ServerIdentity {
  cert: string | Uint8Array;
  key: string | Uint8Array;
  /** Ask for a client certificate signed by this authority, refuse without. */
  clientCa?: string | Uint8Array;
}
/** How a client checks the server, and shows itself. */
export interface ClientTrust {
  mode: "verified" | "insecure";
  ca?: string | Uint8Array;
  cert?: string | Uint8Array;
  key?: string | Uint8Array;
  /** SHA-256 of the SPKI, base64; any of these. Checked before a byte is sent, in either mode. */
  pins?: readonly string[];
}

export interface ConnectOptions {
  hostname: string;
  port: number;
  /** TLS server name, and the name the certificate is checked against. */
  servername: string;
  trust: ClientTrust;
  settings?: EngineSettings;
  clock: Clock;
  /** TCP, TLS and the peer's SETTINGS within this, milliseconds. */
  timeout: number;
  signal?: AbortSignal;
  /** Told what happens from the moment `connect` resolves; nothing is lost in between, so that it may hear before the code behind `await` runs. */
  handler: ConnectionHandler;
}

export interface ListenOptions {
  hostname: string;
  port: number;
  identity: ServerIdentity;
  settings?: EngineSettings;
  clock: Clock;
  /** TLS, then preface and SETTINGS within this, milliseconds. */
  handshakeTimeout: number;
  /** Connections between accept and SETTINGS; one more is cut at once. */
  maxHandshakes: number;
  /** Asked before TLS; false cuts the socket at once. */
  admit(remote: NetAddr): boolean;
  /** A connection whose SETTINGS have come. Returns who owns it. */
  accept(connection: Connection): ConnectionHandler;
  /**
   * An accepted socket is gone without ever becoming a connection (to balance `admit`), with why. Not called for a refused
   * `admit`. Without `remote` the listener itself could not accept, for example without file descriptors; it goes on.
   */
  failed(remote: NetAddr | undefined, error: Error): void;
}

export interface Listener {
  readonly addr: NetAddr;
  /** Stops accepting and cuts unfinished handshakes; resolves when the port is free. Connections go on. */
  close(): Promise<void>;
  /** New handshakes use it. Throws on a broken pair, and the old one stays. */
  renew(identity: ServerIdentity): void;
  ref(): void;
  unref(): void;
}

/** What not every engine can do. The contract suite says for each what happens where it is false. */
export interface Capabilities {
  /**
   * Field lists leave as they were given. False: repeated names are put together at the first one's place, names that are
   * whole numbers come first, and a list that repeats a field which may occur only once (`content-type`) is refused by a
   * throw.
   */
  readonly rawFields: boolean;
  /** A malformed header block ends its stream. False: it ends the peer's whole connection, with PROTOCOL_ERROR. */
  readonly messageErrors: boolean;
  /** A field value with characters that are not allowed makes a message malformed. False: the field is left out of it. */
  readonly fieldValues: boolean;
}

/** The contract. */
export interface Engine {
  readonly name: "portable" | "node:http2";
  readonly capabilities: Capabilities;
  /** Rejects with a `ConnectError`. */
  connect(options: ConnectOptions): Promise<Connection>;
  /** Rejects with the system's error (`code` EADDRINUSE, EACCES, ...), or with a `ConnectError` of kind "tls" for a broken identity. */
  listen(options: ListenOptions): Promise<Listener>;
}

/** What went wrong while connecting; `retry` says whether it may pass by itself. */
export type ConnectFault =
  | "refused"
  | "unreachable"
  | "dns"
  | "reset"
  | "timeout"
  | "aborted"
  | "hostname"
  | "expired"
  | "authority"
  | "pin"
  | "client-certificate"
  | "alpn"
  | "tls-version"
  | "tls"
  | "protocol";

/** Why `connect` failed. The message names what was wrong, and the cause is the system's error. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
  readonly kind: ConnectFault;
  constructor(kind: ConnectFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
  /** Refused, unreachable, reset, resolver and timeout may pass; the rest will not. */
  get retry(): boolean {
    return RETRY.has(this.kind);
  }
}
const RETRY: ReadonlySet<ConnectFault> = new Set<ConnectFault>([
  "refused",
  "unreachable",
  "dns",
  "reset",
  "timeout",
  "protocol",
]);

/** A connection that is gone, or an `open` on one that takes no more. `code` is the GOAWAY code when there was one. */
export class ConnectionClosedError extends Error {
  override readonly name = "ConnectionClosedError";
  readonly code: number | undefined;
  constructor(message: string, options?: ErrorOptions & { code?: number }) {
    super(message, options);
    this.code = options?.code;
  }
}
