/** `host:port`, read and written. @module */
import { isIPv4, isIPv6 } from "node:net";

export { isIPv4, isIPv6 };

/** A host and a port. An empty host means every local address. */
export interface HostPort {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Reads `host:port`, `[v6]:port` and `:port`. Throws a `TypeError` that names what is wrong with it.
 *
 * @example
 * ```ts
 * import { splitAddress } from "./address.ts";
 * splitAddress("[::1]:8443"); // { hostname: "::1", port: 8443 }
 * ```
 */
export function splitAddress(text: string): HostPort {
  const parts = /^(?:\[([^\[\]]*)\]|([^:\[\]]*)):([^:\[\]]*)$/.exec(text);
  if (parts === null) throw unreadable(text, explain(text));
  const [, bracketed, plain, digits = ""] = parts;
  if (bracketed !== undefined && !isIPv6(bracketed)) throw unreadable(text, `"${bracketed}" is not an IPv6 address`);
  const hostname = bracketed ?? plain ?? "";
  if (!/^[^\s/@?#,]*$/.test(hostname)) throw unreadable(text, `"${hostname}" is not a host name`);
  const port = Number(digits);
  if (!/^\d{1,5}$/.test(digits) || port > 65_535) {
    throw unreadable(text, digits === "" ? "the port is missing" : `"${digits}" is not a port: 0 to 65535`);
  }
  return { hostname, port };
}

/** The opposite of {@linkcode splitAddress}. */
export function joinAddress({ hostname, port }: HostPort): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** IPv4 inside IPv6, which a dual-stack listener sees for every IPv4 client, as IPv4; an IPv6 address without its zone. */
export function plainAddress(hostname: string): string {
  if (!hostname.includes(":")) return hostname;
  const dotted = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(hostname);
  if (dotted !== null) return dotted[1] ?? hostname;
  const hex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(hostname);
  if (hex !== null) {
    const high = Number.parseInt(hex[1] ?? "", 16);
    const low = Number.parseInt(hex[2] ?? "", 16);
    return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  const zone = hostname.indexOf("%");
  return zone === -1 ? hostname : hostname.slice(0, zone);
}

function explain(text: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return "write host:port, not a URL";
  if (isIPv6(text)) return `an IPv6 address needs brackets and a port, as in [${text}]:443`;
  if (/^\[[^\]]*\]$/.test(text) || !text.includes(":")) return "the port is missing";
  if (text.split(":").length > 2) return "an IPv6 address needs brackets, as in [::1]:443";
  return "write host:port";
}

function unreadable(text: string, why: string): TypeError {
  return new TypeError(`Cannot read the address "${text}": ${why}`);
}
