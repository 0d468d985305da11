/** Lists of client addresses. @module */
import { BlockList, isIP } from "node:net";
import { plainAddress } from "./address.ts";

/** Addresses and ranges that may connect. */
export interface AddressList {
  /** Whether `hostname` is in it. An empty list has every address. */
  has(hostname: string): boolean;
}

/**
 * Reads IPv4 and IPv6 addresses and CIDR ranges. An IPv4-mapped IPv6 address is its IPv4 address, in entries and in
 * questions. Throws a `TypeError` that names the wrong entry.
 */
export function addressList(entries: string | readonly string[] = []): AddressList {
  const all = typeof entries === "string" ? [entries] : entries;
  // One list for each family: asked in one, Node and Bun count an IPv4 address as part of ::/0, Deno does not.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const entry of all) {
    const { address, prefix, family } = readEntry(entry);
    lists[family].addSubnet(address, prefix, family);
  }
  if (all.length === 0) return { has: () => true };
  return {
    has(hostname) {
      const address = plainAddress(hostname);
      const family = familyOf(address);
      return family !== undefined && lists[family].check(address, family);
    },
  };
}

/** Everything is checked here: what `BlockList` says of a wrong entry differs, and Bun takes 10.0.0/8. */
function readEntry(entry: string): { address: string; prefix: number; family: "ipv4" | "ipv6" } {
  const slash = entry.indexOf("/");
  const written = slash === -1 ? entry : entry.slice(0, slash);
  const address = plainAddress(written);
  const family = familyOf(address);
  if (family === undefined || written.includes("%")) throw wrong(entry, `"${written}" is not an IP address`);
  const bits = isIP(written) === 4 ? 32 : 128;
  const digits = slash === -1 ? String(bits) : entry.slice(slash + 1);
  const prefix = Number(digits);
  if (!/^\d{1,3}$/.test(digits) || prefix > bits) {
    throw wrong(entry, `"${digits}" is not a prefix length: 0 to ${bits}`);
  }
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8; a shorter prefix would reach beyond the mapped addresses.
  const mapped = bits === 128 && family === "ipv4";
  if (mapped && prefix < 96) throw wrong(entry, `a range of IPv4-mapped addresses has a prefix length of 96 to 128`);
  return { address, prefix: mapped ? prefix - 96 : prefix, family };
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const version = isIP(address);
  return version === 4 ? "ipv4" : version === 6 ? "ipv6" : undefined;
}

function wrong(entry: string, why: string): TypeError {
  return new TypeError(`Cannot allow "${entry}": ${why}`);
}
