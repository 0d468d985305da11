/** Client side: a TLS connection whose certificate was checked. @module */
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { checkServerIdentity, connect, type PeerCertificate as NodeCertificate, type TLSSocket } from "node:tls";
import { plainAddress } from "../address.ts";
import { type ClientTrust, type Clock, ConnectError, type PeerCertificate, type TlsState } from "../contract.ts";
import { isPin, peerCertificate, spkiPin } from "./certificate.ts";
import { asConnectError, certificateError, connectError, type Target } from "./connect_error.ts";
import { asBuffer, checkAuthority, checkKeyPair } from "./identity.ts";
import { nodeTransport } from "./node_transport.ts";
import { type OnRead, sharedReads } from "./reading.ts";
import type { Transport } from "./transport.ts";

/** What {@linkcode dial} needs. */
export interface DialOptions {
  hostname: string;
  port: number;
  /** TLS server name, and the name the certificate is checked against; an address is not sent but checked. */
  servername: string;
  trust: ClientTrust;
  clock: Clock;
  /** TCP and TLS within this, milliseconds. */
  timeout: number;
  signal?: AbortSignal;
}

/** Connects with TLS 1.3 and ALPN h2, and checks certificate and pins before a byte is sent. Rejects with a `ConnectError`. */
export function dial(options: DialOptions): Promise<Transport> {
  const { clock, timeout, signal } = options;
  const target = dialTarget(options);
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw connectError("aborted", target, "aborted", signal.reason);
    const reads = sharedReads();
    const socket = open(options, target, reads?.onread);
    const timer = clock.timer(
      timeout,
      () => fail(connectError("timeout", target, `no TLS connection within ${Math.ceil(timeout)} ms`)),
    );
    const aborted = (): void => fail(connectError("aborted", target, "aborted", signal?.reason));
    signal?.addEventListener("abort", aborted);
    socket.on("secureConnect", secured);
    socket.on("error", lost);
    // An error comes first where there is one.
    socket.on("close", closed);

    function settle(): void {
      timer.cancel();
      signal?.removeEventListener("abort", aborted);
      socket.off("secureConnect", secured);
      socket.off("close", closed);
    }
    function fail(error: ConnectError): void {
      settle();
      // `lost` stays: the socket may still have an error to report, which nobody needs.
      socket.destroy();
      reject(error);
    }
    function lost(error: Error): void {
      fail(asConnectError(error, target, "tls"));
    }
    function closed(): void {
      fail(asConnectError(undefined, target, "tls"));
    }
    function secured(): void {
      let tls: TlsState;
      try {
        tls = verified(socket, options, target);
      } catch (error) {
        fail(asConnectError(error, target, "tls"));
        return;
      }
      settle();
      const transport = nodeTransport(socket, tls, clock, reads);
      socket.off("error", lost);
      resolve(transport);
    }
  });
}

/** What errors say about these options. */
export function dialTarget({ hostname, port, servername, trust }: DialOptions): Target {
  return { hostname, port, servername, identified: trust.cert !== undefined };
}

function open(
  { hostname, port, servername, trust }: DialOptions,
  target: Target,
  onread: OnRead | undefined,
): TLSSocket {
  const { ca, cert, key } = trust;
  for (const pin of trust.pins ?? []) {
    if (!isPin(pin)) throw connectError("pin", target, `"${pin}" is not a pin: SHA-256 of a public key, base64`);
  }
  try {
    if (ca !== undefined) checkAuthority(ca);
    if (cert !== undefined && key !== undefined) checkKeyPair({ cert, key });
    else if (cert !== undefined || key !== undefined) {
      throw new ConnectError("tls", "a certificate and its key belong together");
    }
    const reading: { onread?: OnRead } = onread === undefined ? {} : { onread };
    return connect({
      ...reading,
      host: hostname,
      port,
      // No server name for an address: RFC 6066 section 3; Node 26, Deno and Bun throw.
      servername: isIP(servername) === 0 ? servername : "",
      ca: ca === undefined ? undefined : asBuffer(ca),
      cert: cert === undefined ? undefined : asBuffer(cert),
      key: key === undefined ? undefined : asBuffer(key),
      ALPNProtocols: ["h2"],
      minVersion: "TLSv1.3",
      // Not carelessness: `verified` decides, as soon as the handshake is done and before anything is written. Left to
      // the runtimes, the certificate is out of reach when they reject it, so that nobody could say what was wrong with
      // it, and Deno could not even tell an expired one from an unknown authority.
      rejectUnauthorized: false,
    });
  } catch (error) {
    const says = error instanceof Error ? error.message : String(error);
    throw connectError(error instanceof ConnectError ? error.kind : "tls", target, says, error);
  }
}

/** Throws unless the peer is who it should be. */
function verified(socket: TLSSocket, { servername, trust }: DialOptions, target: Target): TlsState {
  const raw = socket.getPeerCertificate();
  const cert = peerCertificate(raw);
  if (trust.mode !== "insecure") {
    // A name that does not fit is left to the next check: the runtimes look at the address where there is no name.
    const code = String(socket.authorizationError ?? "unknown reason");
    if (cert === undefined || (!socket.authorized && code !== "ERR_TLS_CERT_ALTNAME_INVALID")) {
      throw certificateError(code, cert, target);
    }
    if (!isFor(servername, raw)) {
      const names = raw.subjectaltname ?? cert.subject;
      throw connectError("hostname", target, `the server's certificate is not for "${servername}" but for ${names}`);
    }
  }
  if (trust.pins !== undefined && trust.pins.length > 0) checkPin(trust.pins, cert, target);
  const protocol = socket.getProtocol() ?? "";
  if (protocol !== "TLSv1.3") {
    throw connectError("tls-version", target, `the server chose ${protocol}, TLS 1.3 is needed`);
  }
  // A server without ALPN says nothing, and the handshake succeeds.
  if (socket.alpnProtocol !== "h2") throw connectError("alpn", target, "the server does not offer HTTP/2 (ALPN h2)");
  return tlsState(socket, trust.mode !== "insecure", cert);
}

/** Node 22's `checkServerIdentity` knows no IPv6 address, and Deno's `checkHost` no wildcard. */
function isFor(servername: string, cert: NodeCertificate): boolean {
  if (isIP(servername) === 0) return checkServerIdentity(servername, cert) === undefined;
  return new X509Certificate(cert.raw).checkIP(plainAddress(servername)) !== undefined;
}

function checkPin(pins: readonly string[], cert: PeerCertificate | undefined, target: Target): void {
  const found = cert === undefined ? "no certificate" : spkiPin(cert.raw);
  if (pins.includes(found)) return;
  throw connectError("pin", target, `the server's public key is ${found}, expected ${pins.join(" or ")}`);
}

/** `authorized` is given, not read: Deno's servers say true although no certificate was asked for. */
export function tlsState(socket: TLSSocket, authorized: boolean, cert: PeerCertificate | undefined): TlsState {
  return {
    protocol: socket.getProtocol() ?? "",
    cipher: socket.getCipher().name,
    alpn: socket.alpnProtocol || "",
    authorized,
    ...(cert === undefined ? {} : { peerCertificate: cert }),
  };
}
