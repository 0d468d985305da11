/**
 * The development certificate: self-signed, of an EC key, made once.
 *
 * Written out here, and not by a library: the one that would do it brings 15 packages and 6 MB into every installation
 * (`selfsigned` 5.5.0), for 600 bytes that clients check by their pin alone.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { checkKeyPair } from "../adapter/tls/identity.ts";
import { onceMade, stateFolder } from "./state.ts";

/** A certificate and its key, PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** The certificate of this state folder, made at the first call. */
export async function developmentCertificate(
  state: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Identity & { readonly path: string }> {
  const folder = stateFolder(state, env);
  const path = join(folder, FILE);
  const pem = await onceMade(folder, FILE, () => {
    const { cert, key } = selfSigned({ names: ["localhost", hostname()], now: new Date() });
    return key + cert;
  });
  const identity = { cert: block(pem, "CERTIFICATE"), key: block(pem, "PRIVATE KEY"), path };
  try {
    checkKeyPair(identity);
  } catch (cause) {
    throw new Error(`${path} is damaged: delete it and a new certificate (with a new pin) is made`, { cause });
  }
  return identity;
}

/** A certificate (RFC 5280) for these DNS names and for loopback, valid for ten years: one that does nothing but serve. */
export function selfSigned({ names, now }: { names: readonly string[]; now: Date }): Identity {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40; // positive, and no leading zeros
  const name = sequence(tagged(SET, sequence(oid("2.5.4.3"), tagged(UTF8_STRING, Buffer.from("h2pool development")))));
  const from = new Date(now.getTime() - CLOCK_SKEW);
  const until = new Date(from);
  until.setUTCFullYear(from.getUTCFullYear() + 10);
  const dns = [...new Set(names)].filter((text) => /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i.test(text));
  const alternatives = sequence(
    ...dns.map((text) => tagged(0x82, Buffer.from(text))),
    tagged(0x87, Buffer.of(127, 0, 0, 1)),
    tagged(0x87, Buffer.from("00000000000000000000000000000001", "hex")),
  );
  const certificate = sequence(
    tagged(0xa0, tagged(INTEGER, Buffer.of(2))), // version 3
    tagged(INTEGER, serial),
    ECDSA_SHA256,
    name,
    sequence(time(from), time(until)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    tagged(
      0xa3,
      sequence(
        // Not an authority: Deno's TLS refuses an authority as a server's certificate.
        extension("2.5.29.19", sequence(), "critical"),
        extension("2.5.29.15", tagged(BIT_STRING, Buffer.of(7, 0x80)), "critical"), // digitalSignature
        extension("2.5.29.37", sequence(oid("1.3.6.1.5.5.7.3.1"))), // serverAuth
        extension("2.5.29.17", alternatives),
      ),
    ),
  );
  const signature = tagged(BIT_STRING, Buffer.of(0), sign("sha256", certificate, privateKey));
  const der = sequence(certificate, ECDSA_SHA256, signature);
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines(der.toString("base64"))}-----END CERTIFICATE-----\n`,
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
  };
}

const FILE = "development.pem";
/** Clients' clocks may be this far behind. Milliseconds. */
const CLOCK_SKEW = 24 * 3_600_000;
const [INTEGER, BIT_STRING, OCTET_STRING, OBJECT_ID, UTF8_STRING] = [0x02, 0x03, 0x04, 0x06, 0x0c];
const [SEQUENCE, SET, UTC_TIME, GENERALIZED_TIME] = [0x30, 0x31, 0x17, 0x18];
const ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));

/** DER: tag, length, contents. */
function tagged(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  const head = length < 0x80
    ? [tag, length]
    : length < 0x100
    ? [tag, 0x81, length]
    : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), ...contents]);
}

function sequence(...contents: readonly Uint8Array[]): Buffer {
  return tagged(SEQUENCE, ...contents);
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [40 * first + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let more = arc >> 7; more > 0; more >>= 7) digits.unshift(0x80 | (more & 0x7f));
    bytes.push(...digits);
  }
  return tagged(OBJECT_ID, Buffer.from(bytes));
}

function extension(id: string, value: Uint8Array, critical?: "critical"): Buffer {
  const flag = critical === undefined ? [] : [Buffer.of(0x01, 1, 0xff)];
  return sequence(oid(id), ...flag, tagged(OCTET_STRING, value));
}

/** RFC 5280 section 4.1.2.5: two digits of the year until 2049. */
function time(at: Date): Buffer {
  const digits = at.toISOString().replace(/\.\d+|[-:T]/g, "");
  return at.getUTCFullYear() < 2050
    ? tagged(UTC_TIME, Buffer.from(digits.slice(2)))
    : tagged(GENERALIZED_TIME, Buffer.from(digits));
}

function lines(base64: string): string {
  return base64.replace(/.{1,64}/g, "$&\n");
}

function block(pem: string, label: string): string {
  return new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----\n`).exec(pem)?.[0] ?? "";
}
