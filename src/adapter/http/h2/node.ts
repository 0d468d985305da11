/** A request that a Node-style handler answers. @module */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ClockTimer, Fields } from "../../contract.ts";
import { CANCEL, INTERNAL_ERROR, report } from "../../http2/errors.ts";
import type { Answer } from "../contract.ts";
import { type Cut, Exchange } from "./exchange.ts";
import { isBare } from "./head.ts";
import { Inflow } from "./inflow.ts";
import { NodeRequest, type RequestOwner, setTrailers } from "./node_request.ts";
import { NodeResponse, type ResponseOwner, type Taken } from "./node_response.ts";
import { NodeSocket, type SocketOwner } from "./node_socket.ts";
import { nodeError } from "./node_checks.ts";

type NodeAnswer = Extract<Answer, { node: unknown }>["node"];

interface Waiting {
  readonly bytes: Uint8Array;
  readonly taken: Taken | undefined;
}

/** Makes request and response, and carries them over the channel. */
export class NodeExchange extends Exchange implements RequestOwner, ResponseOwner, SocketOwner {
  inflow: Inflow | undefined;
  #request!: NodeRequest;
  #response!: NodeResponse;
  #socket!: NodeSocket;
  /** The error of a request that was cut. */
  #lost: Error | undefined;
  /** The head of the response, until it is known what follows it. */
  #fields: string[] | undefined;
  /** What the channel has not taken: the first is with it. */
  #waiting: Waiting[] = [];
  #trailers: string[] | undefined;
  #ended = false;
  #active = 0;
  #watch: ClockTimer | undefined;

  /** Asks the handler. */
  start(answer: NodeAnswer, body: "body" | "none"): void {
    if (body === "body") {
      const { readWindow, window } = this.connection.service.limits;
      const first = this.head.expects ? (): void => this.#continue() : undefined;
      this.inflow = new Inflow(this.channel, readWindow - window, first);
    }
    const socket = this.#socket = new NodeSocket(this.connection.info, this);
    const request = this.#request = new NodeRequest(this, this.head, socket, body);
    const response = this.#response = new NodeResponse(this, request, socket);
    try {
      const result: unknown = answer(
        request as unknown as IncomingMessage,
        response as unknown as ServerResponse,
      );
      // Of an async function, which the type allows.
      if (result !== undefined && typeof (result as Promise<unknown>)?.then === "function") {
        (result as Promise<unknown>).then(undefined, (error) => this.fail(error));
      }
    } catch (error) {
      this.fail(error);
    }
  }

