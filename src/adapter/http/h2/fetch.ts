/** A request that a fetch-style handler answers. @module */
import type { Answer } from "../contract.ts";
import { httpDate } from "./date.ts";
import { type Cut, Exchange } from "./exchange.ts";
import { isBare, isOfConnection, statusText } from "./head.ts";
import { Inflow } from "./inflow.ts";
import { knownBody } from "./web_response.ts";
import { abortRequest, makeRequest, RequestBody } from "./web_request.ts";

type FetchAnswer = Extract<Answer, { fetch: unknown }>["fetch"];

/** Makes the Request, and sends the Response. */
export class FetchExchange extends Exchange {
  /** The head waits for its body: until which microtask, and whether no more. */
  releaseAt = 0;
  released = false;
  #request: Request | undefined;
  #body: RequestBody | undefined;
  #abort: AbortController | undefined;
  #why: unknown;
  /** The head of the response. */
  #fields: string[] = [];
  #status = 0;
  /** The content-length of the handler: another body would be malformed (RFC 9113 section 8.1.1). */
  #said: number | undefined;
  /** The response's body, while it is read. */
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #first: Uint8Array | undefined;
  /** A write waits, and who waits for it. */
  #blocked = false;
  #unblock: (() => void) | undefined;

  /** Asks the handler. */
  start(answer: FetchAnswer, body: "body" | "none"): void {
    const { method, path, authority, headers, expects } = this.head;
    let result: Response | Promise<Response>;
    try {
      // The fetch standard's Request has no content for these.
      if (body === "body" && method !== "GET" && method !== "HEAD") {
        const { readWindow, window } = this.connection.service.limits;
        const first = expects ? (): void => this.#continue() : undefined;
        this.#body = new RequestBody(new Inflow(this.channel, readWindow - window, first));
      }
      const url = this.connection.origin + authority + (path === "*" ? "/*" : path);
      this.#request = makeRequest(this, method, url, headers, this.#body);
    } catch {
      return this.answer(400);
    }
    try {
      result = answer(this.#request, this.connection.info);
    } catch (error) {
      return this.fail(error);
    }
    this.#respond(result);
  }

  override fail(error: unknown): void {
    // What it was told of its client's end, handed back.
    if (this.#why === undefined || error !== this.#why) super.fail(error);
  }

  /** For `request.signal`. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#why !== undefined) this.#abort.abort(this.#why);
    }
    return this.#abort.signal;
  }

  /** Sends the head, and what has come of the body: it takes longer. */
  release(): void {
    this.released = true;
    if (this.over || this.closed) return;
    this.respond(this.#status, this.#fields);
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) this.#blocked = !this.channel.write(first);
  }

  override data(chunk: Uint8Array): "used" {
    this.#body?.inflow.push(chunk);
    return "used";
  }

  override readEnd(): void {
    this.#body?.inflow.end();
  }

  override drained(): void {
    this.#blocked = false;
    this.#unblock?.();
    this.#unblock = undefined;
  }

  /** What had come until then can still be read. */
  override dropped(): void {
    this.#body?.stop(new TypeError("The response has been sent: the rest of the request's body is not received"));
  }

  override cut(_why: Cut, message: string): void {
    const why = this.#why = new DOMException(`Request cut: ${message}`, "AbortError");
    this.#body?.stop(why);
    this.#abort?.abort(why);
    if (this.#request !== undefined) abortRequest(this.#request, why);
    this.#reader?.cancel(why).catch(ignore);
    this.#reader = undefined;
    this.#unblock?.();
  }

  /** Until the last write has been taken. False when there will be no other. */
  async #room(): Promise<boolean> {
    await new Promise<void>((resolve) => this.#unblock = resolve);
    return !this.over && !this.closed;
  }

  #length(bytes: number): void {
    if (this.#said === undefined) this.#fields.push("content-length", String(bytes));
    else if (this.#said !== bytes) throw new TypeError(WRONG_LENGTH);
  }

  #continue(): void {
    if (this.status === 0 && !this.closed) this.channel.inform([":status", "100"]);
  }

  async #respond(result: Response | Promise<Response>): Promise<void> {
    try {
      // A promise of any kind.
      const response = typeof (result as Promise<Response>)?.then === "function" ? await result : result as Response;
      const body = this.#prepare(response);
      const known = body === null ? undefined : knownBody(response);
      if (this.over || this.closed) return void body?.cancel(this.#why).catch(ignore);
      const { status } = response;
      if (body === null || isBare(this.head.method, status)) {
        if (!isBare(this.head.method, status)) this.#length(0);
        this.respond(status, this.#fields, "none");
        return void body?.cancel().catch(ignore);
      }
      if (known !== undefined) return this.#whole(status, known);
      await this.#send(status, body);
    } catch (error) {
      this.fail(error);
      this.#reader?.cancel(error).catch(ignore);
    }
  }

  /** The head as fields. Throws for what is no response that could be sent. */
  #prepare(response: Response): ReadableStream<Uint8Array> | null {
    if (typeof response?.status !== "number") {
      throw new TypeError(`The handler returned ${kind(response)}, no Response`);
    }
    if (response.status === 0) throw new TypeError("The handler returned Response.error()");
    if (response.bodyUsed) throw new TypeError("The handler returned a Response whose body has been used");
    const fields = this.#fields;
    fields.push(":status", statusText(response.status));
    let dated = false;
    for (const [name, value] of response.headers) {
      if (isOfConnection(name)) continue;
      if (name === "date") dated = true;
      else if (name === "content-length") this.#said = Number(value);
      fields.push(name, value);
    }
    if (!dated) fields.push("date", httpDate());
    return response.body;
  }

  async #send(status: number, body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = this.#reader = body.getReader();
    this.#status = status;
    this.connection.hold(this);
    let sent = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (this.over || this.closed) return;
      if (done) break;
      if (!(value instanceof Uint8Array)) throw new TypeError(`The body of the Response gave ${kind(value)}, no bytes`);
      sent += value.length;
      if (this.#said !== undefined && sent > this.#said) throw new TypeError(WRONG_LENGTH);
      if (!this.released) {
        if (this.#first === undefined) {
          this.#first = value;
          continue;
        }
        this.release();
      }
      if (this.#blocked && !(await this.#room())) return;
      if (!this.channel.write(value)) this.#blocked = true;
    }
    if (this.#said !== undefined && sent < this.#said) throw new TypeError(WRONG_LENGTH);
    this.#reader = undefined;
    if (this.released) return this.finish(this.#blocked ? "pending" : "clear");
    this.released = true;
    this.#whole(status, this.#first ?? NOTHING);
  }

  /** A response that is known to its end before its head has left. */
  #whole(status: number, content: Uint8Array): void {
    this.#length(content.length);
    if (content.length === 0) return this.respond(status, this.#fields, "none");
    this.respond(status, this.#fields);
    this.finish(this.channel.write(content) ? "clear" : "pending");
  }
}

function kind(value: unknown): string {
  return value === null || value === undefined ? String(value) : `a ${value.constructor?.name ?? typeof value}`;
}

function ignore(): void {}

const WRONG_LENGTH = "The response's body is not as long as its content-length";
const NOTHING = new Uint8Array(0);
