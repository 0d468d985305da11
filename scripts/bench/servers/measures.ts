/** What is measured of servers, and what the project asks of it. @module */

/** `old-pool` and `old-pool-node` are those of another checkout, for the measuring of a change. */
export type ServerName =
  | "old-pool"
  | "old-pool-node"
  | "pool"
  | "pool-node"
  | "bare"
  | "bare-compat"
  | "native"
  | "srvx"
  | "hono";
/** In the order of the columns. */
export const SERVERS: readonly ServerName[] = [
  "pool",
  "pool-node",
  "bare",
  "bare-compat",
  "native",
  "srvx",
  "hono",
  "old-pool",
  "old-pool-node",
];
/** As people know them. */
export const TITLES: Readonly<Record<ServerName, string>> = {
  pool: "pool",
  "pool-node": "pool, (req, res)",
  bare: "node:http(2)",
  "bare-compat": "node:http2 (req, res)",
  native: "Deno/Bun.serve",
  srvx: "srvx",
  hono: "@hono/node-server",
  "old-pool": "old pool",
  "old-pool-node": "old pool, (req, res)",
};

export interface Measure {
  readonly id: string;
  readonly title: string;
  readonly protocol: "h1" | "h2";
  readonly method: "GET" | "POST";
  /** Connections. */
  readonly clients: number;
  /** Requests at a time on each. */
  readonly streams: number;
}

const h1 = { protocol: "h1", clients: 32, streams: 1 } as const;
const h2 = { protocol: "h2", clients: 4, streams: 32 } as const;
export const MEASURES: readonly Measure[] = [
  { id: "h1", title: "HTTP/1.1, GET", method: "GET", ...h1 },
  { id: "h1-post", title: "HTTP/1.1, POST of 1 KiB", method: "POST", ...h1 },
  { id: "h2", title: "HTTP/2, GET", method: "GET", ...h2 },
  { id: "h2-post", title: "HTTP/2, POST of 1 KiB", method: "POST", ...h2 },
];

/** What of a sample is compared. */
export type Figure = "rate" | "p99" | "cpu";

/** A ratio that is shown, and what the project asks of it. */
export interface Criterion {
  readonly measure: string;
  readonly figure: Figure;
  readonly who: ServerName;
  readonly of: ServerName;
  readonly better: "higher" | "lower";
  readonly floor?: number;
}

/** At least this part of the requests per second of the bare platform server. */
const FLOORS: Readonly<Record<Measure["protocol"], number>> = { h1: 0.9, h2: 1.5 };

export const CRITERIA: readonly Criterion[] = MEASURES.flatMap(({ id, protocol }) => {
  const rate = (who: ServerName, of: ServerName, floor?: number): Criterion => ({
    measure: id,
    figure: "rate",
    who,
    of,
    better: "higher",
    floor,
  });
  return [
    rate("pool", "bare", FLOORS[protocol]),
    { ...rate("pool", "bare"), figure: "p99", better: "lower" },
    rate("pool-node", "bare", FLOORS[protocol]),
    rate("pool", "native"),
    rate("pool", "srvx"),
    rate("pool", "hono"),
    rate("bare-compat", "bare"),
    rate("pool", "old-pool"),
    rate("pool-node", "old-pool-node"),
  ];
});
