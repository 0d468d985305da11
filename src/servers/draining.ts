/**
 * How a listener ends: no new connection, requests under way finish, the rest is aborted.
 *
 * @module
 */
import type { Clock } from "../adapter/contract.ts";
import type { HttpListener } from "../adapter/http/contract.ts";
import { within } from "../core/sleep.ts";

/** Milliseconds that requests have when nothing is said. */
export const DEFAULT_GRACE = 5_000;
/** After the abort nothing is waited for but the sockets' own end. */
const AFTER_ABORT = 2_000;

/** A listener that is being closed. */
export class Draining {
  /** Requests that had to be aborted. Never rejects; `stuck` says what is still open after all. */
  readonly over: Promise<{ readonly aborted: number; readonly stuck: boolean }>;
  readonly #clock: Clock;
  #until: number;
  #decided = false;
  #timer: { cancel(): void } | undefined;
  #cut!: () => void;
  readonly #late: Promise<"late">;

  constructor(listener: HttpListener, clock: Clock, grace: number) {
    this.#clock = clock;
    this.#until = clock.now() + grace;
    this.#late = new Promise((resolve) => this.#cut = () => resolve("late"));
    this.#arm();
    this.over = this.#run(listener);
  }

  /** Cuts the grace short, never longer. */
  shorten(grace: number): void {
    const until = this.#clock.now() + grace;
    if (this.#decided || until >= this.#until) return;
    this.#until = until;
    this.#arm();
  }

  async #run(listener: HttpListener): Promise<{ aborted: number; stuck: boolean }> {
    let failed = false;
    const free = listener.close().catch(() => void (failed = true));
    const ended = Promise.all([free, listener.closed]).then(() => "ended" as const);
    const first = await Promise.race([ended, this.#late]);
    this.#decided = true;
    this.#timer?.cancel();
    if (first === "ended") return { aborted: 0, stuck: failed };
    const aborted = listener.abort();
    const after = await within(this.#clock, AFTER_ABORT, ended);
    return { aborted, stuck: failed || after === undefined };
  }

  #arm(): void {
    this.#timer?.cancel();
    const left = this.#until - this.#clock.now();
    if (left <= 0) this.#cut();
    else if (left < Infinity) this.#timer = this.#clock.timer(left, () => this.#cut());
  }
}
