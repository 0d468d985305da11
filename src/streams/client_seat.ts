/**
 * A stream on the client's side of its opening (WIRE.md, "Opening a stream").
 *
 * @module
 */
import type { ChannelFault, Fields } from "../adapter/contract.ts";
import { PoolError } from "../core/errors.ts";
import type { ClientLink } from "./client_link.ts";
import { field } from "./headers.ts";
import { CANCEL, REFUSED_STREAM, Seat } from "./seat.ts";

/**
 * How an opening ended:
 * - `"created"`: there is an id.
 * - `"full"`: the server has no place now.
 * - `"forbidden"`: the server's `authorize` said no.
 * - `"unanswered"`: nothing within the handshake's time.
 * - `"failed"`: another answer than the protocol's.
 * - `"gone"`: the connection ended, or takes no more streams.
 */
export type Outcome = "created" | "full" | "forbidden" | "unanswered" | "failed" | "gone";

/** Who waits for the outcome of an opening. */
export interface Opener {
  settled(seat: ClientSeat, outcome: Outcome, error: PoolError | undefined): void;
}

/** Waits for the status and the four bytes of the id. */
export class ClientSeat extends Seat {
  declare readonly link: ClientLink;
  /** Until the outcome is known. */
  #opener: Opener | undefined;
  #accepted = false;
  #id = 0;
  /** Bytes of the id that have come. */
  #digits = 0;

  constructor(link: ClientLink, opener: Opener) {
    super(link);
    this.#opener = opener;
  }

  /** The request has been sent. */
  begin(): void {
    this.hurry();
    this.writing = !this.channel.write(FIRST_BYTE);
  }

  override headers(fields: Fields, kind: "response" | "trailers"): void {
    if (this.phase !== "opening" || kind === "trailers") return;
    this.link.heard();
    const status = field(fields, ":status");
    if (status === "200") {
      this.#accepted = true;
      return;
    }
    // A body of these is a message for people, never an id.
    if (status === "403") {
      const error = new PoolError("ERR_POOL_FORBIDDEN", `Cannot open a stream: ${this.#server()} refused it (403)`);
      return this.#refused("forbidden", error);
    }
    const error = this.#handshakeError(`answered with status ${status}`);
    // 404 is what a full Go server says.
    this.#refused(status === "404" || status === "429" || status === "503" ? "full" : "failed", error);
  }

  protected override openingData(chunk: Uint8Array): void {
    if (!this.#accepted) return this.channel.consume(chunk.length);
    let used = 0;
    while (used < chunk.length && this.#digits < 4) {
      this.#id = this.#id * 256 + chunk[used++]!;
      this.#digits++;
    }
    this.channel.consume(used);
    if (this.#digits < 4) return;
    this.key = this.#id.toString(16).padStart(8, "0");
    if (used < chunk.length) this.keep(chunk.subarray(used));
    const kept = this.opened();
    this.#settle(kept ? "created" : this.link.core.closing ? "gone" : "failed");
  }

  protected override openingEnd(): void {
    this.#refused("failed", this.#handshakeError("ended the stream before its id"));
  }

  protected override openingLate(): void {
    const { handshakeTimeout } = this.link.core.settings;
    const error = this.#handshakeError(`sent no id within ${handshakeTimeout} ms`);
    const opener = this.#opener;
    this.#opener = undefined;
    this.channel.reset(CANCEL);
    opener?.settled(this, "unanswered", error);
    this.link.doubt();
  }

  protected override openingClosed(fault: ChannelFault | undefined): void {
    const kind = fault?.kind;
    if (kind === "lost" || kind === "aborted" || this.link.draining) return this.#settle("gone");
    if (kind === "refused" || (fault?.kind === "reset" && fault.code === REFUSED_STREAM)) {
      this.link.heard();
      return this.#settle("full", this.#handshakeError("is full (REFUSED_STREAM)"));
    }
    this.#settle(
      "failed",
      this.#handshakeError(
        fault?.kind === "reset" ? `reset the stream (code ${fault.code})` : "ended the stream before its id",
      ),
    );
  }

  // Ended in order, not reset: a burst of resets is what servers defend themselves against.
  #refused(outcome: Outcome, error: PoolError): void {
    this.timer?.cancel();
    this.retire();
    this.#settle(outcome, error);
  }

  #settle(outcome: Outcome, error?: PoolError): void {
    const opener = this.#opener;
    this.#opener = undefined;
    opener?.settled(this, outcome, error);
  }

  #server(): string {
    const { hostname, port } = this.link.info.remoteAddr;
    return `the server ${hostname}:${port}`;
  }

  #handshakeError(what: string): PoolError {
    return new PoolError("ERR_POOL_HANDSHAKE", `Cannot open a stream: ${this.#server()} ${what}`);
  }
}

/** Any value opens; a Go client sends this one. */
const FIRST_BYTE = new Uint8Array(1);
