/** The response of a Node-style handler. @module */
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { ServerResponse } from "node:http";
import { httpDate } from "./date.ts";
import { isOfConnection, statusText } from "./head.ts";
import { checkName, checkStatus, checkValue, type HeaderValue, nodeError } from "./node_checks.ts";
import type { NodeRequest } from "./node_request.ts";
import type { NodeSocket } from "./node_socket.ts";
import { posing } from "./posing.ts";

/** What the response asks of its exchange. */
export interface ResponseOwner {
  /** Whether a response to this request has content with this status. */
  hasContent(status: number): boolean;
  /** The head, and `content` behind it or after what was written. False: wait for `drain`. */
  sendHead(status: number, fields: string[]): void;
  sendContent(bytes: Uint8Array, taken: Taken | undefined): boolean;
  sendEnd(trailers: string[] | undefined): void;
  inform(fields: string[]): void;
  responseDestroyed(error: Error | undefined): void;
}

export type Taken = (error?: Error | null) => void;
type Headers = Record<string, HeaderValue> | readonly (readonly [string, HeaderValue])[] | readonly HeaderValue[];

const OWNER: unique symbol = Symbol("owner");
const FIELDS: unique symbol = Symbol("fields");
const TRAILERS: unique symbol = Symbol("trailers");

const Base = posing<undefined, EventEmitter>(EventEmitter as never, ServerResponse);

/** A `ServerResponse` as far as anyone can tell: all of its surface is its own, see `posing`. */
export class NodeResponse extends Base {
  statusCode = 200;
  statusMessage: string | undefined = undefined;
  sendDate = true;
  headersSent = false;
  /** Libraries look at these two of Node's own. */
  _header: string | null = null;
  _contentLength: number | null = null;
  finished = false;
  writable = true;
  writableEnded = false;
  writableFinished = false;
  writableLength = 0;
  writableNeedDrain = false;
  writableCorked = 0;
  readonly writableHighWaterMark = 65_536;
  readonly writableObjectMode = false;
  destroyed = false;
  closed = false;
  errored: Error | null = null;
  shouldKeepAlive = true;
  chunkedEncoding = false;
  strictContentLength = false;
  req: NodeRequest;
  socket: NodeSocket | null;
  connection: NodeSocket | null;
  /** By these `node:stream` knows a ServerResponse. */
  _closed = false;
  _sent100 = false;
  readonly _defaultKeepAlive = true;
  readonly _removedConnection = false;
  readonly _removedContLen = false;

  setHeader = setHeader;
  setHeaders = setHeaders;
  appendHeader = appendHeader;
  getHeader = getHeader;
  getHeaders = getHeaders;
  getHeaderNames = getHeaderNames;
  getRawHeaderNames = getRawHeaderNames;
  hasHeader = hasHeader;
  removeHeader = removeHeader;
  writeHead = writeHead;
  writeHeader = writeHead;
  _implicitHeader = implicitHeader;
  flushHeaders = flushHeaders;
  writeContinue = writeContinue;
  writeProcessing = writeProcessing;
  writeEarlyHints = writeEarlyHints;
  write = write;
  end = end;
  addTrailers = addTrailers;
  cork = cork;
  uncork = uncork;
  destroy = destroy;
  setTimeout = setTimeoutOf;
  assignSocket = nothing;
  detachSocket = nothing;

  [OWNER]: ResponseOwner;
  /** By lower-case name: the name as it was given, and its value. */
  [FIELDS]: Map<string, { readonly name: string; value: string | string[] }> = new Map();
  [TRAILERS]: string[] | undefined = undefined;

  constructor(owner: ResponseOwner, request: NodeRequest, socket: NodeSocket) {
    super();
    this[OWNER] = owner;
    this.req = request;
    this.socket = this.connection = socket;
  }
}

// ---- fields

function setHeader(this: NodeResponse, name: string, value: HeaderValue): NodeResponse {
  refuseSent(this, "set");
  checkName(name);
  this[FIELDS].set(name.toLowerCase(), { name, value: checkValue(name, value) });
  return this;
}

function setHeaders(this: NodeResponse, headers: Iterable<readonly [string, HeaderValue]>): NodeResponse {
  const cookies: string[] = [];
  for (const [name, value] of headers) {
    if (name.toLowerCase() === "set-cookie") cookies.push(...[value].flat().map(String));
    else this.setHeader(name, value);
  }
  if (cookies.length > 0) this.setHeader("set-cookie", cookies);
  return this;
}

