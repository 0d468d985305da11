/**
 * The fetch standard's Request over an exchange. It is a real one: `new Request(request)`, `fetch(request)` and `clone()`
 * look into it past every property, so that nothing of it can be made later but the signal. @module
 */
import type { Fields } from "../../contract.ts";
import type { Inflow, Reader } from "./inflow.ts";

/** Who knows whether the client is still there. */
export interface SignalSource {
  readonly signal: AbortSignal;
}

/** Makes the Request. Throws for what no URL can be made of, and for methods that the standard forbids. */
export function makeRequest(
  source: SignalSource,
  method: string,
  url: string,
  headers: Fields,
  body: { readonly stream: ReadableStream<Uint8Array<ArrayBuffer>> } | undefined,
): Request {
  const late = signalsFollow ??= canFollow();
  let request: Request;
  if (body !== undefined) {
    const init: RequestInit & { duplex: "half" } = { method, body: body.stream, duplex: "half" };
    if (!late) init.signal = source.signal;
    request = late ? new LateRequest(source, url, init) : new Request(url, init);
  } else if (late) request = method === "GET" ? new LateRequest(source, url) : new LateRequest(source, url, { method });
  else request = new Request(url, { method, signal: source.signal });
  const into = request.headers;
  for (let i = 0; i < headers.length; i += 2) into.append(headers[i]!, headers[i + 1]!);
  return request;
}

/**
 * A Request that makes its signal when it is asked for. The one it was born with is what `new Request(request)` and
 * `fetch(request)` follow: `abortRequest` moves that.
 */
class LateRequest extends Request {
  readonly #source: SignalSource;

  constructor(source: SignalSource, url: string, init?: RequestInit) {
    super(url, init);
    this.#source = source;
  }

  static signalOf(request: LateRequest): AbortSignal {
    return request.#source.signal;
  }

  override clone(): Request {
    const copy = super.clone();
    Object.defineProperty(copy, "signal", { get: () => this.signal, configurable: true, enumerable: true });
    return copy;
  }
}
// Not in the class: the type of the base says that it is a property.
Object.defineProperty(LateRequest.prototype, "signal", {
  get(this: LateRequest): AbortSignal {
    return LateRequest.signalOf(this);
  },
  configurable: true,
  enumerable: true,
});

const bornWith = Object.getOwnPropertyDescriptor(Request.prototype, "signal")?.get;

/** Whoever follows the request from behind its `signal` learns that it was cut. */
export function abortRequest(request: Request, reason: unknown): void {
  if (!(request instanceof LateRequest)) return;
  follow(bornWith!.call(request) as AbortSignal, reason);
}

/** The owner of this signal is inside the platform's Request. Those who wait for its event read what it says of itself. */
function follow(signal: AbortSignal, reason: unknown): void {
  Object.defineProperty(signal, "aborted", { value: true });
  Object.defineProperty(signal, "reason", { value: reason });
  signal.dispatchEvent(new Event("abort"));
}

let signalsFollow: boolean | undefined;

/**
 * Whether requests that were made of a request hear `follow`: on Node, where a signal of one's own costs more than the
 * rest of a request. On Deno and Bun they do not, and it costs little.
 */
function canFollow(): boolean {
  if (bornWith === undefined) return false;
  const request = new Request("http://localhost/");
  const before = new Request(request);
  follow(bornWith.call(request) as AbortSignal, new Error("probe"));
  return before.signal.aborted && new Request(request).signal.aborted;
}

/** A request's body as a stream of bytes that holds nothing itself: what is not asked for stays in the inflow. */
export class RequestBody implements UnderlyingByteSource, Reader {
  readonly type = "bytes";
  readonly inflow: Inflow;
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  #controller!: ReadableByteStreamController;
  #over = false;

  constructor(inflow: Inflow) {
    this.inflow = inflow;
    this.stream = new ReadableStream(this, { highWaterMark: 0 }) as ReadableStream<Uint8Array<ArrayBuffer>>;
  }

  start(controller: ReadableByteStreamController): void {
    this.#controller = controller;
  }

  pull(): void {
    this.inflow.pull(this);
  }

  cancel(): void {
    this.#over = true;
    this.inflow.stop();
  }

  deliver(bytes: Uint8Array<ArrayBuffer>): void {
    this.#controller.enqueue(bytes);
  }

  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#controller.close();
    // Who reads into a buffer of its own gets it back.
    this.#controller.byobRequest?.respond(0);
  }

  /** What has not been read will not be. */
  stop(why: unknown): void {
    this.inflow.stop();
    if (this.#over) return;
    this.#over = true;
    this.#controller.error(why);
  }
}
