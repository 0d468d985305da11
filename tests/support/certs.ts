/**
 * Certificates for tests: EC P-256, good until 2120, made by `scripts/certs.sh`. Nothing here is a secret.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A certificate and its key, as PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}
/** With the pin of its public key: SHA-256 of the SPKI, base64. */
export interface PinnedPair extends Pair {
  readonly pin: string;
}

/** The path of a file in `certs/`, for options that take one. */
export function certFile(name: string): string {
  return fileURLToPath(new URL(`./certs/${name}`, import.meta.url));
}

/** The authority behind everything that is not called `foreign`. */
export const ca: string = read("ca.pem");
/** An authority that a test does not trust. */
export const otherCa: string = read("other-ca.pem");
/** For localhost, 127.0.0.1 and ::1. */
export const server: PinnedPair = pinned("server");
/** For the same names, with another key. */
export const renewed: PinnedPair = pinned("renewed");
/** For the same names; ended in February 2020. */
export const expired: Pair = pair("expired");
/** For wrong.example only. */
export const wrongHost: Pair = pair("wrong-host");
/** For the same names, signed by `otherCa`. */
export const foreign: PinnedPair = pinned("foreign");
/** Signed by itself, as a development certificate is. */
export const selfSigned: PinnedPair = pinned("self-signed");
/** A client's, "CN=test client". */
export const client: Pair = pair("client");
/** A client's, signed by `otherCa`. */
export const foreignClient: Pair = pair("foreign-client");

function read(name: string): string {
  return readFileSync(certFile(name), "utf8");
}
function pair(name: string): Pair {
  return { cert: read(`${name}.pem`), key: read(`${name}.key`) };
}
// Not enumerable: a pair is given to pools as it is, and they refuse an option that they do not know.
function pinned(name: string): PinnedPair {
  return Object.defineProperty(pair(name), "pin", { value: read(`${name}.pin`).trim() }) as PinnedPair;
}
