/** The owner of one HTTP/2 connection: requests come in, and it goes when it is idle, silent or told to. @module */
import type {
  Channel,
  ChannelHandler,
  ClockTimer,
  Connection,
  ConnectionHandler,
  Fields,
  TlsState,
} from "../../contract.ts";
import type { HttpOutcome, HttpRequestInfo } from "../contract.ts";
import { Exchange } from "./exchange.ts";
import { FetchExchange } from "./fetch.ts";
import { type Head, isAuthority, readHead } from "./head.ts";
import { NodeExchange } from "./node.ts";
import type { H2ServiceCore } from "./service.ts";

/** A client that says nothing for so long, and that no limit ends, is asked whether it is still there, milliseconds. */
const SILENCE = 30_000;
/** How long its answer may take. */
const ANSWER = 15_000;
/** Microtasks that the head of a response waits for its body, so that both leave in one write. */
const HOLD = 10;

const UNREADABLE: Head = { method: "", path: "", authority: "", fields: [], headers: [], expects: false };

/** A connection that serves requests. */
export class H2Connection implements ConnectionHandler {
  readonly service: H2ServiceCore;
  readonly connection: Connection;
  /** The same for all requests of the connection. */
  readonly info: HttpRequestInfo;
  /** Before authority and path of a URL. */
  readonly origin: "https://" | "http://";
  /** Requests under way. */
  inFlight = 0;
  /** Set while the connection is cut by its listener. */
  cutting: "abort" | undefined;
  /** The last field list, and what it says: clients repeat themselves, and the decoder gives equal blocks one list. */
  #fields: Fields | undefined;
  #head: Head = UNREADABLE;
  #goodAuthority = "";
  /** When the last request ended; of interest while there is none. */
  #idleSince: number;
  #watch: ClockTimer | undefined;
  #left = false;
  /** Exchanges whose head waits for its body, oldest first, and the microtask it waits for. */
  #held: FetchExchange[] = [];
  #tick = 0;

  constructor(service: H2ServiceCore, connection: Connection, tls: TlsState | undefined) {
    this.service = service;
    this.connection = connection;
    this.origin = tls === undefined ? "http://" : "https://";
    this.info = {
      remoteAddr: connection.remoteAddr,
      localAddr: connection.localAddr,
      tls,
      protocol: "h2",
    };
    this.#idleSince = service.clock.now();
    this.#wait(Math.min(service.limits.idleTimeout, SILENCE));
  }

  channel(channel: Channel, fields: Fields, body: "body" | "none"): ChannelHandler {
    if (fields !== this.#fields) {
      this.#head = readHead(fields);
      this.#fields = fields;
    }
    const head = this.#head;
    const { method, authority } = head;
    // Section 8.3.1 wants an authority, and what a URL parser would read in a wrong one is nobody's business.
    if (authority !== this.#goodAuthority) {
      if (!isAuthority(authority)) return this.#refuse(channel, head, body, 400);
      this.#goodAuthority = authority;
    }
    if (method === "CONNECT") return this.#refuse(channel, head, body, 501);
    const answer = this.service.answer();
    if (answer === undefined) return this.#refuse(channel, head, body, 500);
    if ("fetch" in answer) {
      // What the fetch standard's Request cannot be.
      if (method === "TRACE" || method === "TRACK") return this.#refuse(channel, head, body, 501);
      const exchange = new FetchExchange(this, channel, head, body);
      exchange.start(answer.fetch, body);
      return exchange;
    }
    const exchange = new NodeExchange(this, channel, head, body);
    exchange.start(answer.node, body);
    return exchange;
  }

  oversized(channel: Channel, body: "body" | "none"): ChannelHandler {
    return this.#refuse(channel, UNREADABLE, body, 431);
  }

  available(): void {}

  goaway(): void {}

  close(): void {
    this.#watch?.cancel();
    this.#watch = undefined;
    this.service.gone(this);
  }

  #refuse(channel: Channel, head: Head, body: "body" | "none", status: number): ChannelHandler {
    const exchange = new Exchange(this, channel, head, body);
    exchange.answer(status);
    return exchange;
  }

  // ---- for exchanges

  /** A request has begun. Returns when. */
  began(): number {
    this.inFlight++;
    return this.service.began();
  }

  ended(status: number, began: number, cut: HttpOutcome["cut"]): void {
    const now = this.service.clock.now();
    if (--this.inFlight === 0) this.#idleSince = now;
    this.service.ended({ status, duration: now - began, cut });
  }

  /** Calls `release` after a few microtasks. */
  hold(exchange: FetchExchange): void {
    exchange.releaseAt = this.#tick + HOLD;
    if (this.#held.push(exchange) === 1) queueMicrotask(this.#hop);
  }

  #hop = (): void => {
    const held = this.#held;
    const tick = ++this.#tick;
    let due = 0;
    while (due < held.length && (held[due]!.releaseAt <= tick || held[due]!.released)) due++;
    if (due > 0) {
      const ready = due === held.length ? held : held.splice(0, due);
      if (ready === held) this.#held = [];
      for (const exchange of ready) if (!exchange.released) exchange.release();
    }
    if (this.#held.length > 0) queueMicrotask(this.#hop);
  };

  // ---- the end

  /** No new requests; the connection ends with its last one. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.connection.goaway();
  }

  /** Cuts the connection. Returns how many requests that were. */
  abort(): number {
    const requests = this.inFlight;
    this.cutting = "abort";
    this.connection.destroy();
    return requests;
  }

  #wait(ms: number): void {
    this.#watch = this.service.clock.timer(Math.max(1, ms), this.#look);
    this.#watch.unref();
  }

  #look = (): void => {
    const now = this.service.clock.now();
    const { idleTimeout } = this.service.limits;
    if (this.inFlight === 0 && idleTimeout !== Infinity) {
      const left = idleTimeout - (now - this.#idleSince);
      if (left <= 0) this.leave();
      return this.#wait(left <= 0 ? SILENCE : Math.min(left, SILENCE));
    }
    const silent = now - this.connection.lastRead;
    if (silent < SILENCE) return this.#wait(Math.min(SILENCE - silent, idleTimeout));
    // Its end may have been lost on the way: without this, what waits for it would wait for ever.
    this.connection.ping(ANSWER).catch((error) => this.connection.destroy(error as Error));
    this.#wait(SILENCE);
  };
}
