/**
 * A stream's two sides as web streams.
 *
 * @module
 */
import type { Exchange } from "./exchange.ts";
import type { ReadWaiter, Receiver, SideHolder } from "./receiver.ts";
import type { Sender } from "./sender.ts";

/** The largest chunk that `readable` gives to a reader without an own buffer. */
const MAX_CHUNK = 65_536;

/** The reading side as a byte stream. It reads only when its reader does: nothing is buffered in between. */
export class ReadableSide implements ReadWaiter, SideHolder {
  readonly label = "`readable`";
  readonly copies = true;
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #receiver: Receiver;
  #controller!: ReadableByteStreamController;
  #pulled: (() => void) | undefined;

  constructor(exchange: Exchange) {
    const receiver = exchange.receiver;
    this.#receiver = receiver;
    receiver.hold(this);
    this.stream = new ReadableStream({
      type: "bytes",
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: () => {
        this.#pulled = undefined;
        receiver.forget(this);
        exchange.stopReading();
      },
    }, { highWaterMark: 0 });
  }

  // A reader that has let go may have left a pull behind, or bytes in the stream: a `read` now would overtake them.
  get locked(): boolean {
    return this.stream.locked || this.#pulled !== undefined || (this.#controller.desiredSize ?? 0) < 0;
  }

  arrived(chunk: Uint8Array): number {
    const view = this.#view();
    const n = Math.min(chunk.length, view?.length ?? MAX_CHUNK);
    const part = view ?? new Uint8Array(n);
    part.set(n === chunk.length ? chunk : chunk.subarray(0, n));
    // Both take the buffer away.
    if (view === undefined) this.#controller.enqueue(part);
    else this.#controller.byobRequest!.respond(n);
    this.#done();
    return n;
  }

  ended(): void {
    this.#controller.close();
    // A BYOB reader's buffer is given back with the end.
    this.#controller.byobRequest?.respond(0);
    this.#done();
  }

  failed(error: unknown): void {
    this.#controller.error(error);
    this.#done();
  }

  #pull(): Promise<void> | undefined {
    this.#receiver.check(this);
    const view = this.#view();
    if (view !== undefined) {
      const n = this.#receiver.take(view);
      if (n > 0) return void this.#controller.byobRequest!.respond(n);
    } else if (this.#receiver.size > 0) {
      const chunk = new Uint8Array(Math.min(this.#receiver.size, MAX_CHUNK));
      const n = this.#receiver.take(chunk);
      if (n > 0) return void this.#controller.enqueue(chunk);
    }
    return new Promise((resolve) => {
      this.#pulled = resolve;
      this.#receiver.wait(this);
    });
  }

  #view(): Uint8Array | undefined {
    const view = this.#controller.byobRequest?.view;
    return view ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : undefined;
  }

  #done(): void {
    const pulled = this.#pulled;
    this.#pulled = undefined;
    pulled?.();
  }
}

/** The writing side as a web stream. A chunk is accepted when the peer's window and the socket take it: backpressure all the way. */
export class WritableSide implements SideHolder {
  readonly label = "`writable`";
  readonly stream: WritableStream<Uint8Array>;
  readonly #sender: Sender;
  #controller!: WritableStreamDefaultController;

  constructor(exchange: Exchange) {
    const sender = exchange.sender;
    this.#sender = sender;
    sender.hold(this);
    this.stream = new WritableStream({
      start: (controller) => {
        this.#controller = controller;
        // `abort` below is called only after the pending write has settled: with a peer that does not read, never.
        controller.signal.addEventListener("abort", () => exchange.abort(controller.signal.reason), { once: true });
      },
      write: async (chunk) => {
        sender.check(this);
        await sender.place(chunk);
      },
      close: () => sender.end(),
      abort: (reason) => exchange.abort(reason),
    });
  }

  get locked(): boolean {
    return this.stream.locked || this.#sender.pending;
  }

  failed(error: unknown): void {
    // An abort knows its own reason.
    if (!this.#controller.signal.aborted) this.#controller.error(error);
  }
}
