/** Sends a `Response` over `node:http`. @module */
import { Buffer } from "node:buffer";
import type { ServerResponse } from "node:http";
import { setImmediate } from "node:timers";
import { knownBody } from "../h2/web_response.ts";
import type { Exchange } from "./exchange.ts";

/** What belongs to the connection (RFC 9110 section 7.6.1), and is ours to say. */
const HOP = /^(?:connection|keep-alive|proxy-connection|transfer-encoding|upgrade)$/;

/** Sends it. Rejects with what is wrong with the response or its body. */
export async function respond(exchange: Exchange, response: Response): Promise<void> {
  const { res, req } = exchange;
  if (res === undefined) return;
  const { status, body } = check(response);
  if (exchange.over) return void body?.cancel(exchange.cut).catch(ignore);
  const headers: string[] = [];
  // RFC 9110 section 10.1.1: the client may send its body all the same, and nobody can tell it from a request.
  if (exchange.expects) res.setHeader("connection", "close");
  let length: number | undefined;
  for (const [name, value] of response.headers) {
    if (name === "connection" && /\bclose\b/i.test(value)) res.setHeader("connection", "close");
    if (name === "content-length") length = lengthOf(value);
    if (!HOP.test(name)) headers.push(name, value);
  }
  if (body === null || req.method === "HEAD") {
    if (body === null && length === undefined && takesLength(status, req.method)) headers.push("content-length", "0");
    else if (body === null && req.method !== "HEAD" && (length ?? 0) > 0) throw new TypeError(SHORT);
    body?.cancel().catch(ignore);
    begin(res, response, headers);
    res.end();
    return;
  }
  const known = knownBody(response);
  if (known !== undefined) {
    if ((length ?? known.length) !== known.length) throw new TypeError(SHORT);
    if (length === undefined) headers.push("content-length", String(known.length));
    begin(res, response, headers);
    return end(res, known);
  }
  await stream(exchange, res, body, length, (more) => {
    if (more !== undefined) headers.push("content-length", String(more));
    begin(res, response, headers);
  });
}

/** An empty reason is allowed, but there are clients that want one (h2load): the usual one unless the handler has a better. */
function begin(res: ServerResponse, { status, statusText }: Response, headers: string[]): void {
  if (statusText === "") res.writeHead(status, headers);
  else res.writeHead(status, statusText, headers);
}

const SHORT = "The response's body is not as long as its content-length";

function check(response: Response): { status: number; body: ReadableStream<Uint8Array> | null } {
  if (!(response instanceof Response) && typeof (response as Response | undefined)?.headers !== "object") {
    throw new TypeError("The handler's answer is not a Response");
  }
  const { status, body } = response;
  if (status < 200) throw new TypeError(`A response cannot have the status ${status}`);
  if (response.bodyUsed || body?.locked) throw new TypeError("The response's body has been read already");
  return { status, body };
}

function lengthOf(value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new TypeError(`The response's content-length is "${value}"`);
  return Number(value);
}

/** RFC 9110 section 8.6: not with 204, and with 304 and HEAD it speaks of another response. */
function takesLength(status: number, method: string | undefined): boolean {
  return method !== "HEAD" && status !== 204 && status !== 304;
}

/** `head` sends the head; with the body's length if that is all there will be, and the handler did not say it. */
async function stream(
  exchange: Exchange,
  res: ServerResponse,
  body: ReadableStream<Uint8Array>,
  length: number | undefined,
  head: (length: number | undefined) => void,
): Promise<void> {
  const reader = body.getReader();
  let wake: (() => void) | undefined;
  const { onend } = exchange;
  exchange.onend = (cut) => {
    onend?.(cut);
    wake?.();
    if (cut !== undefined) reader.cancel(new DOMException("The connection is gone", "AbortError")).catch(ignore);
  };
  let sent = 0;
  let held: Uint8Array | undefined;
  /** The head, and what came with it: at once when the body takes its time (server-sent events). */
  const flush = (): void => {
    if (res.headersSent || exchange.over) return;
    try {
      head(undefined);
      if (held === undefined) res.flushHeaders();
      else res.write(held);
    } catch (error) {
      exchange.fail(error);
    }
    held = undefined;
  };
  setImmediate(flush);
  for (;;) {
    const { done, value } = await reader.read();
    if (exchange.over) return;
    if (done) break;
    if (!(value instanceof Uint8Array)) {
      throw await stop(reader, new TypeError("The response's body has chunks that are no bytes"));
    }
    sent += value.length;
    if (length !== undefined && sent > length) throw await stop(reader, new TypeError(SHORT));
    if (!res.headersSent) {
      // The first chunk waits for the second read, which tells whether there is more.
      if (held === undefined) {
        held = value;
        continue;
      }
      flush();
    }
    if (!res.write(value)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        res.once("drain", resolve);
      });
      if (exchange.over) return;
    }
  }
  if (length !== undefined && sent < length) throw new TypeError(SHORT);
  if (res.headersSent) return void res.end();
  head(length === undefined ? sent : undefined);
  if (held === undefined) res.end();
  else end(res, held);
}

/** A string leaves in one piece with the head, where bytes are a second one. */
function end(res: ServerResponse, bytes: Uint8Array): void {
  if (bytes.length <= SMALL) res.end(latin1(bytes), "latin1");
  else res.end(bytes);
}

/** What costs less to copy than to send apart. */
const SMALL = 16_384;

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

async function stop(reader: ReadableStreamDefaultReader, error: Error): Promise<Error> {
  await reader.cancel(error).catch(ignore);
  return error;
}

function ignore(): void {}
