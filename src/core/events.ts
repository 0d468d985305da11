/**
 * Typed `CustomEvent`s on an `EventTarget`.
 *
 * @module
 */
import { rethrowLater } from "./errors.ts";

/**
 * An `EventTarget` that knows the type of each event's `detail`, `E` being the map from event to detail.
 *
 * Only {@linkcode emit} raises its events. An event nobody has ever listened for is not even created; an `error` event is no
 * exception to that.
 *
 * A listener that throws is the runtime's uncaught exception and never comes back to whoever raised the event: all runtimes
 * see to that by themselves (measured: Node 22, 24, 26 throw it in the next tick; Deno 2.9 and Bun 1.4 report it before the
 * next listener is called, `process.on("uncaughtException")` handlers running inside the dispatch). The rest of the listeners
 * are called in any case, unless the process ends.
 */
export class TypedEventTarget<E> extends EventTarget {
  // Types that were listened for at some time. Never shrinks: `once`, signals and removal need no book-keeping this way.
  readonly #heard: Set<string> = new Set();

  /** As on every `EventTarget`, with the type of `detail`. */
  override addEventListener<K extends keyof E & string>(
    type: K,
    listener: (event: CustomEvent<E[K]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** As on every `EventTarget`. */
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | ((event: CustomEvent) => void) | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    this.#heard.add(type);
    super.addEventListener(type, listener as EventListenerOrEventListenerObject | null, options);
  }

  /** Whether anybody has ever listened for `type`. */
  static heard<E>(target: TypedEventTarget<E>, type: string): boolean {
    return target.#heard.has(type);
  }
}

/** Raises an event on the listeners, synchronously and in order. Call it last, when the state is what the event says. */
export function emit<E, K extends keyof E & string>(target: TypedEventTarget<E>, type: K, detail: E[K]): void {
  if (!TypedEventTarget.heard(target, type)) return;
  target.dispatchEvent(new CustomEvent<E[K]>(type, { detail }));
}

/**
 * Raises an event on a target whose user may have overridden what he likes: nothing that a listener does reaches the
 * caller's own doing.
 */
export function raise(target: EventTarget, type: string, detail: unknown): void {
  try {
    target.dispatchEvent(new CustomEvent(type, { detail }));
  } catch (error) {
    rethrowLater(error);
  }
}