function appendHeader(this: NodeResponse, name: string, value: HeaderValue): NodeResponse {
  const before = this[FIELDS].get(name.toLowerCase());
  if (before === undefined) return this.setHeader(name, value);
  refuseSent(this, "append");
  before.value = [before.value, checkValue(name, value)].flat();
  return this;
}

function getHeader(this: NodeResponse, name: string): string | string[] | undefined {
  return this[FIELDS].get(name.toLowerCase())?.value;
}

function getHeaders(this: NodeResponse): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (const [name, { value }] of this[FIELDS]) headers[name] = value;
  return headers;
}

function getHeaderNames(this: NodeResponse): string[] {
  return [...this[FIELDS].keys()];
}

function getRawHeaderNames(this: NodeResponse): string[] {
  return Array.from(this[FIELDS].values(), ({ name }) => name);
}

function hasHeader(this: NodeResponse, name: string): boolean {
  return this[FIELDS].has(name.toLowerCase());
}

function removeHeader(this: NodeResponse, name: string): void {
  refuseSent(this, "remove");
  const key = name.toLowerCase();
  if (key === "date") this.sendDate = false;
  this[FIELDS].delete(key);
}

function refuseSent(response: NodeResponse, what: string): void {
  if (response._header !== null) {
    throw nodeError(Error, "ERR_HTTP_HEADERS_SENT", `Cannot ${what} headers after they are sent to the client`);
  }
}

// ---- the head

function writeHead(this: NodeResponse, status: number, second?: string | Headers, third?: Headers): NodeResponse {
  refuseSent(this, "write");
  this.statusCode = checkStatus(status);
  if (typeof second === "string") this.statusMessage = second;
  this.statusMessage ??= "";
  const headers = typeof second === "string" ? third : second ?? third;
  if (headers !== undefined && headers !== null) give(this, headers);
  this._header = `HTTP/2 ${this.statusCode}`;
  this.headersSent = true;
  return this;
}

/** Of a flat list the same name counts as often as it stands there. */
function give(response: NodeResponse, headers: Headers): void {
  if (!Array.isArray(headers)) {
    for (const name of Object.keys(headers)) {
      const value = (headers as Record<string, HeaderValue | undefined>)[name];
      if (value !== undefined) response.setHeader(name, value);
    }
    return;
  }
  const flat = (Array.isArray(headers[0]) ? headers.flat() : headers) as HeaderValue[];
  if (flat.length % 2 !== 0) throw nodeError(TypeError, "ERR_INVALID_ARG_VALUE", "Cannot write a name without a value");
  for (let i = 0; i < flat.length; i += 2) response.removeHeader(String(flat[i]));
  for (let i = 0; i < flat.length; i += 2) response.appendHeader(String(flat[i]), flat[i + 1]!);
}

function implicitHeader(this: NodeResponse): void {
  this.writeHead(this.statusCode);
}

/** The head goes out: what was set, the date, and a length that is known by now. */
function commit(response: NodeResponse): void {
  if (response._header === null) response._implicitHeader();
  if (response._header === SENT) return;
  const { statusCode } = response;
  const fields = [":status", statusText(statusCode)];
  let dated = !response.sendDate;
  let measured = response._contentLength === null || !response[OWNER].hasContent(statusCode);
  for (const [name, { value }] of response[FIELDS]) {
    if (isOfConnection(name)) continue;
    if (name === "date") dated = true;
    else if (name === "content-length") measured = true;
    if (typeof value === "string") fields.push(name, value);
    else for (const one of value) fields.push(name, one);
  }
  if (!measured) fields.push("content-length", String(response._contentLength));
  if (!dated) fields.push("date", httpDate());
  response._header = SENT;
  response.headersSent = true;
  response[OWNER].sendHead(statusCode, fields);
}
const SENT = "HTTP/2";

function flushHeaders(this: NodeResponse): void {
  if (!this.destroyed && !this.writableEnded) commit(this);
}

function writeContinue(this: NodeResponse, done?: () => void): void {
  this._sent100 = true;
  this[OWNER].inform([":status", "100"]);
  if (done !== undefined) queueMicrotask(done);
}

function writeProcessing(this: NodeResponse, done?: () => void): void {
  this[OWNER].inform([":status", "102"]);
  if (done !== undefined) queueMicrotask(done);
}

