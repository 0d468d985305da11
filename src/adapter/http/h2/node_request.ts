/** The request of a Node-style handler. @module */
import { Buffer } from "node:buffer";
import { IncomingMessage } from "node:http";
import { Readable, type ReadableOptions } from "node:stream";
import type { Fields } from "../../contract.ts";
import type { Head } from "./head.ts";
import type { Inflow, Reader } from "./inflow.ts";
import type { NodeSocket } from "./node_socket.ts";
import { posing } from "./posing.ts";

/** What the request asks of its exchange. */
export interface RequestOwner {
  readonly inflow: Inflow | undefined;
  /** The handler has destroyed the request before it was complete. */
  requestDestroyed(error: Error | null): void;
}

const OWNER: unique symbol = Symbol("owner");

const Base = posing<ReadableOptions, Readable>(Readable as never, IncomingMessage);

/** An `IncomingMessage` as far as anyone can tell. */
export class NodeRequest extends Base implements Reader {
  aborted = false;
  complete: boolean;
  readonly httpVersion = "2.0";
  readonly httpVersionMajor = 2;
  readonly httpVersionMinor = 0;
  method: string;
  url: string;
  headers: Record<string, string | string[]>;
  rawHeaders: string[];
  trailers: Record<string, string | string[]> = Object.create(null);
  rawTrailers: string[] = [];
  socket: NodeSocket;
  connection: NodeSocket;
  readonly statusCode = null;
  readonly statusMessage = null;
  readonly upgrade = false;
  setTimeout = setTimeoutOf;
  deliver = deliver;
  finish = finish;
  [OWNER]: RequestOwner;

  constructor(owner: RequestOwner, head: Head, socket: NodeSocket, body: "body" | "none") {
    super(STREAM);
    this[OWNER] = owner;
    this.method = head.method;
    this.url = head.path;
    this.rawHeaders = head.headers.slice();
    this.headers = joined(head.headers);
    this.socket = this.connection = socket;
    this.complete = body === "none";
    // By one of two fields body parsers know that there is something to parse (RFC 9112 section 6.3). A gateway to HTTP/1.1,
    // which is what this is to its handler, would say the same.
    if (body === "body" && this.headers["content-length"] === undefined) this.headers["transfer-encoding"] = "chunked";
    Object.defineProperties(this, DISTINCT);
  }
}

const STREAM: ReadableOptions = {
  read(this: NodeRequest) {
    const { inflow } = this[OWNER];
    if (inflow === undefined) this.push(null);
    else inflow.pull(this);
  },
  destroy(this: NodeRequest, error: Error | null, done: (error?: Error | null) => void) {
    if (!this.complete || !this.readableEnded) this[OWNER].requestDestroyed(error);
    // As IncomingMessage does: a client that goes away is no reason for an uncaught exception.
    done(this.listenerCount("error") > 0 ? error : null);
  },
} as unknown as ReadableOptions;

const DISTINCT: PropertyDescriptorMap = {
  headersDistinct: {
    configurable: true,
    get(this: NodeRequest) {
      return distinct(this.rawHeaders);
    },
  },
  trailersDistinct: {
    configurable: true,
    get(this: NodeRequest) {
      return distinct(this.rawTrailers);
    },
  },
};

function deliver(this: NodeRequest, bytes: Uint8Array<ArrayBuffer>): void {
  this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
}

function finish(this: NodeRequest): void {
  this.complete = true;
  this.push(null);
}

/** Trailers have come, before the end. */
export function setTrailers(request: NodeRequest, fields: Fields): void {
  request.rawTrailers = fields.slice();
  request.trailers = joined(fields);
}

function setTimeoutOf(this: NodeRequest, ms: number, fired?: () => void): NodeRequest {
  this.socket.setTimeout(ms, fired);
  return this;
}

/** As Node joins them: https://nodejs.org/api/http.html#messageheaders */
function joined(fields: Fields): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    const before = headers[name];
    if (name === "set-cookie") headers[name] = before === undefined ? [value] : [...before, value];
    else if (before === undefined) headers[name] = value;
    else if (!ONCE.has(name)) headers[name] = `${before}${name === "cookie" ? "; " : ", "}${value}`;
  }
  return headers;
}

/** Of these the first counts. */
const ONCE: ReadonlySet<string> = new Set([
  "age",
  "authorization",
  "content-length",
  "content-type",
  "etag",
  "expires",
  "from",
  "host",
  "if-modified-since",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "referer",
  "retry-after",
  "server",
  "user-agent",
]);

function distinct(fields: Fields): Record<string, string[]> {
  const headers: Record<string, string[]> = Object.create(null);
  for (let i = 0; i < fields.length; i += 2) (headers[fields[i]!] ??= []).push(fields[i + 1]!);
  return headers;
}
