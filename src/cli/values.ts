/** Values of flags, as text and as what they mean. @module */
import { addressList } from "../adapter/allow.ts";
import { type HostPort, splitAddress } from "../adapter/address.ts";
import { isPin } from "../adapter/tls/certificate.ts";
import { parseDuration } from "../core/duration.ts";
import { UsageError } from "./errors.ts";

/** Milliseconds of `500ms`, `10s`, `1h30m`; a bare number has no unit and is refused, but for 0. */
export function duration(flag: string, text: string): number {
  const sum = parseDuration(text);
  if (sum === undefined) throw new UsageError(`${flag} takes a time such as 500ms, 10s or 1h30m, not "${text}"`);
  if (sum > LONGEST) throw new UsageError(`${flag} takes at most 24d, not "${text}"`);
  return sum;
}

/** A whole number of at least `min`. */
export function count(flag: string, text: string, min: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
    throw new UsageError(`${flag} takes a whole number of at least ${min}, not "${text}"`);
  }
  return value;
}

/** One of a few words. */
export function choice<T extends string>(flag: string, text: string, words: readonly T[]): T {
  const word = words.find((one) => one === text);
  if (word === undefined) throw new UsageError(`${flag} takes ${words.join(" or ")}, not "${text}"`);
  return word;
}

/** `host:port`, where the host may be left out when `host` says so. */
export function address(flag: string, text: string, host: "needed" | "optional"): HostPort {
  let parts: HostPort;
  try {
    parts = splitAddress(text);
  } catch (error) {
    // "Cannot read the address "x": why": the flag and the text are said here.
    const why = (error as Error).message.replace(/^.*?": /, "");
    throw new UsageError(`${flag} takes host:port, not "${text}": ${why}`);
  }
  if (host === "needed" && parts.hostname === "") throw new UsageError(`${flag} needs a host, as in localhost${text}`);
  if (host === "needed" && parts.port === 0) throw new UsageError(`${flag} needs a port, not 0`);
  return parts;
}

/** Addresses and CIDR ranges, each flag one or several with commas. */
export function ranges(flag: string, texts: readonly string[]): string[] {
  const entries = texts.flatMap((text) => text.split(",")).map((text) => text.trim());
  for (const entry of entries) {
    try {
      addressList(entry);
    } catch {
      throw new UsageError(`${flag} takes an IP address or a range such as 10.0.0.0/8, not "${entry}"`);
    }
  }
  return entries;
}

/** SHA-256 of a public key, base64. */
export function pins(flag: string, texts: readonly string[]): string[] {
  for (const text of texts) {
    if (!isPin(text)) {
      throw new UsageError(`${flag} takes the pin that the server prints (44 characters), not "${text}"`);
    }
  }
  return [...texts];
}

/** Milliseconds as text, for people. */
export function showDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Number((ms / 1_000).toFixed(1))} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** Bytes as text, for people. */
export function showBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < SIZES.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${SIZES[unit]}`;
}

/** A timer takes 2^31 - 1 milliseconds. */
const LONGEST = 24 * 86_400_000;
const SIZES = ["B", "kB", "MB", "GB", "TB", "PB"];