function writeEarlyHints(this: NodeResponse, hints: Record<string, string | string[]>, done?: () => void): void {
  const fields = [":status", "103"];
  for (const name of Object.keys(hints)) {
    checkName(name);
    const value = checkValue(name, hints[name]!);
    fields.push(name.toLowerCase(), typeof value === "string" ? value : value.join(", "));
  }
  // Without a link there is nothing to hint at.
  if (hints.link === undefined || hints.link.length === 0) return;
  this[OWNER].inform(fields);
  if (done !== undefined) queueMicrotask(done);
}

// ---- the content

type Chunk = string | Uint8Array;

function write(
  this: NodeResponse,
  chunk: Chunk,
  second?: BufferEncoding | Taken | null,
  third?: Taken | null,
): boolean {
  const encoding = typeof second === "string" ? second : undefined;
  const taken = (typeof second === "function" ? second : third) ?? undefined;
  const bytes = bytesOf(chunk, encoding);
  if (this.writableEnded || this.destroyed) return refuseWrite(this, taken);
  commit(this);
  return this[OWNER].sendContent(bytes, taken);
}

function refuseWrite(response: NodeResponse, taken: Taken | undefined): boolean {
  const error = response.destroyed
    ? nodeError(Error, "ERR_STREAM_DESTROYED", "Cannot call write after a stream was destroyed")
    : nodeError(Error, "ERR_STREAM_WRITE_AFTER_END", "write after end");
  const late = !response.destroyed;
  queueMicrotask(() => {
    taken?.(error);
    if (late && response.listenerCount("error") > 0) response.emit("error", error);
  });
  return false;
}

function end(
  this: NodeResponse,
  first?: Chunk | Taken | null,
  second?: BufferEncoding | Taken | null,
  third?: Taken | null,
): NodeResponse {
  const chunk = typeof first === "function" ? undefined : first;
  const encoding = typeof second === "string" ? second : undefined;
  const given = typeof first === "function" ? first : typeof second === "function" ? second : third;
  const done = given ?? undefined;
  if (this.writableEnded || this.destroyed) {
    if (done !== undefined) {
      const error = nodeError(Error, "ERR_STREAM_ALREADY_FINISHED", "Cannot call end after a stream was finished");
      queueMicrotask(() => done(this.writableEnded && this.writableFinished ? null : error));
    }
    return this;
  }
  const bytes = chunk === undefined || chunk === null ? undefined : bytesOf(chunk, encoding);
  if (this._header !== SENT) this._contentLength = bytes?.length ?? 0;
  commit(this);
  if (done !== undefined) this.once("finish", done);
  if (bytes !== undefined && bytes.length > 0) this[OWNER].sendContent(bytes, undefined);
  this.writableEnded = this.finished = true;
  this.writable = false;
  if (this.listenerCount("prefinish") > 0) this.emit("prefinish");
  this[OWNER].sendEnd(this[TRAILERS]);
  return this;
}

function bytesOf(chunk: Chunk, encoding: BufferEncoding | undefined): Uint8Array {
  if (typeof chunk === "string") return Buffer.from(chunk, encoding);
  if (chunk instanceof Uint8Array) return chunk;
  if (chunk === null) throw nodeError(TypeError, "ERR_STREAM_NULL_VALUES", "May not write null values to stream");
  throw nodeError(TypeError, "ERR_INVALID_ARG_TYPE", "The chunk must be a string or a Uint8Array");
}

function addTrailers(this: NodeResponse, trailers: Headers): void {
  const entries = Array.isArray(trailers) ? trailers as [string, HeaderValue][] : Object.entries(trailers);
  const fields = this[TRAILERS] ??= [];
  for (const [name, value] of entries) {
    checkName(name);
    for (const one of [checkValue(name, value)].flat()) fields.push(name.toLowerCase(), one);
  }
}

function cork(this: NodeResponse): void {
  this.writableCorked++;
}

function uncork(this: NodeResponse): void {
  if (this.writableCorked > 0) this.writableCorked--;
}

function destroy(this: NodeResponse, error?: Error): NodeResponse {
  if (this.destroyed) return this;
  this.destroyed = true;
  this.writable = false;
  this.errored = error ?? null;
  this[OWNER].responseDestroyed(error);
  return this;
}

function setTimeoutOf(this: NodeResponse, ms: number, fired?: () => void): NodeResponse {
  if (fired !== undefined) this.once("timeout", fired);
  this.socket?.setTimeout(ms, () => this.emit("timeout"));
  return this;
}

function nothing(): void {}
