/** One HTTP/1.1 connection: what is under way on it, and how it ends. @module */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../../contract.ts";
import type { HttpRequestInfo } from "../contract.ts";
import type { Due } from "../h2/expiry.ts";
import { type EXCHANGE, Exchange } from "./exchange.ts";
import type { H1Host } from "./service.ts";

/** A connection, from its acceptance to its last response. */
export class H1Connection {
  readonly socket: Socket;
  readonly info: HttpRequestInfo;
  readonly clock: Clock;
  /** Its places among those who wait for a time limit; the service's. */
  firstHead: Due<H1Connection> | undefined;
  head: Due<H1Connection> | undefined;
  idle: Due<H1Connection> | undefined;
  soon: Due<H1Connection> | undefined;
  readonly #host: H1Host;
  readonly #exchanges: Set<Exchange> = new Set();
  /** What had been read when the last response was over: with more than that, a request has begun. */
  #read = 0;
  /** No request is taken any more: a response that says `Connection: close` was begun, or the peer's HTTP is broken. */
  #last = false;
  /** Asked to leave: the next response is the last one. */
  #leaving = false;
  #gone = false;
  /** Bytes of a head have been seen at the last look. */
  #reading = false;

  constructor(socket: Socket, info: HttpRequestInfo, host: H1Host) {
    this.socket = socket;
    this.info = info;
    this.clock = host.clock;
    this.#host = host;
  }

  get inFlight(): number {
    return this.#exchanges.size;
  }

  /** A head has come. Undefined: nobody will answer this one, its client was told of the end of the connection. */
  begin(req: IncomingMessage, res: ServerResponse | undefined): Exchange | undefined {
    if (this.#last) return undefined;
    const host = this.#host;
    if (this.#exchanges.size === 0) host.busy(this);
    this.#reading = false;
    const exchange = new Exchange(this, req, res, host.owner());
    this.#exchanges.add(exchange);
    if (res === undefined) this.#last = true;
    else if (this.#leaving || host.limits.disableKeepAlive) this.#close(res);
    host.began(exchange);
    return exchange;
  }

  /** A head that nobody is asked about. */
  refuse(res: ServerResponse, status: number): void {
    if (this.#last) return;
    this.#host.busy(this);
    this.#last = true;
    // In its place behind the responses that are still to come.
    res.writeHead(status, { "connection": "close", "content-length": "0" });
    res.end();
    if (this.#exchanges.size === 0) this.#finish("");
  }

  /** The parser has given up. */
  broken(status: string): void {
    if (this.#gone) return;
    this.#last = true;
    const [first] = this.#exchanges;
    if (first === undefined) return this.#finish(status);
    // Only its own body can be what is broken: its response is still to come, so that this is one.
    if (this.#exchanges.size === 1 && !first.req.complete) {
      if (first.res === undefined || first.res.headersSent) return first.destroy("client");
      this.#finish(status);
      first.end("client");
    }
    // Else what came before is answered, and the connection ends with it. To write now would answer the wrong request.
  }

  /** Called by an exchange that is over. */
  ended(exchange: Exchange): void {
    if (!this.#exchanges.delete(exchange)) return;
    this.#host.over(exchange);
    if (this.#exchanges.size > 0 || this.#gone) return;
    // node:http has ended it behind a response that was to be the last one.
    if (this.#last || this.#leaving || this.socket.writableEnded) return this.#finish("");
    this.#read = this.socket.bytesRead;
    this.#host.idle(this);
  }

  leave(idle: "now" | "soon"): void {
    if (this.#gone) return;
    this.#leaving = true;
    let newest: Exchange | undefined;
    for (const exchange of this.#exchanges) newest = exchange;
    if (newest === undefined) {
      // More was read: a request that counts as accepted, though its head is not whole yet.
      if (this.socket.bytesRead !== this.#read) return;
      if (idle === "now") this.#finish("");
      else this.#host.soon(this);
    } else if (newest.res !== undefined) this.#close(newest.res);
  }

  /** Still without a request, some time after it was asked to leave. */
  leaveNow(): void {
    if (this.#exchanges.size === 0 && this.socket.bytesRead === this.#read) this.#finish("");
  }

  /**
   * The time for a head has passed since the last look, without a head. The first bytes of one cannot be heard of, only
   * seen: to listen for data would take the socket out of the parser's own hands. So a head gets between one and two
   * times its time, the first one of a connection exactly one. False: it goes on.
   */
  look(which: "first" | "next"): boolean {
    if (this.#exchanges.size > 0) return true;
    const begun = this.socket.bytesRead !== this.#read;
    if (which === "first" || this.#reading) {
      this.#last = true;
      this.#finish(begun ? "408 Request Timeout" : "");
      return true;
    }
    this.#reading = begun;
    return false;
  }

  /** RFC 9112 section 9.6: this response says that it is the last one. */
  #close(res: ServerResponse): void {
    this.#last = true;
    if (!res.headersSent) res.setHeader("connection", "close");
  }

  /**
   * The end, in order: FIN, and what still comes is read and thrown away for a while. To close the socket would answer
   * it with a reset, which can take a response from a client that has not read it yet (RFC 9112 section 9.6).
   */
  #finish(status: string): void {
    if (this.#gone) return;
    this.#last = true;
    const { socket } = this;
    if (status === "") socket.end();
    else socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    socket.unref();
    this.#host.linger(socket);
    this.#leave();
  }

  destroy(): void {
    this.socket.destroy();
    this.closed();
  }

  abort(): number {
    const n = this.#exchanges.size;
    for (const exchange of this.#exchanges) exchange.end("abort");
    this.destroy();
    return n;
  }

  /** The socket is gone. */
  closed(): void {
    if (this.#gone) return;
    this.#last = true;
    // A queued response of a pipelined request hears nothing of its end.
    for (const exchange of this.#exchanges) {
      exchange.end(exchange.res === undefined || exchange.res.writableFinished ? undefined : "client");
    }
    this.#leave();
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#host.gone(this);
  }
}

/** What an upgraded socket and a response have of ours. */
export type Marked = { [EXCHANGE]?: Exchange };