  override fail(error: unknown): void {
    // What reading the request told of its client's end, handed back.
    if (this.#lost === undefined || error !== this.#lost) super.fail(error);
  }

  // ---- the request

  override data(chunk: Uint8Array): "used" {
    this.#active++;
    this.inflow?.push(chunk);
    return "used";
  }

  override trailers(fields: Fields): void {
    setTrailers(this.#request, fields);
  }

  override readEnd(): void {
    this.inflow?.end();
  }

  #continue(): void {
    if (!this.#response._sent100) this.#response.writeContinue();
  }

  requestDestroyed(error: Error | null): void {
    if (this.over) return;
    if (error !== null) this.#response.errored ??= error;
    this.abort("handler", CANCEL, "the handler destroyed the request");
  }

  // ---- the response

  hasContent(status: number): boolean {
    return !isBare(this.head.method, status);
  }

  inform(fields: string[]): void {
    if (!this.over && !this.closed && this.status === 0) this.channel.inform(fields);
  }

  sendHead(_status: number, fields: string[]): void {
    this.#fields = fields;
    // A head alone leaves too, like `flushHeaders`; with content it leaves in one write.
    queueMicrotask(this.#flushHead);
  }

  #flushHead = (): void => {
    const fields = this.#fields;
    if (fields === undefined || this.over || this.closed) return;
    this.#fields = undefined;
    this.respond(this.#response.statusCode, fields);
  };

  sendContent(bytes: Uint8Array, taken: Taken | undefined): boolean {
    if (this.over || this.closed) return false;
    this.#active++;
    if (!this.hasContent(this.#response.statusCode)) {
      if (taken !== undefined) queueMicrotask(taken);
      return true;
    }
    this.#flushHead();
    if (this.#waiting.length === 0 && this.channel.write(bytes)) {
      if (taken !== undefined) queueMicrotask(taken);
      return true;
    }
    this.#waiting.push({ bytes, taken });
    this.#response.writableLength += bytes.length;
    this.#response.writableNeedDrain = true;
    return false;
  }

  sendEnd(trailers: string[] | undefined): void {
    if (this.over || this.closed) return;
    const fields = this.#fields;
    const bare = !this.hasContent(this.#response.statusCode);
    if (fields !== undefined && trailers === undefined) {
      this.#fields = undefined;
      return this.respond(this.#response.statusCode, fields, "none");
    }
    this.#flushHead();
    this.#ended = true;
    this.#trailers = bare ? undefined : trailers;
    if (this.#waiting.length <= 1) this.finish(this.#waiting.length === 0 ? "clear" : "pending", this.#trailers);
  }

  override drained(): void {
    this.#active++;
    const waiting = this.#waiting;
    let placed = true;
    while (placed && waiting.length > 0) {
      this.#took(waiting.shift()!);
      if (this.over || this.closed) return;
      const next = waiting[0];
      if (next !== undefined) placed = this.channel.write(next.bytes);
      if (this.#ended && waiting.length === (placed ? 0 : 1)) {
        return this.finish(placed ? "clear" : "pending", this.#trailers);
      }
    }
    if (waiting.length > 0 || this.#ended) return;
    const response = this.#response;
    if (!response.writableNeedDrain) return;
    response.writableNeedDrain = false;
    response.emit("drain");
  }

  #took({ bytes, taken }: Waiting): void {
    this.#response.writableLength -= bytes.length;
    if (taken !== undefined) queueMicrotask(taken);
  }

  responseDestroyed(error: Error | undefined): void {
    if (this.over) return;
    this.abort("handler", error === undefined ? CANCEL : INTERNAL_ERROR, "the handler destroyed the response");
  }

  // ---- the end

  destroySocket(error: Error | undefined): void {
    this.responseDestroyed(error);
  }

  watch(ms: number, fire: () => void): void {
    this.#watch?.cancel();
    this.#watch = undefined;
    if (!(ms > 0) || this.over) return;
    const seen = this.#active;
    this.#watch = this.connection.service.clock.timer(ms, () => {
      if (seen === this.#active) call(fire);
      else this.watch(ms, fire);
    });
    this.#watch.unref();
  }

  override completed(): void {
    this.#end();
    const response = this.#response;
    // Also where the answer was not the handler's.
    response.writableEnded = response.finished = response.headersSent = true;
    response.writable = false;
    for (const { taken } of this.#waiting.splice(0)) if (taken !== undefined) queueMicrotask(taken);
    queueMicrotask(() => {
      response.writableFinished = true;
      call(() => response.emit("finish"));
      this.#close();
    });
  }

  override cut(_why: Cut, message: string): void {
    this.#end();
    const request = this.#request;
    const response = this.#response;
    const error = this.#lost = nodeError(Error, "ECONNRESET", `aborted: ${message}`);
    response.destroyed = true;
    response.writable = false;
    const waiting = this.#waiting.splice(0);
    queueMicrotask(() => {
      for (const { taken } of waiting) if (taken !== undefined) call(() => taken(error));
      if (!request.complete && !request.aborted) {
        request.aborted = true;
        call(() => request.emit("aborted"));
        request.destroy(error);
      }
      this.#close();
    });
  }

  #end(): void {
    this.#watch?.cancel();
    this.#watch = undefined;
    this.inflow?.stop();
  }

  #close(): void {
    const response = this.#response;
    response.destroyed = response.closed = response._closed = true;
    call(() => response.emit("close"));
    if (!this.#request.destroyed) this.#request.destroy();
    call(() => this.#socket.over());
  }
}

/** Listeners are the handler's: what they throw is uncaught, and disturbs nothing here. */
function call(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    report(error);
  }
}
