/**
 * Snapshots for monitoring.
 *
 * @module
 */
import type { ServerCore } from "./server_core.ts";
import type { HttpServerStats } from "./types.ts";

/** What is known of a server now. */
export function statsOf(core: ServerCore): HttpServerStats {
  const { name, state, bind, uptime, errors, starts, traffic, health } = core;
  return {
    name,
    state,
    bind,
    uptime,
    connections: traffic.connections,
    requests: traffic.requests,
    inFlight: traffic.inFlight,
    errors,
    restarts: Math.max(0, starts - 1),
    bytesIn: traffic.bytesIn,
    bytesOut: traffic.bytesOut,
    responses: { ...traffic.responses },
    duration: traffic.duration,
    health: health.status,
  };
}
