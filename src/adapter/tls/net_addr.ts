/** Addresses as the pools show them. @module */
import { plainAddress } from "../address.ts";
import type { NetAddr } from "../contract.ts";

/** Empty and 0 where the socket no longer knows: it may be gone before anybody asks. */
export function netAddr(hostname: string | undefined, port: number | undefined): NetAddr {
  return { transport: "tcp", hostname: plainAddress(hostname ?? ""), port: port ?? 0 };
}
