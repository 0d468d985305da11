/** Addresses as the pools show them. @module */
import type { NetAddr } from "../contract.ts";

/** IPv4 inside IPv6, which a dual-stack listener sees for every IPv4 client, becomes IPv4. */
export function plainAddress(hostname: string): string {
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(hostname) ? hostname.slice(7) : hostname;
}

/** Empty and 0 where the socket no longer knows: it may be gone before anybody asks. */
export function netAddr(hostname: string | undefined, port: number | undefined): NetAddr {
  return { transport: "tcp", hostname: plainAddress(hostname ?? ""), port: port ?? 0 };
}
