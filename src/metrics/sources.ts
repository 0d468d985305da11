/**
 * What metrics are made of: the snapshots of both kinds of pool, by their shape.
 *
 * @module
 */

/**
 * The part of a stream pool's snapshot that is written.
 *
 * @example
 * ```ts
 * import { ClientPool, type StreamSnapshot } from "@x/h2pool";
 *
 * const snapshot: StreamSnapshot = new ClientPool({ address: "server.example:8443" }).stats();
 * console.log(snapshot.name);
 * ```
 */
export interface StreamSnapshot {
  /** The pool's label. */
  readonly name: string;
  /** Where it is in its life. */
  readonly state: string;
  /** Idle streams. */
  readonly active: number;
  /** Streams handed out. */
  readonly inUse: number;
  /** Calls that wait. */
  readonly waiting: number;
  /** Idle streams aimed at, or held at most. */
  readonly capacity: number;
  /** Milliseconds between two rounds of creation. */
  readonly interval: number;
  /** Connections that are up. */
  readonly connections: number;
  /** Connections made again. */
  readonly reconnects: number;
  /** Streams that became ready. */
  readonly created: number;
  /** Streams handed out so far. */
  readonly delivered: number;
  /** Idle streams that left unused. */
  readonly evicted: number;
  /** Turned away. */
  readonly rejected: number;
  /** Failed while they were opened. */
  readonly failed: number;
  /** Errors counted. */
  readonly errors: number;
  /** Received. */
  readonly bytesIn: number;
  /** Sent. */
  readonly bytesOut: number;
  /** Milliseconds of the last PING. */
  readonly rtt: number | undefined;
}

/**
 * The part of a server's snapshot that is written.
 *
 * @example
 * ```ts
 * import { HttpServerPool, type ServerSnapshot } from "@x/h2pool";
 *
 * const snapshots: readonly ServerSnapshot[] = new HttpServerPool().stats().servers;
 * console.log(snapshots.length);
 * ```
 */
export interface ServerSnapshot {
  /** The server's name. */
  readonly name: string;
  /** Where it is in its life. */
  readonly state: string;
  /** Milliseconds since it listens. */
  readonly uptime: number;
  /** Open connections. */
  readonly connections: number;
  /** Requests begun. */
  readonly requests: number;
  /** Requests under way. */
  readonly inFlight: number;
  /** Failures. */
  readonly errors: number;
  /** Starts after the first. */
  readonly restarts: number;
  /** Received. */
  readonly bytesIn: number;
  /** Sent. */
  readonly bytesOut: number;
  /** Requests that are over, by class of status. */
  readonly responses: Readonly<Record<string, number>>;
  /** How long they took, in milliseconds. */
  readonly duration: {
    readonly buckets: readonly { readonly le: number; readonly count: number }[];
    readonly sum: number;
    readonly count: number;
  };
  /** `ok`, `warn` or `ko`. */
  readonly health: string;
}

/**
 * A stream pool or a server pool: whatever gives one of the two snapshots.
 *
 * @example
 * ```ts
 * import { HttpServerPool, type MetricsSource, prometheus } from "@x/h2pool";
 *
 * const pools: MetricsSource[] = [new HttpServerPool({ name: "web" })];
 * console.log(prometheus(...pools));
 * ```
 */
export interface MetricsSource {
  /** Its snapshot of now. */
  stats(): StreamSnapshot | { readonly name: string; readonly servers: readonly ServerSnapshot[] };
}
