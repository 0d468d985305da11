/** What is read out of certificates: the peer's description, and the pin of its public key. @module */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { DetailedPeerCertificate, PeerCertificate as NodeCertificate } from "node:tls";
import type { PeerCertificate } from "../contract.ts";

/** A certificate as `getPeerCertificate` gives it, or undefined for the empty object that stands for none. */
export function peerCertificate(cert: NodeCertificate | DetailedPeerCertificate | null): PeerCertificate | undefined {
  if (!cert?.raw) return undefined;
  return {
    subject: distinguished(cert.subject),
    issuer: distinguished(cert.issuer),
    validFrom: new Date(cert.valid_from),
    validTo: new Date(cert.valid_to),
    fingerprint256: cert.fingerprint256,
    raw: new Uint8Array(cert.raw),
  };
}

function distinguished(name: object): string {
  const parts: string[] = [];
  for (const [key, value] of Object.entries(name as Record<string, string | string[]>)) {
    for (const one of Array.isArray(value) ? value : [value]) parts.push(`${key}=${one}`);
  }
  return parts.join(", ");
}

/**
 * SHA-256 of the public key (SPKI) of a certificate, base64: what `openssl x509 -pubkey | openssl pkey -pubin -outform
 * der | openssl dgst -sha256 -binary | base64` prints, and what a client pins. Takes DER, or PEM (its first certificate).
 * Throws a `TypeError` for anything else.
 */
export function spkiPin(cert: string | Uint8Array): string {
  return createHash("sha256").update(spki(toDer(cert))).digest("base64");
}

/** Whether a pin has the form of one: base64 of 32 bytes. */
export function isPin(pin: string): boolean {
  return /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(pin);
}

/** The certificates of a PEM text, as DER. */
export function pemCertificates(pem: string): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const block of pem.matchAll(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]*)-----END /g)) {
    found.push(new Uint8Array(Buffer.from(block[1] ?? "", "base64")));
  }
  return found;
}

function toDer(cert: string | Uint8Array): Uint8Array {
  // DER starts with a SEQUENCE ("0") of long length (a byte that is not ASCII).
  if (typeof cert !== "string" && cert[0] === 0x30 && (cert[1] ?? 0) >= 0x80) return cert;
  const [first] = pemCertificates(typeof cert === "string" ? cert : Buffer.from(cert).toString("latin1"));
  if (first === undefined) throw new TypeError("Cannot read the certificate: it is neither PEM nor DER");
  return first;
}

/**
 * The SubjectPublicKeyInfo inside a DER certificate (RFC 5280 section 4.1), byte for byte. Not by way of
 * `X509Certificate.publicKey.export`: that encodes anew, knows fewer key types on Deno and Bun, and costs more.
 */
function spki(der: Uint8Array): Uint8Array {
  const certificate = element(der, 0);
  const tbs = element(der, certificate.start);
  let at = element(der, tbs.start);
  // [0] version is absent in version 1 certificates.
  if (der[tbs.start] === 0xa0) at = element(der, at.end);
  // serialNumber, signature, issuer, validity, subject
  for (let skip = 0; skip < 5; skip++) at = element(der, at.end);
  return der.subarray(at.from, at.end);
}

function element(der: Uint8Array, from: number): { from: number; start: number; end: number } {
  let start = from + 2;
  let length = byte(der, from + 1);
  if (length > 0x80) {
    const bytes = length & 0x7f;
    length = 0;
    for (let i = 0; i < bytes; i++) length = length * 256 + byte(der, start + i);
    start += bytes;
  }
  const end = start + length;
  if (end > der.length) throw cutShort();
  return { from, start, end };
}

function byte(der: Uint8Array, at: number): number {
  const value = der[at];
  if (value === undefined) throw cutShort();
  return value;
}

function cutShort(): TypeError {
  return new TypeError("Cannot read the certificate: its DER is broken");
}
