/** Turns what the runtimes say about a failed handshake of a client into one sentence with its address. @module */
import { joinAddress } from "../address.ts";
import type { NetAddr } from "../contract.ts";
import { describe } from "./connect_error.ts";

/** By `error.code`: OpenSSL's and BoringSSL's names, which Deno gives the errors of rustls too. */
const CODES: readonly (readonly [pattern: RegExp, says: string])[] = [
  [/_PEER_DID_NOT_RETURN_A_CERTIFICATE$/, "it shows no client certificate"],
  [/^(CERT_\w+|UNABLE_TO_\w+|DEPTH_ZERO_\w+|SELF_SIGNED_\w+)$/, "its client certificate is not accepted"],
  [/_NO_APPLICATION_PROTOCOL$/, "it does not offer HTTP/2 (ALPN h2)"],
  [/_UNSUPPORTED_PROTOCOL$/, "it does not offer TLS 1.3"],
  [/_(HTTP_REQUEST|WRONG_VERSION_NUMBER)$/, "it does not speak TLS"],
  [/_ALERT_(UNKNOWN_CA|(BAD|UNSUPPORTED)_CERTIFICATE|CERTIFICATE_\w+)$/, "it does not accept the server's certificate"],
  [/^(ECONNRESET|EPIPE|ECONNABORTED)$/, "it closed the connection during its handshake"],
];

/** What only the message tells, on Deno: its code is ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE. */
const DENO_TLS12 = /Tls12NotOfferedOrEnabled|ServerTlsVersionIsDisabledByOurConfig/;

/** Why no connection with `remote` came about. `error`: the runtime's, or one of our own that says it well. */
export function acceptError(remote: NetAddr, error: Error): Error {
  const { code, message } = describe(error);
  const says = DENO_TLS12.test(message)
    ? "it does not offer TLS 1.3"
    : CODES.find(([pattern]) => pattern.test(code))?.[1] ?? message;
  const sentence = `Cannot accept ${joinAddress(remote)}: ${code === "" ? says : `${says} (${code})`}`;
  return new Error(sentence, { cause: error });
}
