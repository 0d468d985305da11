/**
 * One connection of a client pool.
 *
 * @module
 */
import { joinAddress } from "../adapter/address.ts";
import {
  ConnectError,
  type Connection,
  ConnectionClosedError,
  type ConnectionHandler,
  type Fields,
} from "../adapter/contract.ts";
import { InternalError } from "../core/errors.ts";
import { checks } from "../core/options.ts";
import type { ClientCore } from "./client_core.ts";
import { ClientSeat, type Opener } from "./client_seat.ts";
import type { Slot } from "./client_slot.ts";
import { headerFields } from "./headers.ts";
import { Link } from "./link.ts";

/** Opens streams. */
export class ClientLink extends Link implements ConnectionHandler {
  declare readonly core: ClientCore;
  readonly #slot: Slot;
  /** Streams opened so far. */
  #opened = 0;
  /** The server has answered an opening, in whichever way: it speaks the protocol. */
  answered = false;
  /** No more streams are opened here, those that are there go on. */
  retired = false;
  #doubted = false;
  #away: Error | undefined;

  readonly #request: Fields;

  /** @param hostname the server's name */
  constructor(core: ClientCore, slot: Slot, hostname: string) {
    super(core);
    this.#slot = slot;
    const { headers } = core.settings;
    const authority = hostname.includes(":") ? `[${hostname}]` : hostname;
    const fields = [":method", "POST", ":scheme", "https", ":authority", authority, ":path", "/stream"];
    this.#request = headers === undefined || typeof headers === "function" ? fields : [...fields, ...headers];
  }

  /** The fields of one request. Throws what the user's `headers` throw, and what is wrong with them. */
  request(): Fields {
    const { headers } = this.core.settings;
    if (typeof headers !== "function") return this.#request;
    return [...this.#request, ...headerFields(checks("open a stream"), headers())];
  }

  /** The connection is up. Throws a `ConnectError` when it is going away, or over already. */
  begin(connection: Connection): void {
    const away = this.#away;
    if (away !== undefined) connection.destroy();
    if (away === undefined && this.attach(connection)) return;
    const cause = away ?? this.early ?? new ConnectionClosedError("the connection ended at once");
    const message = `Cannot connect to ${joinAddress(connection.remoteAddr)}: ${cause.message}`;
    throw new ConnectError("protocol", message, { cause });
  }

  /** How many streams can be opened now. */
  get openable(): number {
    if (this.draining || this.retired) return 0;
    return Math.min(this.connection.openable, this.core.settings.maxStreamsPerConnection - this.#opened);
  }

  /** Sends a request for a stream. `openable` was not 0. */
  open(fields: Fields, opener: Opener): void {
    const seat = new ClientSeat(this, opener);
    seat.channel = this.connection.open(fields, seat);
    this.busy.add(seat);
    seat.begin();
    this.#opened++;
    if (this.answered) this.#limit();
  }

  /** The server has answered an opening. Before that the connection is not replaced at its limit: it may be no good, and so the next one. */
  heard(): void {
    this.answered = true;
    this.#limit();
  }

  #limit(): void {
    if (this.#opened >= this.core.settings.maxStreamsPerConnection) this.retire("it has had its number of streams");
  }

  /** Another connection takes over. This one ends with its last stream. */
  retire(why: string): void {
    if (this.retired || this.draining) return;
    this.retired = true;
    this.core.log("info", "connection retired", { connection: this.info.id, why });
    this.#slot.replace(this);
    this.left();
  }

  /** A stream is gone. */
  left(): void {
    if (this.retired && !this.over && this.connection.channels === 0) this.connection.goaway();
  }

  /** An opening had no answer. A peer that answers PING all the same gives no more streams: a Go server at its limit. */
  doubt(): void {
    if (this.#doubted || this.retired || this.draining) return;
    this.#doubted = true;
    const { pingTimeout } = this.core.settings;
    this.connection.ping(pingTimeout).then(
      () => this.retire("it answers PING, but does not open streams"),
      (error) => this.connection.destroy(error),
    );
  }

  goaway(code: number): void {
    const first = this.#away === undefined;
    this.#away ??= new ConnectionClosedError(`the server sent GOAWAY (code ${code})`, { code });
    if (!first || this.info === undefined) return;
    this.draining = true;
    this.core.wentAway(this, this.#away);
    this.#slot.replace(this);
  }

  channel(): never {
    throw new InternalError("a client is not asked for streams");
  }

  override available(): void {
    this.core.available();
  }
}
