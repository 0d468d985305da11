/**
 * One connection of a pool.
 *
 * @module
 */
import type { Connection, ConnectionHandler } from "../adapter/contract.ts";
import type { Deadline, Expires } from "../core/deadlines.ts";
import type { Seat } from "./seat.ts";
import type { StreamCore } from "./stream_core.ts";
import type { ConnectionInfo } from "./types.ts";

/** How long a pool that closes waits for what was written to arrive, once nothing is left to be waited for but that. */
const LINGER = 1_000;

/** What a connection's end looks like before the connection could be attached. */
interface Ended {
  readonly error: Error | undefined;
}

/**
 * A connection with its streams, its keep-alive and its end.
 *
 * The engine may call before `attach`, which comes a microtask after the connection: such calls are remembered.
 */
export abstract class Link implements Omit<ConnectionHandler, "channel">, Expires {
  readonly core: StreamCore;
  connection!: Connection;
  info!: ConnectionInfo;
  /** Streams that are neither idle nor gone. */
  readonly busy: Set<Seat> = new Set();
  /** Milliseconds, of the last PING. */
  rtt: number | undefined = undefined;
  /** No new streams: GOAWAY, retired, or the pool closes. */
  draining = false;
  #ended: Ended | undefined;
  #attached = false;
  #timer: Deadline | undefined;
  #pinging = false;
  /** The pool closes: streams that have not handed over all that was written. */
  #unsent = -1;

  constructor(core: StreamCore) {
    this.core = core;
  }

  /** The connection is up. False when it has ended already. */
  protected attach(connection: Connection): boolean {
    this.connection = connection;
    const { localAddr, remoteAddr, tls } = connection;
    this.info = Object.freeze({ id: this.core.nextLinkId(), remoteAddr, localAddr, tls, openedAt: new Date() });
    if (this.#ended !== undefined) return false;
    this.#attached = true;
    if (!this.core.held) connection.unref();
    this.#ping();
    return true;
  }

  /** From the engine. */
  available(): void {}
  /** From the engine. */
  abstract goaway(code: number, lastId: number): void;

  /** From the engine: every stream's `close` has been called. */
  close(error: Error | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.draining = true;
    this.#timer?.cancel();
    if (this.#attached) this.core.disconnected(this, error);
  }

  /** Why it ended before it was attached. */
  protected get early(): Error | undefined {
    return this.#ended?.error;
  }

  /** Whether the connection is over. */
  get over(): boolean {
    return this.#ended !== undefined;
  }

  /** The pool closes: cuts streams in use and those that are opening, and ends the connection once what was written has arrived. */
  finish(): void {
    if (this.over || this.#unsent !== -1) return;
    this.connection.goaway();
    for (const seat of [...this.busy]) {
      if (seat.phase === "opening" || (seat.exchange !== undefined && !seat.exchange.closing)) seat.channel.reset();
    }
    if (this.over) return;
    this.#timer?.cancel();
    this.#timer = this.core.deadlines.after(LINGER, () => this.connection.destroy());
    let unsent = 0;
    for (const seat of this.busy) if (seat.exchange !== undefined && !seat.exchange.sender.ended) unsent++;
    this.#unsent = unsent;
    this.#confirm();
  }

  /** A stream's writing side has ended, or the stream is gone without. */
  sent(): void {
    if (this.#unsent <= 0) return;
    this.#unsent--;
    this.#confirm();
  }

  // The answer to a PING says that the peer has read everything before it: nothing is lost by cutting then.
  #confirm(): void {
    if (this.#unsent !== 0 || this.over) return;
    const cut = (): void => this.connection.destroy();
    this.connection.ping(LINGER).then(cut, cut);
  }

  /** Keep-alive. One deadline, moved lazily: it finds out when it fires whether bytes were read meanwhile. */
  expire(): void {
    const { keepAlive } = this.core.settings;
    const silent = this.core.deadlines.now() - this.connection.lastRead;
    if (silent < keepAlive) this.#arm(keepAlive - silent);
    else this.#ping();
  }

  #arm(ms: number): void {
    const { deadlines } = this.core;
    this.#timer = deadlines.schedule(this, deadlines.now() + ms);
  }

  // The first one goes out with the connection: it measures the round trip.
  #ping(): void {
    if (this.#pinging) return;
    this.#pinging = true;
    const { keepAlive, pingTimeout } = this.core.settings;
    const began = this.core.deadlines.now();
    const done = (): boolean => {
      this.#pinging = false;
      if (this.over || this.#unsent !== -1) return false;
      if (keepAlive > 0) this.#arm(keepAlive);
      return true;
    };
    this.connection.ping(pingTimeout).then((ms) => {
      this.rtt = ms;
      this.core.rtt = ms;
      done();
    }, (error: Error) => {
      // Bytes that came meanwhile are a sign of life too.
      if (done() && keepAlive > 0 && this.connection.lastRead <= began) this.connection.destroy(error);
    });
  }
}
