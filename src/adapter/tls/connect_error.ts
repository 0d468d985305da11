/** Turns what the runtimes say about a failed connection into a {@linkcode ConnectError} that names what was wrong. @module */
import { joinAddress } from "../address.ts";
import { ConnectError, type ConnectFault, type PeerCertificate } from "../contract.ts";

const NO_H2 = "the server does not offer HTTP/2 (ALPN h2)";
const NO_TLS13 = "the server does not offer TLS 1.3";

type Rule = readonly [pattern: RegExp, kind: ConnectFault, says: string];

/** What was being connected to. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
  readonly servername: string;
  /** Whether a client certificate was at hand. */
  readonly identified: boolean;
}

/**
 * What `error.code` means. The codes of the system are the same everywhere. Those of TLS differ: Node 22 to 26 speak
 * OpenSSL 3 (ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED, ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE), Bun speaks BoringSSL
 * (ERR_SSL_TLSV1_ALERT_CERTIFICATE_REQUIRED), Deno gives the errors of rustls OpenSSL's names
 * (ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE).
 */
const CODES: readonly Rule[] = [
  [/^ECONNREFUSED$/, "refused", "nothing listens there, connection refused"],
  [/^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)$/, "unreachable", "there is no way to this address"],
  // EINVAL: a link-local IPv6 address without its interface. EACCES, EPERM: a local firewall.
  [/^(EINVAL|EACCES|EPERM|EAFNOSUPPORT)$/, "unreachable", "the system does not allow this address"],
  [/^(ENOTFOUND|ENODATA|ESERVFAIL|EAI_\w+)$/, "dns", "this name has no address"],
  [/^ETIMEDOUT$/, "timeout", "the host does not answer"],
  [/^(ECONNRESET|EPIPE|ECONNABORTED)$/, "reset", ""],
  [/_NO_APPLICATION_PROTOCOL$/, "alpn", NO_H2],
  // The server's alert, or our own answer to a server that picks TLS 1.2 all the same.
  [/_ALERT_PROTOCOL_VERSION$|^ERR_SSL_UNSUPPORTED_PROTOCOL$/, "tls-version", NO_TLS13],
  // An alert about a certificate that a client receives is about its own: RFC 8446 section 6.2.
  [/_ALERT_((BAD|UNSUPPORTED)_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|ACCESS_DENIED)$/, "client-certificate", ""],
  // Deno, where the server cannot prove that the certificate is its own. Node and Bun: ERR_SSL_..._SIGNATURE....
  [/^UNABLE_TO_VERIFY_LEAF_SIGNATURE$/, "tls", "the server's certificate is broken, or not its own"],
  [/^ERR_SSL_WRONG_VERSION_NUMBER$/, "tls", "what answers there does not speak TLS"],
  [/_UNRECOGNIZED_NAME$/, "tls", "the server does not serve this name"],
];

/** What only the message tells, on Deno: the code of all of these is ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE. */
const DENO_MESSAGES: readonly Rule[] = [
  [/AccessDenied$/, "client-certificate", ""],
  [/ServerTlsVersionIsDisabledByOurConfig/, "tls-version", NO_TLS13],
  [/UnrecognisedName$/, "tls", "the server does not serve this name"],
];

/**
 * Why no connection came about. `error` is what ended it, undefined for a plain end-of-file. For the whole time until
 * the peer's SETTINGS: under TLS 1.3 a server's refusal of the client's certificate is read only after the client
 * thought the handshake done.
 */
export function asConnectError(error: unknown, target: Target, during: "tls" | "settings" = "settings"): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error === undefined) return ended(target, during);
  const { code, message } = describe(error);
  const rule = DENO_MESSAGES.find(([pattern]) => pattern.test(message)) ??
    CODES.find(([pattern]) => pattern.test(code));
  const [, kind, says] = rule ?? [undefined, "tls" as const, `the TLS handshake failed, ${message}`];
  if (kind === "client-certificate") return refusedCertificate(target, error, code);
  if (kind === "reset") return ended(target, during, error);
  return connectError(kind, target, code === "" ? says : `${says} (${code})`, error);
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

/** The server demands a certificate, or another one than it was shown. `code` is how it said so. */
export function refusedCertificate(target: Target, cause: unknown, code: string): ConnectError {
  const says = target.identified
    ? "the server refused the client certificate that was shown"
    : "the server demands a client certificate, and there is none to show";
  return connectError("client-certificate", target, `${says} (${code})`, cause);
}

/**
 * End-of-file or reset. Between handshake and SETTINGS it may be a refused client certificate: Deno's `node:tls` servers,
 * and other people's of every runtime, refuse an unfit one by closing without an alert, and the alert of others is lost when the reset that our
 * preface provokes overtakes it. A restart looks alike, so that it stays something that may pass.
 */
function ended(target: Target, during: "tls" | "settings", cause?: unknown): ConnectError {
  const maybe = target.identified ? "it may have refused the client certificate" : "it may demand a client certificate";
  const says = during === "tls"
    ? "closed the connection during the TLS handshake"
    : `closed the connection at once, ${maybe}`;
  return connectError("reset", target, `the other side ${says}`, cause);
}

/** An error's code and words. Where several addresses were tried, the first one's error stands for all. */
export function describe(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: "", message: String(error) };
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  const { code, reason } = error as Error & { code?: unknown; reason?: unknown };
  // OpenSSL's message is a line of its log, `reason` the words in it.
  const message = typeof reason === "string" ? reason : error.message;
  return { code: typeof code === "string" ? code : "", message: message.trim() };
}
