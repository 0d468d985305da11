/** A `Request` for what `node:http` received. @module */
import type { IncomingMessage } from "node:http";
import { abortRequest, makeRequest, type SignalSource } from "../h2/web_request.ts";
import type { Exchange } from "./exchange.ts";

/** The request, or undefined when it has been refused. */
export function requestOf(exchange: Exchange): Request | undefined {
  const { req } = exchange;
  const method = req.method ?? "GET";
  // Methods that fetch forbids, also where the runtime's Request does not.
  if (/^(?:TRACE|TRACK|CONNECT)$/.test(method)) {
    exchange.empty(501);
    return undefined;
  }
  const body = method !== "GET" && method !== "HEAD" && hasBody(req) ? { stream: bodyOf(exchange) } : undefined;
  const source = new RequestSignal(exchange);
  try {
    const request = makeRequest(source, method, urlOf(exchange), req.rawHeaders, body);
    whenCut(exchange, () => {
      source.abort();
      abortRequest(request, exchange.reason);
    });
    return request;
  } catch {
    // A target that is no URL.
    exchange.empty(400);
    return undefined;
  }
}

/**
 * Makes the signal when somebody asks for it. A class, because each object literal with a getter has a hidden class of its
 * own, which on V8 holds the getter, and with it the whole request, until a major collection.
 */
class RequestSignal implements SignalSource {
  readonly #exchange: Exchange;
  #controller: AbortController | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const { over, cut } = this.#exchange;
      if (over && cut !== undefined) this.abort();
    }
    return this.#controller.signal;
  }

  abort(): void {
    this.#controller?.abort(this.#exchange.reason);
  }
}

/** RFC 9112 section 3.3. */
function urlOf({ req, connection }: Exchange): string {
  const target = req.url ?? "/";
  if (!target.startsWith("/") && target !== "*") return target;
  const { tls, localAddr } = connection.info;
  // An HTTP/1.0 request may have no host.
  const host = req.headers.host || (localAddr.hostname.includes(":") ? `[${localAddr.hostname}]` : localAddr.hostname);
  return `${tls === undefined ? "http" : "https"}://${host}${target === "*" ? "" : target}`;
}

function hasBody(req: IncomingMessage): boolean {
  const { headers } = req;
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** What is read is asked for: nothing is kept here, and the client hears "100 Continue" with the first read. */
function bodyOf(exchange: Exchange): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { req } = exchange;
  let started = false, done = false;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (!started) {
        started = true;
        start(controller);
      }
      req.resume();
    },
    cancel() {
      done = true;
      req.resume();
    },
  }, { highWaterMark: 0 });

  function start(controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>): void {
    if (exchange.expects && !exchange.over) {
      exchange.expects = false;
      exchange.res?.writeContinue();
    }
    const fail = (): void => {
      if (done) return;
      done = true;
      // Deno says it to the request first: what the handler answers now is for nobody.
      exchange.end("client");
      controller.error(exchange.reason);
    };
    req.on("data", (chunk: Uint8Array<ArrayBuffer>) => {
      if (done || chunk.length === 0) return;
      // Plain bytes, not a Buffer, whose methods differ.
      controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      req.pause();
    });
    req.on("end", () => {
      if (done) return;
      done = true;
      controller.close();
    });
    req.on("error", fail);
    req.on("close", fail);
    whenCut(exchange, fail);
  }
}

/** Calls back when the exchange does not end in order; at once when that has happened. */
function whenCut(exchange: Exchange, then: () => void): void {
  if (exchange.over) {
    if (exchange.cut !== undefined) then();
    return;
  }
  const { onend } = exchange;
  exchange.onend = (cut) => {
    onend?.(cut);
    if (cut !== undefined) then();
  };
}
