/**
 * Certificates, keys and authorities: given as text or bytes, or as files that are read at the start and watched.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { ClientTrust, ServerIdentity } from "../adapter/contract.ts";
import { isPin } from "../adapter/tls/certificate.ts";
import { checkAuthority, checkKeyPair } from "../adapter/tls/identity.ts";
import { optionError, PoolError, SECRET } from "../core/errors.ts";
import type { Checks } from "../core/options.ts";
import { known } from "./known.ts";
import type { ClientTls, ServerTls } from "./options.ts";

type Pem = string | Uint8Array;

/** Where one piece comes from. */
export type Source = { readonly pem: Pem } | { readonly file: string } | undefined;

/** All that a side needs, not read yet. `ca` is a server's `clientCa`. */
export interface Material {
  readonly mode: "verified" | "insecure";
  readonly pins: readonly string[] | undefined;
  readonly cert: Source;
  readonly key: Source;
  readonly ca: Source;
}

/** The same, read. */
export interface ReadMaterial {
  readonly cert: Pem | undefined;
  readonly key: Pem | undefined;
  readonly ca: Pem | undefined;
}

/** Checks `ServerTls`. With `before`, what a renewal leaves out stays: the pair as a whole, and the authority. */
export function serverMaterial(check: Checks, tls: ServerTls | undefined, before?: Material): Material {
  const given = check.object("tls", tls) ?? {};
  known(check, "tls.", given, ["cert", "key", "certFile", "keyFile", "clientCa", "clientCaFile"]);
  const material = {
    mode: "verified" as const,
    pins: undefined,
    ...pair(check, given, before),
    ca: source(check, "clientCa", given.clientCa, given.clientCaFile) ?? before?.ca,
  };
  if (material.cert === undefined) {
    throw check.error("tls.cert", undefined, "but a server needs `cert` and `key`, or `certFile` and `keyFile`");
  }
  return checkInline(check, material);
}

/** Checks the client's `tls`. With `before`, what a renewal leaves out stays. */
export function clientMaterial(
  check: Checks,
  tls: "verified" | "insecure" | ClientTls | undefined,
  before?: Material,
): Material {
  if (typeof tls === "string") {
    return clientMaterial(check, { mode: check.oneOf("tls", tls, MODES, "verified") }, before);
  }
  const given = check.object("tls", tls) ?? {};
  known(check, "tls.", given, ["mode", "ca", "caFile", "cert", "key", "certFile", "keyFile", "pin"]);
  return checkInline(check, {
    mode: check.oneOf("tls.mode", given.mode, MODES, before?.mode ?? "verified"),
    pins: pins(check, given.pin) ?? before?.pins,
    ...pair(check, given, before),
    ca: source(check, "ca", given.ca, given.caFile) ?? before?.ca,
  });
}

const MODES = ["verified", "insecure"] as const;

/** Reads the files. Rejects with the system's error, or with a `ConnectError` that says what is broken. */
export async function readMaterial({ cert, key, ca }: Material): Promise<ReadMaterial> {
  const read = async (source: Source): Promise<Pem | undefined> =>
    source === undefined ? undefined : "pem" in source ? source.pem : await readFile(source.file);
  return checkRead({ cert: await read(cert), key: await read(key), ca: await read(ca) });
}

/** The same at once, for a renewal by the user. */
export function readMaterialSync({ cert, key, ca }: Material): ReadMaterial {
  const read = (source: Source): Pem | undefined =>
    source === undefined ? undefined : "pem" in source ? source.pem : readFileSync(source.file);
  return checkRead({ cert: read(cert), key: read(key), ca: read(ca) });
}

/** The files among the sources. */
export function filesOf({ cert, key, ca }: Material): string[] {
  return [cert, key, ca].flatMap((source) => source !== undefined && "file" in source ? [source.file] : []);
}

