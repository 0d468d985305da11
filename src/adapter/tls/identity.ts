/** Checks certificates and keys before a socket sees them. @module */
import { Buffer } from "node:buffer";
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { ConnectError } from "../contract.ts";
import { pemCertificates } from "./certificate.ts";

/** A certificate chain and its private key, as PEM. */
export interface KeyPair {
  cert: string | Uint8Array;
  key: string | Uint8Array;
}

/**
 * Throws a `ConnectError` of kind "tls" that says what is broken. Needed because Deno's `createServer`,
 * `createSecureContext` and `setSecureContext` take any text without a word and fail with every handshake, and because
 * an empty one passes everywhere.
 */
export function checkKeyPair(pair: KeyPair): void {
  const [leaf] = parseCertificates("certificate", pair.cert);
  let key: KeyObject;
  try {
    key = createPrivateKey(asBuffer(pair.key));
  } catch (cause) {
    throw new ConnectError("tls", "Cannot use the private key: it is not a readable, unencrypted PEM key", { cause });
  }
  if (leaf === undefined || !leaf.checkPrivateKey(key)) {
    throw new ConnectError(
      "tls",
      `Cannot use the private key: it does not belong to the certificate "${oneLine(leaf?.subject ?? "")}"`,
    );
  }
}

/** The same for authorities. Deno only prints a line about a broken one, Node passes over text without any. */
export function checkAuthority(pem: string | Uint8Array): void {
  parseCertificates("authority", pem);
}

function parseCertificates(what: string, pem: string | Uint8Array): X509Certificate[] {
  const blocks = pemCertificates(typeof pem === "string" ? pem : Buffer.from(pem).toString("latin1"));
  if (blocks.length === 0) throw new ConnectError("tls", `Cannot use the ${what}: there is no PEM certificate in it`);
  return blocks.map((der, i) => {
    try {
      return new X509Certificate(der);
    } catch (cause) {
      throw new ConnectError(
        "tls",
        `Cannot use the ${what}: certificate ${i + 1} of ${blocks.length} in it is broken`,
        { cause },
      );
    }
  });
}

/** What `node:tls` takes on every runtime. */
export function asBuffer(pem: string | Uint8Array): Buffer {
  return typeof pem === "string" ? Buffer.from(pem) : Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength);
}

function oneLine(name: string): string {
  return name.trim().split("\n").join(", ");
}
