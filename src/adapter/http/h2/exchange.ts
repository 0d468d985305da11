/**
 * One request with its response on a channel: what both styles of handler have in common. Begins when the head has come,
 * is over with the last byte of the response or with a cut. @module
 */
import type { Channel, ChannelFault, ChannelHandler, Fields } from "../../contract.ts";
import type { HttpOutcome } from "../contract.ts";
import { CANCEL, INTERNAL_ERROR, NO_ERROR } from "../../http2/errors.ts";
import type { H2Connection } from "./connection.ts";
import { httpDate } from "./date.ts";
import type { Due } from "./expiry.ts";
import { type Head, statusText } from "./head.ts";

/** Why a request ended early. */
export type Cut = NonNullable<HttpOutcome["cut"]>;

/** An exchange that nobody handles answers for itself; the two styles build on it. */
export class Exchange implements ChannelHandler {
  readonly connection: H2Connection;
  readonly channel: Channel;
  readonly head: Head;
  /** Of the response; 0 before there is one. */
  status = 0;
  /** The owner has been told of the end. */
  over = false;
  /** The channel takes nothing any more. */
  closed = false;
  /** `end` was called: over as soon as everything has left. */
  #ending = false;
  readonly #began: number;
  /** Time limits, where there are some. */
  readonly #read: Due<Exchange> | undefined;
  readonly #write: Due<Exchange> | undefined;
  #linger: Due<Exchange> | undefined;

  constructor(connection: H2Connection, channel: Channel, head: Head, body: "body" | "none") {
    this.connection = connection;
    this.channel = channel;
    this.head = head;
    this.#began = connection.began();
    const { service } = connection;
    this.#read = body === "body" ? service.reads.add(this) : undefined;
    this.#write = service.writes.add(this);
  }

  // ---- what the styles override

  /** Nobody reads the body: it stays outside the window, so that its client stops sending. */
  data(_chunk: Uint8Array): "used" | void {
    return "used";
  }
  trailers(_fields: Fields): void {}
  /** The request is complete. */
  readEnd(): void {}
  /** What was written has been taken. */
  drained(): void {}
  /** The response has left. */
  completed(): void {}
  /** After that: what has not come of the request will not come. */
  dropped(): void {}
  /** The exchange was cut, before `over`. */
  cut(_why: Cut, _message: string): void {}

  // ---- ChannelHandler

  headers(fields: Fields): void {
    this.trailers(fields);
  }

  end(): void {
    this.connection.service.reads.remove(this.#read);
    this.readEnd();
  }

  accepted(): void {
    if (this.#ending) this.#complete();
    else this.drained();
  }

  close(fault: ChannelFault | undefined): void {
    this.closed = true;
    this.connection.service.lingers.remove(this.#linger);
    if (fault === undefined) return;
    // Ours: whoever did it has told why.
    if (this.over) return this.dropped();
    if (fault.kind === "lost") {
      return this.abandon(this.connection.cutting ?? "client", fault.cause.message);
    }
    this.abandon("client", fault.kind === "aborted" ? "the request was aborted" : fault.message);
  }

  // ---- for the styles

  /** The head of the response, its date added; `"none"` ends it. */
  respond(status: number, fields: string[], body?: "none"): void {
    this.status = status;
    this.channel.respond(fields, body);
    if (body === "none") this.#complete();
  }

  /** Ends the response behind what was written. `pending` says that a write still waits. */
  finish(pending: "pending" | "clear", trailers?: Fields): void {
    this.#ending = true;
    this.channel.end(trailers);
    if (pending === "clear") this.#complete();
  }

  /** An answer without content that no handler gave. */
  answer(status: number): void {
    this.respond(status, [":status", statusText(status), "content-length", "0", "date", httpDate()], "none");
  }

  /** The handler, or the body it gave, has failed: an empty 500 where there is still time for it. */
  fail(error: unknown): void {
    this.connection.service.failed(error);
    if (this.over || this.closed) return;
    if (this.status === 0) this.answer(500);
    else this.abort("handler", INTERNAL_ERROR, "the handler failed");
  }

  /** A time limit has passed. */
  expire(): void {
    if (this.over || this.closed) return;
    this.abort("timeout", CANCEL, "the request took too long");
  }

  /** Cuts the exchange from our side. */
  abort(why: Cut, code: number, message: string): void {
    if (this.over) return;
    this.abandon(why, message);
    if (!this.closed) this.channel.reset(code);
  }

  /** The exchange is over, and not in order. */
  abandon(why: Cut, message: string): void {
    if (this.over) return;
    this.#settle(why);
    this.cut(why, message);
  }

  #complete(): void {
    if (this.over) return;
    this.#settle(undefined);
    this.completed();
    if (!this.closed && !this.channel.readEnded) this.#linger = this.connection.service.lingers.add(this);
  }

  /** RFC 9113 section 8.1: the rest of the request is not wanted, and the response is to be kept. */
  hangUp(): void {
    if (!this.closed) this.channel.reset(NO_ERROR);
  }

  #settle(cut: Cut | undefined): void {
    this.over = true;
    const { connection } = this;
    connection.service.reads.remove(this.#read);
    connection.service.writes.remove(this.#write);
    connection.ended(this.status, this.#began, cut);
  }
}
