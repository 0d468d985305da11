/**
 * Metrics of pools as Prometheus reads them.
 *
 * @module
 */
import { Exposition, type Labels } from "./text.ts";
import type { MetricsSource, ServerSnapshot, StreamSnapshot } from "./sources.ts";

const POOL_STATES = ["new", "starting", "ready", "reconnecting", "draining", "closed"];
const SERVER_STATES = ["stopped", "starting", "running", "stopping", "failed", "disabled"];
const HEALTH = ["ok", "warn", "ko"];

/**
 * One text exposition for any mix of pools: `h2pool_*` for stream pools, `http_server_*` for servers, each series labelled
 * with the pool's name. Times are seconds. Serve it as `text/plain; version=0.0.4`.
 *
 * @example
 * ```ts
 * import { HttpServerPool, prometheus } from "@x/h2pool";
 *
 * const web = new HttpServerPool({ name: "web", servers: [{ listen: "127.0.0.1:8080" }] });
 * web.handle({
 *   handler: () => new Response(prometheus(web), { headers: { "content-type": "text/plain; version=0.0.4" } }),
 * });
 * ```
 */
export function prometheus(...pools: MetricsSource[]): string {
  const text = new Exposition();
  for (const pool of pools) {
    const stats = pool.stats();
    if ("servers" in stats) { for (const server of stats.servers) writeServer(text, stats.name, server); }
    else writeStreams(text, stats);
  }
  return text.toString();
}

function writeStreams(text: Exposition, stats: StreamSnapshot): void {
  const labels = { pool: stats.name };
  const gauge = (name: string, help: string, value: number): void =>
    text.add("gauge", `h2pool_${name}`, help, labels, value);
  const counter = (name: string, help: string, value: number): void =>
    text.add("counter", `h2pool_${name}_total`, help, labels, value);
  oneOf(text, "h2pool_state", "1 for the state that the pool is in.", labels, "state", POOL_STATES, stats.state);
  gauge("streams_idle", "Idle streams that can be handed out now.", stats.active);
  gauge("streams_in_use", "Streams handed out that are not over.", stats.inUse);
  gauge("waiting", "Calls that wait for a stream.", stats.waiting);
  gauge("capacity", "Idle streams aimed at, or held at most.", stats.capacity);
  gauge("interval_seconds", "Time between two rounds of creation.", stats.interval / 1_000);
  gauge("connections", "Connections that are up.", stats.connections);
  if (stats.rtt !== undefined) gauge("rtt_seconds", "Round trip of the last PING.", stats.rtt / 1_000);
  counter("reconnects", "Connections made after the first.", stats.reconnects);
  counter("streams_created", "Streams that became ready to be handed out.", stats.created);
  counter("streams_delivered", "Streams handed out.", stats.delivered);
  counter("streams_evicted", "Idle streams that left without being handed out.", stats.evicted);
  counter("rejected", "Streams and connections turned away.", stats.rejected);
  counter("streams_failed", "Streams that failed while they were opened.", stats.failed);
  // `resetError` sets it to zero, which Prometheus takes for a restart: what a counter may do.
  counter("errors", "Errors that were counted.", stats.errors);
  counter("received_bytes", "Bytes received, TLS not counted.", stats.bytesIn);
  counter("sent_bytes", "Bytes sent, TLS not counted.", stats.bytesOut);
}

function writeServer(text: Exposition, pool: string, stats: ServerSnapshot): void {
  const labels = { pool, server: stats.name };
  const gauge = (name: string, help: string, value: number): void =>
    text.add("gauge", `http_server_${name}`, help, labels, value);
  const counter = (name: string, help: string, value: number, more: Labels = {}): void =>
    text.add("counter", `http_server_${name}_total`, help, { ...labels, ...more }, value);
  oneOf(
    text,
    "http_server_state",
    "1 for the state that the server is in.",
    labels,
    "state",
    SERVER_STATES,
    stats.state,
  );
  oneOf(text, "http_server_health", "1 for how the server does.", labels, "status", HEALTH, stats.health);
  gauge("uptime_seconds", "Time since it listens; 0 when it does not.", stats.uptime / 1_000);
  gauge("connections", "Open connections.", stats.connections);
  gauge("requests_in_flight", "Requests under way.", stats.inFlight);
  counter("requests", "Requests begun.", stats.requests);
  for (const [kind, count] of Object.entries(stats.responses).sort(([a], [b]) => a < b ? -1 : 1)) {
    counter("responses", "Requests that are over, by class of status; cut: not in order.", count, { class: kind });
  }
  const { buckets, sum, count } = stats.duration;
  const seconds = buckets.map((bucket) => ({ le: bucket.le / 1_000, count: bucket.count }));
  const help = "Time from the end of a request's head to the last byte of its response.";
  text.histogram("http_server_request_duration_seconds", help, labels, seconds, sum / 1_000, count);
  counter("errors", "Handlers that threw, starts that failed, stops that had to abort requests.", stats.errors);
  counter("restarts", "Starts after the first.", stats.restarts);
  counter("received_bytes", "Bytes received, TLS not counted.", stats.bytesIn);
  counter("sent_bytes", "Bytes sent, TLS not counted.", stats.bytesOut);
}

function oneOf(
  text: Exposition,
  name: string,
  help: string,
  labels: Labels,
  label: string,
  values: readonly string[],
  now: string,
): void {
  for (const value of values) text.add("gauge", name, help, { ...labels, [label]: value }, value === now ? 1 : 0);
}
