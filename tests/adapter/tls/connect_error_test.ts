import { assertEquals, assertStringIncludes } from "@std/assert";
import { ConnectError, type ConnectFault, type PeerCertificate } from "../../../src/adapter/contract.ts";
import { asConnectError, certificateError, type Target } from "../../../src/adapter/tls/connect_error.ts";
import { test } from "../../support/harness.ts";

const target: Target = { hostname: "h.example", port: 443, servername: "h.example", identified: false };

function error(code: string | undefined, message: string, reason?: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code }, reason === undefined ? {} : { reason });
}

// As the runtimes were seen to report it, where a test over sockets cannot bring it about (those that it can are in dial_test.ts).
const SEEN: [runtime: string, kind: ConnectFault, code: string, message: string, says: string][] = [
  ["all", "unreachable", "EHOSTUNREACH", "connect EHOSTUNREACH 192.0.2.1:443", "no way to this address (EHOSTUNREACH)"],
  ["all", "unreachable", "ENETUNREACH", "connect ENETUNREACH 192.0.2.1:443", "no way to this address"],
  ["all", "unreachable", "EADDRNOTAVAIL", "connect EADDRNOTAVAIL ::2:443", "no way to this address"],
  ["all", "unreachable", "EINVAL", "connect EINVAL fe80::1:443", "the system does not allow this address"],
  ["all", "unreachable", "EACCES", "connect EACCES 255.255.255.255:443", "the system does not allow this address"],
  ["all", "dns", "EAI_AGAIN", "getaddrinfo EAI_AGAIN h.example", "this name has no address (EAI_AGAIN)"],
  ["all", "timeout", "ETIMEDOUT", "connect ETIMEDOUT 192.0.2.1:443", "the host does not answer"],
  ["all", "reset", "EPIPE", "write EPIPE", "closed the connection"],
  ["all", "reset", "ECONNRESET", "read ECONNRESET", "closed the connection"],
  [
    "node",
    "client-certificate",
    "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE",
    "...SSL alert number 42",
    "demands a client certificate",
  ],
  ["node", "client-certificate", "ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN", "...SSL alert number 46", "demands"],
  ["node", "client-certificate", "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "...SSL alert number 48", "demands"],
  ["node", "client-certificate", "ERR_SSL_TLSV1_ALERT_ACCESS_DENIED", "...SSL alert number 49", "demands"],
  ["bun", "client-certificate", "ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "error:1000", "demands"],
  ["bun", "client-certificate", "ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", "error:1000", "demands"],
  [
    "deno",
    "client-certificate",
    "ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED",
    "received fatal alert: CertificateRevoked",
    "demands",
  ],
  [
    "deno",
    "client-certificate",
    "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
    "received fatal alert: AccessDenied",
    "demands",
  ],
  ["node", "tls", "ERR_SSL_TLSV1_UNRECOGNIZED_NAME", "...SSL alert number 112", "does not serve this name"],
  ["bun", "tls", "ERR_SSL_TLSV1_ALERT_UNRECOGNIZED_NAME", "error:1000", "does not serve this name"],
  [
    "deno",
    "tls",
    "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
    "received fatal alert: UnrecognisedName",
    "does not serve this name",
  ],
  [
    "deno",
    "tls",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "unable to verify the first certificate",
    "is broken, or not its own",
  ],
  [
    "node",
    "tls",
    "ERR_SSL_PROVIDER_SIGNATURE_FAILURE",
    "...:provider signature failure:...",
    "the TLS handshake failed",
  ],
];

test("what the runtimes report is understood", () => {
  for (const [runtime, kind, code, message, says] of SEEN) {
    const cause = error(code, message);
    const made = asConnectError(cause, target);
    assertEquals([runtime, code, made.kind, made.cause], [runtime, code, kind, cause]);
    assertStringIncludes(made.message, "Cannot connect to h.example:443: ");
    assertStringIncludes(made.message, says);
  }
});

test("the first of several addresses stands for all", () => {
  const all = new AggregateError([error("ECONNREFUSED", "connect ECONNREFUSED ::1:443"), error("ETIMEDOUT", "")], "");
  const made = asConnectError(all, target);
  assertEquals([made.kind, made.cause], ["refused", all]);
});

test("an error that nobody knows keeps its words", () => {
  const made = asConnectError(error("ERR_SSL_NEW", "a line of the log\n", "new kind of failure"), target);
  assertEquals(
    made.message,
    "Cannot connect to h.example:443: the TLS handshake failed, new kind of failure (ERR_SSL_NEW)",
  );
  assertEquals([made.kind, asConnectError("a string", target).kind], ["tls", "tls"]);
});

test("a ConnectError stays what it is", () => {
  const first = new ConnectError("pin", "x");
  assertEquals(asConnectError(first, target), first);
});

test("an end before SETTINGS may be about the client certificate, one during the handshake is not", () => {
  const shown = { ...target, identified: true };
  assertStringIncludes(asConnectError(undefined, target).message, "at once, it may demand a client certificate");
  assertStringIncludes(asConnectError(undefined, shown).message, "at once, it may have refused the client certificate");
  const during = asConnectError(undefined, shown, "tls");
  assertEquals(
    during.message,
    "Cannot connect to h.example:443: the other side closed the connection during the TLS handshake",
  );
  const refused = asConnectError(error("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", ""), shown);
  assertStringIncludes(refused.message, "the server refused the client certificate that was shown");
});

test("an IPv6 address is shown in brackets", () => {
  const made = asConnectError(undefined, { ...target, hostname: "2001:db8::1" });
  assertStringIncludes(made.message, "Cannot connect to [2001:db8::1]:443: ");
});

test("a certificate that fails is described by its own dates first", () => {
  const day = 86_400_000;
  const cert = (from: number, to: number, issuer = "CN=a"): PeerCertificate => ({
    subject: "CN=h",
    issuer,
    validFrom: new Date(Date.now() + from * day),
    validTo: new Date(Date.now() + to * day),
    fingerprint256: "",
    raw: new Uint8Array(),
  });
  const said = (code: string, given: PeerCertificate | undefined): string[] => {
    const made = certificateError(code, given, target);
    return [made.kind, made.message.replace(/.*443: /, "").replace(/\d{4}-.*Z/, "DATE")];
  };
  assertEquals(said("ANY", cert(-2, -1)), ["expired", 'the server\'s certificate "CN=h" expired on DATE']);
  assertEquals(said("ANY", cert(1, 2)), ["expired", 'the server\'s certificate "CN=h" is not valid before DATE']);
  assertEquals(said("CERT_HAS_EXPIRED", cert(-1, 1))[0], "expired");
  assertStringIncludes(said("CERT_HAS_EXPIRED", cert(-1, 1))[1] ?? "", "an authority of");
  assertEquals(said("ANY", cert(-1, 1)), [
    "authority",
    'the server\'s certificate "CN=h" from "CN=a" leads to no trusted authority (ANY)',
  ]);
  assertEquals(said("ANY", cert(-1, 1, "CN=h")), [
    "authority",
    'the server\'s certificate "CN=h" is self-signed and leads to no trusted authority (ANY)',
  ]);
  assertEquals(said("ANY", undefined)[0], "authority");
});
