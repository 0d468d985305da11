/**
 * HTTP/1.1 over sockets that somebody else accepted: the platform's own `node:http`, which never listens itself. Time
 * limits are kept here, for all connections with one timer each: those of `node:http` start with `listen`, are looked at
 * every 30 s, and differ between the runtimes.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../../contract.ts";
import type { Answer, HttpRequestInfo } from "../contract.ts";
import { Expiry } from "../h2/expiry.ts";
import type { GuardedOwner, Limits, Serving, Surroundings } from "../serving.ts";
import { H1Connection, type Marked } from "./connection.ts";
import { EXCHANGE, type Exchange } from "./exchange.ts";
import { serveFetch } from "./fetch.ts";
import { badHead } from "./head.ts";
import { messages, pace, seemListening } from "./runtime.ts";

/** After our FIN, until the socket is closed whatever the client does. */
const LINGER = 1_000;
/** After `leave("soon")`, until a connection without a request is closed. */
const SOON = 5_000;
/** `maxHeaderSize` of a server without a limit; 0 would mean 16 KiB. */
const NO_LIMIT = 1 << 30;

/** HTTP/1.1 at work. */
export interface H1Serving extends Serving {
  accept(socket: Socket, info: HttpRequestInfo): void;
}

/** What a connection tells the service. */
export interface H1Host {
  readonly clock: Clock;
  readonly limits: Limits;
  owner(): GuardedOwner;
  busy(connection: H1Connection): void;
  idle(connection: H1Connection): void;
  soon(connection: H1Connection): void;
  linger(socket: Socket): void;
  gone(connection: H1Connection): void;
  began(exchange: Exchange): void;
  over(exchange: Exchange): void;
}

const CONNECTION: unique symbol = Symbol("connection");
type Owned = { [CONNECTION]?: H1Connection };

