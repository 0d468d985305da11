/** HTTP/2 requests over the engine's server role: what a listener gives its connections to. @module */
import type { Clock, Connection, ConnectionHandler, EngineSettings } from "../../contract.ts";
import type { Answer, HttpLimits, HttpOutcome, HttpOwner } from "../contract.ts";
import { report } from "../../http2/errors.ts";
import { H2Connection } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import { Expiry } from "./expiry.ts";
import { type ResolvedLimits, resolveLimits } from "./limits.ts";

/** What {@linkcode h2Service} needs. */
export interface H2ServiceOptions {
  readonly limits: HttpLimits;
  readonly owner: HttpOwner;
  readonly clock: Clock;
  /** A connection is gone; `connections` has been lowered. */
  readonly gone?: () => void;
}

/** Serves HTTP/2 connections with one set of limits and for one owner. A listener that is given others makes a new one, and lets the old leave. */
export interface H2Service {
  /** For the engine: what each of these connections has to be opened with. */
  readonly settings: EngineSettings;
  /** Open connections, requests under way, bytes on all connections so far. */
  readonly connections: number;
  readonly inFlight: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Takes a connection. `"plain"` says that it is not encrypted, whatever its `tls` has to say. */
  accept(connection: Connection, plain?: "plain"): ConnectionHandler;
  /** Asks every connection to go (GOAWAY, announced): what is under way is served, idle ones end at once. */
  leave(): void;
  /** Cuts every connection: the signals of their requests abort. Returns how many requests that were. */
  abort(): number;
}

/** Serves requests; see {@linkcode H2Service}. */
export function h2Service(options: H2ServiceOptions): H2Service {
  return new H2ServiceCore(options);
}

/**
 * How long a client that has its response may go on with a body that nobody reads, milliseconds; beyond its window it
 * cannot. Many stop by themselves, and curl before version 8 loses a response whose RST_STREAM comes with it.
 */
const LINGER = 1_000;

/** What connections and exchanges see of their service. */
export class H2ServiceCore implements H2Service {
  readonly clock: Clock;
  readonly limits: ResolvedLimits;
  readonly reads: Expiry<Exchange>;
  readonly writes: Expiry<Exchange>;
  readonly lingers: Expiry<Exchange>;
  inFlight = 0;
  readonly #owner: HttpOwner;
  readonly #gone: (() => void) | undefined;
  readonly #open: Set<H2Connection> = new Set();
  #bytesIn = 0;
  #bytesOut = 0;

  constructor({ limits, owner, clock, gone }: H2ServiceOptions) {
    this.clock = clock;
    this.limits = resolveLimits(limits);
    this.#owner = owner;
    this.#gone = gone;
    const expire = (exchange: Exchange): void => exchange.expire();
    this.reads = new Expiry(clock, this.limits.readTimeout, expire);
    this.writes = new Expiry(clock, this.limits.writeTimeout, expire);
    this.lingers = new Expiry(clock, LINGER, (exchange) => exchange.hangUp());
  }

  get settings(): EngineSettings {
    return this.limits.settings;
  }
  get connections(): number {
    return this.#open.size;
  }
  get bytesIn(): number {
    let bytes = this.#bytesIn;
    for (const { connection } of this.#open) bytes += connection.bytesIn;
    return bytes;
  }
  get bytesOut(): number {
    let bytes = this.#bytesOut;
    for (const { connection } of this.#open) bytes += connection.bytesOut;
    return bytes;
  }

  accept(connection: Connection, plain?: "plain"): ConnectionHandler {
    const one = new H2Connection(this, connection, plain === "plain" ? undefined : connection.tls);
    this.#open.add(one);
    return one;
  }

  leave(): void {
    for (const one of [...this.#open]) one.leave();
  }

  abort(): number {
    let requests = 0;
    for (const one of [...this.#open]) requests += one.abort();
    return requests;
  }

  // ---- for connections

  gone(one: H2Connection): void {
    if (!this.#open.delete(one)) return;
    this.#bytesIn += one.connection.bytesIn;
    this.#bytesOut += one.connection.bytesOut;
    if (this.#open.size === 0) {
      this.reads.rest();
      this.writes.rest();
      this.lingers.rest();
    }
    this.#tell(() => this.#gone?.());
  }

  answer(): Answer | undefined {
    try {
      return this.#owner.answer();
    } catch (error) {
      report(error);
      return undefined;
    }
  }

  began(): number {
    this.inFlight++;
    try {
      this.#owner.began();
    } catch (error) {
      report(error);
    }
    return this.clock.now();
  }

  ended(outcome: HttpOutcome): void {
    this.inFlight--;
    try {
      this.#owner.ended(outcome);
    } catch (error) {
      report(error);
    }
  }

  failed(error: unknown): void {
    const known = error instanceof Error ? error : new Error(`The handler threw ${String(error)}`, { cause: error });
    this.#tell(() => this.#owner.failed(known, "handler"));
  }

  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      report(error);
    }
  }
}