/** For `Engine.listen`. */
export function identityOf({ cert, key, ca }: ReadMaterial): ServerIdentity {
  return { cert: cert!, key: key!, ...(ca === undefined ? {} : { clientCa: ca }) };
}

/** For `Engine.connect`. */
export function trustOf({ mode, pins }: Material, { cert, key, ca }: ReadMaterial): ClientTrust {
  return {
    mode,
    ...(pins === undefined ? {} : { pins }),
    ...(cert === undefined ? {} : { cert, key: key! }),
    ...(ca === undefined ? {} : { ca }),
  };
}

/** Whether two readings are the same, byte by byte. */
export function sameMaterial(a: ReadMaterial, b: ReadMaterial): boolean {
  return same(a.cert, b.cert) && same(a.key, b.key) && same(a.ca, b.ca);
}

function same(a: Pem | undefined, b: Pem | undefined): boolean {
  if (typeof a !== "object" || typeof b !== "object") return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function checkRead(read: ReadMaterial): ReadMaterial {
  if (read.cert !== undefined) checkKeyPair({ cert: read.cert, key: read.key! });
  if (read.ca !== undefined) checkAuthority(read.ca);
  return read;
}

// What is given as text is checked in the constructor; what is in files when they are read.
function checkInline(check: Checks, material: Material): Material {
  const { cert, key, ca } = material;
  const attempt = (option: string, run: () => void): void => {
    try {
      run();
    } catch (error) {
      throw check.error(option, SECRET, `but broken: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  if (cert !== undefined && "pem" in cert && key !== undefined && "pem" in key) {
    attempt("tls.cert", () => checkKeyPair({ cert: cert.pem, key: key.pem }));
  }
  if (ca !== undefined && "pem" in ca) attempt("tls.ca", () => checkAuthority(ca.pem));
  return material;
}

function pair(
  check: Checks,
  tls: { cert?: Pem; key?: Pem; certFile?: string; keyFile?: string },
  before: Material | undefined,
): { readonly cert: Source; readonly key: Source } {
  const cert = source(check, "cert", tls.cert, tls.certFile);
  const key = source(check, "key", tls.key, tls.keyFile);
  if (cert !== undefined && key === undefined) throw check.error("tls.key", undefined, "but `tls.cert` needs its key");
  if (cert === undefined && key !== undefined) {
    throw check.error("tls.cert", undefined, "but `tls.key` needs its certificate");
  }
  return cert === undefined ? { cert: before?.cert, key: before?.key } : { cert, key };
}

function source(check: Checks, option: string, pem: unknown, file: unknown): Source {
  if (pem !== undefined && file !== undefined) {
    throw check.error(`tls.${option}File`, file, `but \`tls.${option}\` is given too`);
  }
  if (file !== undefined) return { file: check.string(`tls.${option}File`, file, "") };
  if (pem === undefined) return undefined;
  if ((typeof pem === "string" && pem !== "") || pem instanceof Uint8Array) return { pem };
  throw check.error(`tls.${option}`, SECRET, "but not to PEM text or bytes");
}

function pins(check: Checks, pin: unknown): readonly string[] | undefined {
  if (pin === undefined) return undefined;
  const list: readonly unknown[] = Array.isArray(pin) ? pin : [pin];
  if (list.length === 0) throw check.error("tls.pin", pin, "but an empty list would let nobody in");
  return list.map((one) => {
    if (typeof one === "string" && isPin(one)) return one;
    throw check.error("tls.pin", one, "not the SHA-256 of a public key in base64 (44 characters)");
  });
}

/** What is wrong with a certificate, a key, an authority, or the file of one. */
export function tlsError(action: string, error: unknown): PoolError {
  if (error instanceof PoolError) return error;
  const { message } = error as { message?: unknown };
  const said = optionError(action, "tls", SECRET, `but broken: ${String(message ?? error)}`);
  return new PoolError("ERR_POOL_OPTION", said.message, { cause: error });
}
