/**
 * `CustomEvent`s of an `EventTarget` that somebody listens for.
 *
 * @module
 */
import { rethrowLater } from "./errors.ts";

/**
 * Raises the events of one target. A pool extends `EventTarget` with typed overloads of `addEventListener`, tells `listened`, and
 * raises here: an event nobody has ever listened for is not even created; an `error` event is no exception to that.
 *
 * A listener that throws is the runtime's uncaught exception and never comes back to whoever raised the event: all runtimes
 * see to that by themselves (measured: Node 22, 24, 26 throw it in the next tick; Deno 2.9 and Bun 1.4 report it before the
 * next listener is called, `process.on("uncaughtException")` handlers running inside the dispatch). The rest of the listeners
 * are called in any case, unless the process ends.
 */
export class Events {
  readonly #target: EventTarget;
  // Types that were listened for at some time. Never shrinks: `once`, signals and removal need no book-keeping this way.
  readonly #heard: Set<string> = new Set();

  constructor(target: EventTarget) {
    this.#target = target;
  }

  /** Somebody listens for `type` from now on. */
  listened(type: string): void {
    this.#heard.add(type);
  }

  /** Raises an event on the listeners, synchronously and in order. Call it last, when the state is what the event says. */
  raise(type: string, detail: unknown): void {
    if (!this.#heard.has(type)) return;
    // A subclass may override `dispatchEvent`: nothing that it does may reach the pool's own doing.
    try {
      this.#target.dispatchEvent(new CustomEvent(type, { detail }));
    } catch (error) {
      rethrowLater(error);
    }
  }
}
