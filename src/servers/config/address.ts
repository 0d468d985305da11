/**
 * Where a server listens: one parser, one canonical form.
 *
 * @module
 */
import { type HostPort, isIPv4, isIPv6, joinAddress, splitAddress } from "../../adapter/address.ts";

/** A listen address after reading. */
export interface ListenAddress {
  /** The canonical form: lower case, IPv6 as short as it can be written. */
  readonly text: string;
  /** Empty: every address. */
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
  /** The last port of a range; `port` when it is none. */
  readonly last: number;
}

/**
 * Reads `host:port`, `[v6]:port`, `:port` and ranges of ports. Throws a `TypeError` that says what is wrong.
 *
 * @example
 * ```ts ignore
 * parseListen("LocalHost:8080").text; // "localhost:8080"
 * parseListen("[0:0::1]:8000-8100"); // { text: "[::1]:8000-8100", hostname: "::1", port: 8000, last: 8100 }
 * ```
 */
export function parseListen(text: string): ListenAddress {
  const range = /^(.*:)(\d{1,5})-(\d{1,5})$/.exec(text);
  const { hostname: written, port } = splitAddress(range === null ? text : `${range[1]}${range[2]}`);
  const last = range === null ? port : splitAddress(`${range[1]}${range[3]}`).port;
  if (range !== null && (port === 0 || last < port)) {
    throw new TypeError(`Cannot read the address "${text}": ${port}-${last} is not a range of ports`);
  }
  const hostname = canonicalHost(text, written);
  const joined = joinAddress({ hostname, port });
  return { text: last > port ? `${joined}-${last}` : joined, hostname, port, last };
}

function canonicalHost(text: string, hostname: string): string {
  if (hostname === "") return "";
  if (hostname.includes(":")) {
    // A zone ("fe80::1%eth0") is no part of a URL.
    const [address = "", zone] = hostname.split("%");
    const short = new URL(`http://[${address}]/`).hostname.slice(1, -1);
    return zone === undefined ? short : `${short}%${zone}`;
  }
  if (isIPv4(hostname)) return hostname;
  // What URL parsers would read as a number, resolvers do too: "127.1", "0x7f.0.0.1", "1.2.3.400".
  const labels = hostname.toLowerCase().replace(/\.$/, "").split(".");
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "")) {
    throw new TypeError(`Cannot read the address "${text}": "${hostname}" is not an IPv4 address`);
  }
  if (!labels.every((label) => /^(?!-)[a-z0-9_\u0080-\uffff-]{1,63}(?<!-)$/.test(label))) {
    throw new TypeError(`Cannot read the address "${text}": "${hostname}" is not a host name`);
  }
  return labels.join(".");
}

/** Whether both cannot be open at once: the same port of the same address, or of a wildcard that covers it. */
export function collide(a: ListenAddress, b: ListenAddress): boolean {
  // One of a range finds another port, as one of port 0 does.
  if (a.last > a.port || b.last > b.port || a.port === 0 || a.port !== b.port) return false;
  return a.hostname === b.hostname || covers(a.hostname, b.hostname) || covers(b.hostname, a.hostname);
}

/** Empty and `::` are open for IPv4, too, on the runtimes' default. */
function covers(wildcard: string, hostname: string): boolean {
  if (wildcard === "" || wildcard === "::") return true;
  return wildcard === "0.0.0.0" && !isIPv6(hostname.split("%")[0] ?? "");
}

/** Whether a listener on it can become another server's: its address is this one, not the one that was free. */
export function isFixed({ port, last }: ListenAddress): boolean {
  return port !== 0 && last === port;
}

/** The address under which this machine reaches what listens there. */
export function reachable({ hostname, port }: HostPort): HostPort {
  const host = hostname === "" || hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "::1" : hostname;
  return { hostname: host, port };
}

/** The URL of what listens there, when none is given. */
export function derivedUrl(address: HostPort, secure: "http" | "https"): string {
  const { hostname, port } = address;
  const any = hostname === "" || hostname === "0.0.0.0" || hostname === "::";
  const standard = port === (secure === "https" ? 443 : 80);
  const host = any ? "localhost" : hostname.includes(":") ? `[${hostname.split("%")[0]}]` : hostname;
  return `${secure}://${host}${standard ? "" : `:${port}`}`;
}

/** Host and port of a URL, the port said even where it is the scheme's own. */
export function hostPortOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === "https:" ? "443" : "80")}`;
}