/** Starts it. */
export function serveH1(surroundings: Surroundings): H1Serving {
  const { clock, limits } = surroundings;
  const connections = new Set<H1Connection>();
  let inFlight = 0, bytesIn = 0, bytesOut = 0;
  let leaving: "now" | "soon" | undefined;

  const timed = <T>(ms: number, due: (item: T) => void): Expiry<T> => new Expiry(clock, ms || Infinity, due);
  const firstHead = timed<H1Connection>(limits.readHeaderTimeout, (one) => one.look("first"));
  const head = timed<H1Connection>(limits.readHeaderTimeout, (one) => {
    if (!one.look("next")) one.head = head.add(one);
  });
  const idle = timed<H1Connection>(limits.idleTimeout, (one) => one.leaveNow());
  const soon = timed<H1Connection>(SOON, (one) => one.leaveNow());
  const lingering = timed<Socket>(LINGER, (socket) => socket.destroy());
  const reading = timed<Exchange>(limits.readTimeout, (one) => {
    if (!one.req.complete) one.destroy("timeout");
  });
  const writing = timed<Exchange>(limits.writeTimeout, (one) => one.destroy("timeout"));

  const host: H1Host = {
    clock,
    limits,
    owner: surroundings.owner,
    busy(connection) {
      firstHead.remove(connection.firstHead);
      head.remove(connection.head);
      idle.remove(connection.idle);
      soon.remove(connection.soon);
      connection.firstHead =
        connection.head =
        connection.idle =
        connection.soon =
          undefined;
    },
    idle(connection) {
      connection.head = head.add(connection);
      connection.idle = idle.add(connection);
    },
    soon(connection) {
      connection.soon ??= soon.add(connection);
    },
    linger(socket) {
      const due = lingering.add(socket);
      socket.once("close", () => {
        lingering.remove(due);
        lingering.rest();
      });
    },
    gone(connection) {
      host.busy(connection);
      connections.delete(connection);
      bytesIn += connection.socket.bytesRead;
      bytesOut += connection.socket.bytesWritten;
      if (connections.size === 0) { for (const one of [firstHead, head, idle, soon, reading, writing]) one.rest(); }
      surroundings.left();
    },
    began(exchange) {
      inFlight++;
      // An upgraded connection is bounded by its own protocol.
      if (exchange.res === undefined) return;
      exchange.reading = reading.add(exchange);
      exchange.writing = writing.add(exchange);
    },
    over(exchange) {
      inFlight--;
      reading.remove(exchange.reading);
      writing.remove(exchange.writing);
    },
  };

  const server = createServer({
    ...messages,
    maxHeaderSize: limits.maxHeaderBytes === 0 ? NO_LIMIT : limits.maxHeaderBytes,
    // Checked in head.ts, on every runtime alike.
    requireHostHeader: false,
    keepAliveTimeout: 0,
    headersTimeout: 0,
    requestTimeout: 0,
  });
  // What its own limit of 2,000 leaves out would be gone without a word. Their bytes are limited.
  server.maxHeadersCount = 0;
  seemListening(server);
  server.on("request", (req, res) => take(req, res, false));
  server.on("checkContinue", (req, res) => take(req, res, true));
  server.on("upgrade", upgrade);
  // RFC 9110 section 15.6.2. Without a listener the socket is closed without a word.
  server.on("connect", (_, socket) => void socket.end("HTTP/1.1 501 Not Implemented\r\nconnection: close\r\n\r\n"));
  server.on("clientError", clientError);
  // Asked before a request becomes an `upgrade` event: without a handler for those it is a request like any other.
  const listenerCount = server.listenerCount;
  const counting: Server["listenerCount"] = function (this: Server, name, listener) {
    if (name !== "upgrade") return listenerCount.call(server, name, listener);
    const answer = surroundings.owner().answer();
    return answer !== undefined && "node" in answer && answer.upgrade !== undefined ? 1 : 0;
  };
  server.listenerCount = counting;

  function take(req: IncomingMessage, res: ServerResponse, expects: boolean): void {
    const connection = (req.socket as Owned)[CONNECTION];
    if (connection === undefined) return;
    const status = badHead(req, limits.maxHeaderBytes);
    if (status !== undefined) return connection.refuse(res, status);
    const exchange = connection.begin(req, res);
    if (exchange === undefined) return;
    exchange.expects = expects;
    (res as Marked)[EXCHANGE] = exchange;
    res.on("close", responseClosed);
    // What is written after the end, for one: it must not become an uncaught exception.
    res.on("error", responseFailed);
    exchange.owner.began();
    answer(exchange, exchange.owner.answer());
  }

  function upgrade(req: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    const connection = (socket as Owned)[CONNECTION];
    const exchange = badHead(req, limits.maxHeaderBytes) === undefined ? connection?.begin(req, undefined) : undefined;
    if (exchange === undefined) return void socket.destroy();
    exchange.owner.began();
    const answer = exchange.owner.answer();
    if (answer === undefined || !("node" in answer) || answer.upgrade === undefined) return exchange.destroy(undefined);
    call(exchange, answer.upgrade, req, socket, head);
  }

  function clientError(error: Error, socket: Duplex): void {
    const connection = (socket as Owned)[CONNECTION];
    const { code = "" } = error as { code?: string };
    // Anything but the parser's word is the end of the socket, which is heard of anyway.
    if (connection === undefined || !code.startsWith("HPE_") || !socket.writable) return void socket.destroy();
    connection.broken(BROKEN[code] ?? "400 Bad Request");
  }

  return {
    get connections() {
      return connections.size;
    },
    get inFlight() {
      return inFlight;
    },
    get bytesIn() {
      let sum = bytesIn;
      for (const { socket } of connections) sum += socket.bytesRead;
      return sum;
    },
    get bytesOut() {
      let sum = bytesOut;
      for (const { socket } of connections) sum += socket.bytesWritten;
      return sum;
    },
    accept(socket, info) {
      const connection = new H1Connection(socket, info, host);
      (socket as Owned)[CONNECTION] = connection;
      connections.add(connection);
      socket.on("error", ignore);
      socket.on("close", socketClosed);
      // For how it ends a connection after its last response, see `H1Connection`.
      (socket as { destroySoon?: () => void }).destroySoon = socket.end;
      pace(socket);
      connection.firstHead = firstHead.add(connection);
      server.emit("connection", socket);
      // It was accepted before that, and its handshake is done now.
      if (leaving !== undefined) connection.leave(leaving);
    },
    leave(how) {
      leaving = how;
      for (const one of [...connections]) one.leave(how);
    },
    abort() {
      let n = 0;
      for (const one of [...connections]) n += one.abort();
      return n;
    },
  };
}

/** By llhttp's name for it. */
const BROKEN: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "413 Payload Too Large",
};

function ignore(): void {}

function socketClosed(this: Socket): void {
  (this as Owned)[CONNECTION]?.closed();
}

function responseClosed(this: ServerResponse): void {
  (this as Marked)[EXCHANGE]?.end(this.writableFinished ? undefined : "client");
}

function responseFailed(this: ServerResponse, error: Error): void {
  const exchange = (this as Marked)[EXCHANGE];
  if (exchange !== undefined && !exchange.over) exchange.fail(error);
}

function answer(exchange: Exchange, answer: Answer | undefined): void {
  const { req, res } = exchange;
  if (answer === undefined) return exchange.empty(500);
  if ("fetch" in answer) return serveFetch(exchange, answer.fetch);
  if (exchange.expects) res!.writeContinue();
  call(exchange, answer.node, req, res!);
}

function call<Args extends unknown[]>(exchange: Exchange, handler: (...args: Args) => unknown, ...args: Args): void {
  try {
    const result = handler(...args);
    if (result instanceof Promise) result.catch((error: unknown) => failed(exchange, error));
  } catch (error) {
    failed(exchange, error);
  }
}

function failed(exchange: Exchange, error: unknown): void {
  exchange.fail(error);
  if (exchange.res === undefined && !exchange.over) exchange.destroy("handler");
}
