/**
 * Certificates, keys and authorities: given as text or bytes, or as files that are read at the start and watched.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { ClientTrust, ServerIdentity } from "../contract.ts";
import { checkAuthority, checkKeyPair } from "./identity.ts";

/**
 * PEM text or bytes, or a file to read when the pool starts and to watch: when it changes, new handshakes use it.
 *
 * @example
 * ```ts
 * import { ServerPool } from "@x/h2pool";
 *
 * new ServerPool({
 *   listen: ":8443",
 *   tls: { certFile: "cert.pem", keyFile: "key.pem", clientCaFile: "clients.pem" },
 * });
 * ```
 */
export interface ServerTls {
  /** The certificate, followed by those that lead to its authority. */
  cert?: string | Uint8Array;
  /** Its private key, not encrypted. */
  key?: string | Uint8Array;
  /** A file with `cert`. */
  certFile?: string;
  /** A file with `key`. */
  keyFile?: string;
  /** Ask for a client certificate signed by this authority; without one the client is refused. */
  clientCa?: string | Uint8Array;
  /** A file with `clientCa`. */
  clientCaFile?: string;
}

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

/** Throws a `ConnectError` of kind "tls" for what cannot work. */
function checkRead(read: ReadMaterial): ReadMaterial {
  if (read.cert !== undefined) checkKeyPair({ cert: read.cert, key: read.key! });
  if (read.ca !== undefined) checkAuthority(read.ca);
  return read;
}

/** The same of what is not in files: it can be known before anything is read. */
export function checkInline(
  { cert, key, ca }: Material,
): { readonly part: "cert" | "ca"; readonly error: Error } | undefined {
  try {
    if (cert !== undefined && "pem" in cert && key !== undefined && "pem" in key) {
      checkKeyPair({ cert: cert.pem, key: key.pem });
    }
  } catch (error) {
    return { part: "cert", error: error as Error };
  }
  try {
    if (ca !== undefined && "pem" in ca) checkAuthority(ca.pem);
  } catch (error) {
    return { part: "ca", error: error as Error };
  }
  return undefined;
}

/** Makes the error for an option of TLS. `value` is absent where it is a secret, or not to be shown. */
export type Refuse = (option: string, problem: string, value?: { readonly value: unknown }) => Error;

/** `cert` and `key`, or `certFile` and `keyFile`; what `before` had when neither is given. */
export function pairSources(
  tls: Pick<ServerTls, "cert" | "key" | "certFile" | "keyFile">,
  refuse: Refuse,
  before?: Material,
): Pick<Material, "cert" | "key"> {
  const cert = source("cert", tls.cert, tls.certFile, refuse);
  const key = source("key", tls.key, tls.keyFile, refuse);
  if (cert !== undefined && key === undefined) {
    throw refuse("key", "but `tls.cert` needs its key", { value: undefined });
  }
  if (cert === undefined && key !== undefined) {
    throw refuse("cert", "but `tls.key` needs its certificate", { value: undefined });
  }
  return cert === undefined ? { cert: before?.cert, key: before?.key } : { cert, key };
}

/** A text, or the file of one. */
export function source(option: string, pem: unknown, file: unknown, refuse: Refuse): Source {
  if (pem !== undefined && file !== undefined) {
    throw refuse(`${option}File`, `but \`tls.${option}\` is given too`, { value: file });
  }
  if (file !== undefined) {
    if (typeof file === "string" && file !== "") return { file };
    throw refuse(`${option}File`, "not a text of at least one character", { value: file });
  }
  if (pem === undefined) return undefined;
  if ((typeof pem === "string" && pem !== "") || pem instanceof Uint8Array) return { pem };
  throw refuse(option, "but not to PEM text or bytes");
}

/** What a server's `tls` says; what it leaves out stays as it was `before`: the pair as a whole, and the authority. */
export function serverSources(tls: ServerTls, refuse: Refuse, before?: Material): Material {
  const material: Material = {
    mode: "verified",
    pins: undefined,
    ...pairSources(tls, refuse, before),
    ca: source("clientCa", tls.clientCa, tls.clientCaFile, refuse) ?? before?.ca,
  };
  if (material.cert === undefined) {
    throw refuse("cert", "but a server needs `cert` and `key`, or `certFile` and `keyFile`", { value: undefined });
  }
  const broken = checkInline(material);
  if (broken !== undefined) throw refuse(broken.part, `but broken: ${broken.error.message}`);
  return material;
}
