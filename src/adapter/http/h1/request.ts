/** A `Request` for what `node:http` received. @module */
import type { IncomingMessage } from "node:http";
import type { Exchange } from "./exchange.ts";

/**
 * A real one: what is only alike is refused by `fetch` and `new Request`. Just its signal is made when somebody asks for
 * it, since one that is passed in costs more than all the rest of a request (5 of 9 us on Node 24). So `fetch(request)`
 * does not hear of it: `fetch(request, { signal: request.signal })` does.
 */
class ServedRequest extends Request {
  #exchange: Exchange | undefined;
  #signal: AbortSignal | undefined;

  constructor(url: string, init: RequestInit | undefined, exchange: Exchange) {
    super(url, init);
    this.#exchange = exchange;
  }

  override get signal(): AbortSignal {
    // Also asked for by the constructor of some runtimes.
    if (!(#exchange in this) || this.#exchange === undefined) return super.signal;
    return this.#signal ??= signalOf(this.#exchange);
  }
}

/** The request, or undefined when it has been refused. */
export function makeRequest(exchange: Exchange): Request | undefined {
  const { req } = exchange;
  const method = req.method ?? "GET";
  // Methods that fetch forbids, where the runtime's Request does.
  if (/^(?:TRACE|TRACK|CONNECT)$/.test(method)) {
    exchange.empty(501);
    return undefined;
  }
  let init: RequestInit & { duplex?: "half" } | undefined;
  if (method !== "GET") init = { method };
  if (init !== undefined && method !== "HEAD" && hasBody(req)) {
    init.body = bodyOf(exchange);
    init.duplex = "half";
  }
  try {
    const request = new ServedRequest(urlOf(exchange), init, exchange);
    const { headers } = request;
    const raw = req.rawHeaders;
    for (let i = 0; i < raw.length; i += 2) headers.append(raw[i]!, raw[i + 1]!);
    return request;
  } catch {
    // A target that is no URL.
    exchange.empty(400);
    return undefined;
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

function signalOf(exchange: Exchange): AbortSignal {
  const controller = new AbortController();
  whenCut(exchange, () => controller.abort(exchange.reason));
  return controller.signal;
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
