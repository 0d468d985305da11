import { assertEquals, assertStrictEquals } from "@std/assert";
import type { NetAddr } from "../../../src/adapter/contract.ts";
import { acceptError } from "../../../src/adapter/tls/accept_error.ts";
import { test } from "../../support/harness.ts";

const remote: NetAddr = { transport: "tcp", hostname: "::1", port: 4_711 };

function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

test("a refused client is one sentence with its address, not a line of OpenSSL's log", () => {
  const cases = [
    [
      "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE",
      "40CD:error:0A0000C7:SSL routines:x:y:z.c:3764:\n",
      "it shows no client certificate",
    ],
    ["CERT_HAS_EXPIRED", "certificate has expired", "its client certificate is not accepted"],
    ["ERR_SSL_UNSUPPORTED_PROTOCOL", "40CD:error:0A000102:SSL routines:x:y", "it does not offer TLS 1.3"],
    [
      "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
      "peer is incompatible: Tls12NotOfferedOrEnabled",
      "it does not offer TLS 1.3",
    ],
    ["ERR_SSL_HTTP_REQUEST", "error:1000009c:SSL routines:OPENSSL_internal:HTTP_REQUEST", "it does not speak TLS"],
    [
      "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
      "received fatal alert: UnknownCA",
      "it does not accept the server's certificate",
    ],
    ["ECONNRESET", "socket hang up", "it closed the connection during its handshake"],
    ["ERR_OTHER", "something new", "something new"],
  ] as const;
  for (const [code, message, says] of cases) {
    const cause = coded(code, message);
    const error = acceptError(remote, cause);
    assertEquals(error.message, `Cannot accept [::1]:4711: ${says} (${code})`);
    assertStrictEquals(error.cause, cause);
  }
});

test("what is no error of TLS keeps its words", () => {
  assertEquals(acceptError(remote, new Error("it is late")).message, "Cannot accept [::1]:4711: it is late");
});
