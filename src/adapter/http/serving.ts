/** What the two protocols of a listener have in common. @module */
import type { Clock } from "../contract.ts";
import type { Answer, HttpLimits, HttpOutcome, HttpOwner } from "./contract.ts";

/** One protocol of one service, at work. */
export interface Serving {
  readonly connections: number;
  /** Requests under way. */
  readonly inFlight: number;
  /** Of all its connections so far; TLS not counted. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /**
   * Asks every connection to leave; requests go on. "now": idle ones are closed. "soon": an idle one may bring one more
   * request, which a client that cannot repeat it may be sending at this moment.
   */
  leave(idle: "now" | "soon"): void;
  /** Cuts every connection. Returns how many requests that were. */
  abort(): number;
}

/** What they work with. */
export interface Surroundings {
  readonly clock: Clock;
  readonly limits: Limits;
  /** Who answers the next request. */
  owner(): GuardedOwner;
  /** A connection is gone. */
  left(): void;
}

/** What HTTP/1.1 needs of {@linkcode HttpLimits}, without gaps; 0: none. */
export type Limits = Required<
  Pick<
    HttpLimits,
    "readHeaderTimeout" | "readTimeout" | "writeTimeout" | "idleTimeout" | "maxHeaderBytes" | "disableKeepAlive"
  >
>;

/** Fills in the defaults. */
export function resolveLimits(limits: HttpLimits): Limits {
  return {
    readHeaderTimeout: limits.readHeaderTimeout ?? 10_000,
    readTimeout: limits.readTimeout ?? 0,
    writeTimeout: limits.writeTimeout ?? 0,
    idleTimeout: limits.idleTimeout ?? 120_000,
    maxHeaderBytes: limits.maxHeaderBytes ?? 65_536,
    disableKeepAlive: limits.disableKeepAlive ?? false,
  };
}

/** An owner whose exceptions are the runtime's, and disturb nobody's request. */
export interface GuardedOwner {
  answer(): Answer | undefined;
  began(): void;
  ended(outcome: HttpOutcome): void;
  failed(error: unknown, what?: "handler" | "port"): void;
}

/** Wraps it. */
export function guarded(owner: HttpOwner): GuardedOwner {
  return {
    answer() {
      try {
        return owner.answer();
      } catch (error) {
        return report(error);
      }
    },
    began() {
      try {
        owner.began();
      } catch (error) {
        report(error);
      }
    },
    ended(outcome) {
      try {
        owner.ended(outcome);
      } catch (error) {
        report(error);
      }
    },
    failed(error, what = "handler") {
      try {
        const known = error instanceof Error ? error : new Error(`A handler threw: ${String(error)}`, { cause: error });
        owner.failed(known, what);
      } catch (thrown) {
        report(thrown);
      }
    },
  };
}

function report(error: unknown): undefined {
  queueMicrotask(() => {
    throw error;
  });
}
