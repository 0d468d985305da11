/**
 * The `tls` option of both pools, checked.
 *
 * @module
 */
import { isPin } from "../adapter/tls/certificate.ts";
import {
  checkInline,
  type Material,
  pairSources,
  type Refuse,
  serverSources,
  type ServerTls,
  source,
} from "../adapter/tls/material.ts";
import { optionError, PoolError, SECRET } from "../core/errors.ts";
import type { Checks } from "../core/options.ts";
import { known } from "./known.ts";
import type { ClientTls } from "./options.ts";

/** Checks `ServerTls`. With `before`, what a renewal leaves out stays: the pair as a whole, and the authority. */
export function serverMaterial(check: Checks, tls: ServerTls | undefined, before?: Material): Material {
  const given = check.object("tls", tls) ?? {};
  known(check, "tls.", given, ["cert", "key", "certFile", "keyFile", "clientCa", "clientCaFile"]);
  return serverSources(given, refuseWith(check), before);
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
  const refuse = refuseWith(check);
  const material = {
    mode: check.oneOf("tls.mode", given.mode, MODES, before?.mode ?? "verified"),
    pins: pins(check, given.pin) ?? before?.pins,
    ...pairSources(given, refuse, before),
    ca: source("ca", given.ca, given.caFile, refuse) ?? before?.ca,
  };
  const broken = checkInline(material);
  if (broken !== undefined) throw refuse(broken.part, `but broken: ${broken.error.message}`);
  return material;
}

const MODES = ["verified", "insecure"] as const;

function refuseWith(check: Checks): Refuse {
  return (option, problem, value) => check.error(`tls.${option}`, value === undefined ? SECRET : value.value, problem);
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
