/** The engine over the runtime's own `node:http2`. @module */
import type { Engine } from "../contract.ts";
import { engineOver, type Network } from "../http2/engine_over.ts";
import { dial } from "../tls/dial.ts";
import { listenTls } from "../tls/listen.ts";
import { drive } from "./connection.ts";
import { currentRules, type Rules } from "./rules.ts";

/** The engine with other rules or over another network, for tests. */
export function platformEngineOver(network: Network, rules: Rules = currentRules): Engine {
  return engineOver(network, {
    name: "node:http2",
    capabilities: rules.capabilities,
    drive: (options) => drive(options, rules),
  });
}

/** HTTP/2 by the runtime's `node:http2`, over the same TLS sockets as the portable engine. */
export const platformEngine: Engine = platformEngineOver({ dial, listen: listenTls });
