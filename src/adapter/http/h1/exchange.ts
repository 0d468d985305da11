/** One request over HTTP/1.1, from its head to the end of its response. @module */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpOutcome } from "../contract.ts";
import type { GuardedOwner } from "../serving.ts";
import type { Due } from "../h2/expiry.ts";
import type { H1Connection } from "./connection.ts";

type Cut = HttpOutcome["cut"];

/** Where a response, and the socket of an upgraded request, find their exchange. */
export const EXCHANGE: unique symbol = Symbol("exchange");

/** A request under way. */
export class Exchange {
  readonly connection: H1Connection;
  readonly req: IncomingMessage;
  /** Undefined for a request that became another protocol. */
  readonly res: ServerResponse | undefined;
  readonly owner: GuardedOwner;
  readonly started: number;
  /** Its places among those who wait for a time limit; the service's. */
  reading: Due<Exchange> | undefined;
  writing: Due<Exchange> | undefined;
  over = false;
  cut: Cut;
  /** The client waits for 100 (Continue) before it sends the body. */
  expects = false;
  /** Told of the end: aborts the request's signal, wakes who waits for room. */
  onend: ((cut: Cut) => void) | undefined;
  #reason: DOMException | undefined;

  constructor(connection: H1Connection, req: IncomingMessage, res: ServerResponse | undefined, owner: GuardedOwner) {
    this.connection = connection;
    this.req = req;
    this.res = res;
    this.owner = owner;
    this.started = connection.clock.now();
  }

  /** The handler failed: an empty 500 where nothing was sent yet, else a response that nobody can take for a whole one. */
  fail(error: unknown): void {
    // What it was told of its client's end, handed back.
    if (this.#reason !== undefined && error === this.#reason) return;
    if (this.req.aborted && isAborted(error)) return;
    this.owner.failed(error);
    const { res } = this;
    if (this.over || res === undefined) return;
    if (res.headersSent) {
      if (res.writableEnded) return;
      return this.destroy("handler");
    }
    for (const name of res.getHeaderNames()) if (name !== "connection") res.removeHeader(name);
    this.empty(500);
  }

  /** Why it ended early, for the request's signal and body. */
  get reason(): DOMException {
    return this.#reason ??= this.cut === "timeout"
      ? new DOMException("The request took longer than it may", "TimeoutError")
      : new DOMException(
        this.cut === "abort" ? "The server was stopped" : "The connection was closed by the client",
        "AbortError",
      );
  }

  /** A response without a body. */
  empty(status: number): void {
    const { res } = this;
    if (res === undefined || res.headersSent) return;
    res.statusCode = status;
    res.statusMessage = "";
    res.setHeader("content-length", "0");
    res.end();
  }

  /** Cuts the connection because of this request. */
  destroy(cut: Cut): void {
    this.end(cut);
    this.connection.destroy();
  }

  /** It is over. `cut`: what is known of why, if it did not end in order. */
  end(cut: Cut): void {
    if (this.over) return;
    this.over = true;
    this.cut = cut;
    const { connection, res } = this;
    connection.ended(this);
    try {
      this.onend?.(cut);
      // It holds the Request and the Response: a response that lives a little longer must not keep them.
      this.onend = undefined;
    } finally {
      this.owner.ended({
        status: res === undefined ? 101 : res.headersSent ? res.statusCode : 0,
        duration: connection.clock.now() - this.started,
        cut,
      });
    }
  }
}

/** What reading a request says whose client has gone. Deno 2.9 does not keep it as `errored`. */
function isAborted(error: unknown): boolean {
  return error instanceof Error && error.message === "aborted" && (error as { code?: unknown }).code === "ECONNRESET";
}
