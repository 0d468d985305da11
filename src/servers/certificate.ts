/**
 * A server's certificate: where it comes from, what was read of it, its renewal.
 *
 * @module
 */
import type { Clock, ServerIdentity } from "../adapter/contract.ts";
import {
  identityOf,
  type Material,
  type ReadMaterial,
  readMaterial,
  readMaterialSync,
  serverSources,
  type ServerTls,
} from "../adapter/tls/material.ts";
import { type TlsWatch, type TlsWatchOwner, watchFiles } from "../adapter/tls/watch.ts";
import { ServerError } from "./errors.ts";
import type { ServerSettings } from "./settings.ts";

/** A certificate that fits its key. */
export interface Certificate {
  readonly material: Material;
  readonly read: ReadMaterial;
}

/**
 * Where the certificate of a server comes from; undefined for plain HTTP. Its own, what it lacks from the pool's; the pool's
 * alone when it must have one and says nothing.
 *
 * @throws ServerError `ERR_SERVER_TLS` when it must have one and there is none, or what is given inline is broken
 */
export function certificateSources(
  settings: ServerSettings,
  shared: ServerTls | undefined,
  path = "",
): Material | undefined {
  const { name, given: { tls }, tlsRequired } = settings;
  const at = path === "" ? "tls" : `${path}.tls`;
  const inherits = tls === undefined ? tlsRequired : tls.inheritDefault === true;
  const before = inherits && shared !== undefined ? sourcesOf(name, shared, "the pool's tls", at) : undefined;
  if (tls === undefined) {
    if (before !== undefined || !tlsRequired) return before;
    const why = settings.given.tlsMandatory === true ? "`tlsMandatory` is true" : "`expose` is an https URL";
    throw new ServerError("ERR_SERVER_TLS", name, `Server "${name}" has no certificate, and ${why}`, { path: at });
  }
  if (inherits && before === undefined && tls.cert === undefined && tls.certFile === undefined) {
    throw new ServerError("ERR_SERVER_TLS", name, `Server "${name}" inherits a certificate, and the pool has none`, {
      path: `${at}.inheritDefault`,
    });
  }
  return sourcesOf(name, tls, "tls", at, before);
}

/** Checks what a user gives; what it leaves out is that of `before`. */
export function sourcesOf(name: string, tls: ServerTls, what: string, path: string, before?: Material): Material {
  return serverSources(
    tls,
    (option, problem) =>
      new ServerError("ERR_SERVER_TLS", name, `Server "${name}": \`${option}\` of ${what} is ${said(problem)}`, {
        path: `${path}.${option}`,
      }),
    before,
  );
}

// The words of stream pools follow a value: "is set, but broken: ...".
function said(problem: string): string {
  return problem.startsWith("but ") ? `set, ${problem}` : problem;
}

/** Reads the files. Rejects with `ERR_SERVER_TLS`. */
export async function readCertificate(name: string, material: Material): Promise<Certificate> {
  try {
    return { material, read: await readMaterial(material) };
  } catch (error) {
    throw tlsError(name, error);
  }
}

/** The same at once, for a renewal by the user. Throws `ERR_SERVER_TLS`. */
export function renewedCertificate(name: string, tls: ServerTls, before: Material | undefined): Certificate {
  const material = sourcesOf(name, tls, "the renewed certificate", "tls", before);
  try {
    return { material, read: readMaterialSync(material) };
  } catch (error) {
    throw tlsError(name, error);
  }
}

/** For the adapter. */
export function identity(certificate: Certificate | undefined): ServerIdentity | undefined {
  return certificate === undefined ? undefined : identityOf(certificate.read);
}

/** Watches the certificate's files. */
export function watchCertificate({ material, read }: Certificate, clock: Clock, owner: TlsWatchOwner): TlsWatch {
  return watchFiles(material, read, { after: (ms, fire) => clock.timer(ms, fire) }, owner);
}

/** What is wrong with a certificate, a key, an authority, or the file of one. */
export function tlsError(name: string, cause: unknown): ServerError {
  if (cause instanceof ServerError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new ServerError("ERR_SERVER_TLS", name, `Server "${name}" cannot use its certificate: ${message}`, { cause });
}
