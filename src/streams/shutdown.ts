/**
 * How a pool ends.
 *
 * @module
 */
import type { Deadlines } from "../core/deadlines.ts";
import type { Link } from "./link.ts";

/** A pool that can end. */
export interface Closing {
  readonly deadlines: Deadlines;
  readonly links: ReadonlySet<Link>;
  /** Nothing new from now on, idle streams are ended. Resolves when what is not a connection is gone. Never rejects. */
  drain(): Promise<void>;
  /** The time of streams in use is over. */
  cut(): void;
  /** Nothing is left. */
  ended(): void;
}

/**
 * Draining, then cutting, then the end.
 *
 * Streams in use get their grace, those that their users have closed too until what was written has been handed over: the
 * other side may read slowly. Then they need none, just the moment that it takes until it has arrived ({@linkcode Link.finish}).
 */
export class Shutdown {
  /** Streams in use that their users have not closed, or whose bytes still wait. */
  working = 0;
  readonly #pool: Closing;
  #promise: Promise<void> | undefined;
  #resolve: (() => void) | undefined;
  #state: "open" | "draining" | "cutting" | "over" = "open";
  /** Until when streams in use may go on. */
  #until = Infinity;
  /** What is not a connection is gone. */
  #released = false;

  constructor(pool: Closing) {
    this.#pool = pool;
  }

  /** Resolves at the end. */
  get promise(): Promise<void> {
    return this.#promise ??= this.#state === "over"
      ? Promise.resolve()
      : new Promise((resolve) => this.#resolve = resolve);
  }

  /** Begins, or shortens the time. */
  begin(grace: number): void {
    if (this.#state === "over") return;
    const { deadlines } = this.#pool;
    const until = deadlines.now() + grace;
    if (until < this.#until) {
      this.#until = until;
      if (grace > 0) deadlines.after(grace, () => this.#cut());
    }
    if (this.#state === "open") {
      this.#state = "draining";
      this.#pool.drain().then(() => {
        this.#released = true;
        this.look();
      });
    }
    if (grace === 0) this.#cut();
    else this.look();
  }

  /** A stream or a connection has ended, or needs the pool no more. */
  look(): void {
    if (this.#state === "draining" && this.working === 0) this.#cut();
    if (this.#state === "cutting" && this.#released && this.#pool.links.size === 0) this.over();
  }

  /** The end, where nothing had begun. */
  over(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#pool.ended();
    this.#resolve?.();
  }

  #cut(): void {
    if (this.#state !== "draining") return;
    this.#state = "cutting";
    this.#pool.cut();
    for (const link of [...this.#pool.links]) link.finish();
    this.look();
  }
}
