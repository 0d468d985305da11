/** Turns what the runtimes say about a failed connection into a {@linkcode ConnectError} that names what was wrong. @module */
import { joinAddress } from "../address.ts";
import { ConnectError, type ConnectFault, type PeerCertificate } from "../contract.ts";

/** What was being connected to. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
  readonly servername: string;
  /** Whether a client certificate was at hand. */
  readonly identified: boolean;
}

/**
 * What `error.code` and `error.message` tell, first match wins. The codes of the system are the same everywhere. Those
 * of TLS differ: Node 22 to 26 speak OpenSSL 3 (`ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED`), Bun speaks BoringSSL
 * (`ERR_SSL_TLSV1_ALERT_CERTIFICATE_REQUIRED`), Deno renames the errors of rustls to OpenSSL's where it knows one
 * (`ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: received fatal alert: UnrecognisedName`), so the message is looked at too.
 */
const RULES: readonly (readonly [pattern: RegExp, kind: ConnectFault, says: string])[] = [
  [/^ECONNREFUSED\b/, "refused", "connection refused, nothing listens there"],
  [/^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)\b/, "unreachable", "there is no way to this address"],
  // EINVAL: a link-local IPv6 address without its interface. EACCES, EPERM: a local firewall, or a broadcast address.
  [/^(EINVAL|EACCES|EPERM|EAFNOSUPPORT)\b/, "unreachable", "the system does not allow this address"],
  [/^(DNS_)?(ENOTFOUND|ENODATA|ESERVFAIL|EAI_\w+)\b/, "dns", "this name has no address"],
  [/^ETIMEDOUT\b/, "timeout", "the host does not answer"],
  [/NO_APPLICATION_PROTOCOL|NoApplicationProtocol/, "alpn", "the server does not offer HTTP/2 (ALPN h2)"],
  [/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|ProtocolVersion/, "tls-version", "the server does not offer TLS 1.3"],
  // Deno, where the server picks TLS 1.2 instead of sending the alert.
  [
    /ServerDoesNotSupportTls|ServerTlsVersionIsDisabled|SelectedUnofferedVersion/,
    "tls-version",
    "the server does not offer TLS 1.3",
  ],
  // An alert about a certificate that a client receives is about its own: RFC 8446 section 6.2.
  [
    /CERTIFICATE_REQUIRED|CertificateRequired|ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|ACCESS_DENIED)|fatal alert: (BadCertificate|UnsupportedCertificate|Certificate\w+|UnknownCA|AccessDenied)/,
    "client-certificate",
    "",
  ],
  [
    /UNABLE_TO_(GET|VERIFY)_|SELF_SIGNED_CERT|^CERT_|CERTIFICATE_VERIFY_FAILED|INVALID_CA\b/,
    "authority",
    "its certificate could not be verified",
  ],
  [/WRONG_VERSION_NUMBER|HTTP_REQUEST|InvalidContentType/, "tls", "what answers there does not speak TLS"],
  [/^ERR_SSL_|^ERR_TLS_|^EPROTO\b|SSL routines|fatal alert/, "tls", "the TLS handshake failed"],
  [
    /^(ECONNRESET|EPIPE|ECONNABORTED|ERR_STREAM_|ERR_SOCKET_CLOSED)|socket disconnected|socket hang up/,
    "reset",
    "the connection was cut",
  ],
];

/**
 * Why no connection came about. `error` is what ended it, undefined for a plain end-of-file. For the whole time until
 * the peer's SETTINGS: under TLS 1.3 a server's refusal of the client's certificate is read only after the client
 * thought the handshake done.
 */
export function asConnectError(error: unknown, target: Target): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error === undefined) return ended(target);
  const { code, message } = describe(error);
  for (const [pattern, kind, says] of RULES) {
    if (!pattern.test(code) && !pattern.test(message)) continue;
    if (kind === "client-certificate") return refusedCertificate(target, error, code);
    if (kind === "reset") return ended(target, error);
    return connectError(kind, target, code === "" ? says : `${says} (${code})`, error);
  }
  return connectError("tls", target, message || code || String(error), error);
}

/** A {@linkcode ConnectError} whose message starts with the address. */
export function connectError(kind: ConnectFault, target: Target, says: string, cause?: unknown): ConnectError {
  return new ConnectError(
    kind,
    `Cannot connect to ${joinAddress(target)}: ${says}`,
    cause === undefined ? undefined : { cause },
  );
}

/** What is wrong with the certificate whose check ended in `code`. */
export function certificateError(code: string, cert: PeerCertificate | undefined, target: Target): ConnectError {
  const who = cert === undefined ? "the server's certificate" : `the server's certificate "${cert.subject}"`;
  // By the dates, not by the code: Deno calls an expired certificate UNABLE_TO_VERIFY_LEAF_SIGNATURE, and so does Bun
  // when no authority was given.
  const now = Date.now();
  if (cert !== undefined && cert.validTo.getTime() < now) {
    return connectError("expired", target, `${who} expired on ${cert.validTo.toISOString()}`);
  }
  if (cert !== undefined && cert.validFrom.getTime() > now) {
    return connectError("expired", target, `${who} is not valid before ${cert.validFrom.toISOString()}`);
  }
  // Not this certificate but one above it.
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    return connectError("expired", target, `an authority of ${who} has expired or is not valid yet (${code})`);
  }
  const from = cert === undefined || cert.issuer === cert.subject ? "is self-signed and" : `from "${cert.issuer}"`;
  return connectError("authority", target, `${who} ${from} leads to no trusted authority (${code})`);
}

function refusedCertificate(target: Target, cause: unknown, code: string): ConnectError {
  const says = target.identified
    ? "the server refused the client certificate that was shown"
    : "the server demands a client certificate, and there is none to show";
  return connectError("client-certificate", target, `${says} (${code})`, cause);
}

/**
 * End-of-file or reset before SETTINGS. `node:tls` servers refuse a client certificate in just this way, on every
 * runtime: they close without an alert. It may pass all the same (a restart looks alike), so it stays a reset.
 */
function ended(target: Target, cause?: unknown): ConnectError {
  const maybe = target.identified ? "; it may have refused the client certificate" : "";
  return connectError("reset", target, `the other side closed the connection before it was ready${maybe}`, cause);
}

/** The runtimes put the code in `code`, some of Deno's only in the message; an AggregateError stands for several addresses. */
function describe(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: "", message: String(error) };
  const { code } = error as Error & { code?: unknown };
  if (error instanceof AggregateError && error.errors.length > 0 && typeof code !== "string") {
    return describe(error.errors[0]);
  }
  return { code: typeof code === "string" ? code : "", message: error.message };
}
