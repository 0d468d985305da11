/**
 * What is counted of a server's requests.
 *
 * @module
 */
import type { HttpListener, HttpOutcome } from "../adapter/http/contract.ts";
import type { DurationHistogram } from "./types.ts";

/** Upper bounds in milliseconds: those that Prometheus clients use, from 5 ms to 10 s. */
const BOUNDS = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000] as const;

/** Counters of one server, over all its listeners. */
export class Traffic {
  requests = 0;
  inFlight = 0;
  readonly responses: Record<string, number> = {};
  readonly #buckets: number[] = BOUNDS.map(() => 0);
  #sum = 0;
  #count = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #listener: HttpListener | undefined;

  began(): void {
    this.requests++;
    this.inFlight++;
  }

  ended({ status, duration, cut }: HttpOutcome): void {
    this.inFlight--;
    const kind = cut !== undefined || status === 0 ? "cut" : `${Math.floor(status / 100)}xx`;
    this.responses[kind] = (this.responses[kind] ?? 0) + 1;
    this.#sum += duration;
    this.#count++;
    const bucket = BOUNDS.findIndex((bound) => duration <= bound);
    if (bucket !== -1) this.#buckets[bucket]!++;
  }

  /** Its bytes count from now on: it may have been another server's. */
  attach(listener: HttpListener): void {
    this.detach();
    this.#listener = listener;
    this.#bytesIn -= listener.bytesIn;
    this.#bytesOut -= listener.bytesOut;
  }

  /** Its bytes so far count for ever. */
  detach(): void {
    if (this.#listener === undefined) return;
    this.#bytesIn += this.#listener.bytesIn;
    this.#bytesOut += this.#listener.bytesOut;
    this.#listener = undefined;
  }

  get connections(): number {
    return this.#listener?.connections ?? 0;
  }
  get bytesIn(): number {
    return this.#bytesIn + (this.#listener?.bytesIn ?? 0);
  }
  get bytesOut(): number {
    return this.#bytesOut + (this.#listener?.bytesOut ?? 0);
  }

  /** Cumulative, as Prometheus wants it. */
  get duration(): DurationHistogram {
    let count = 0;
    const buckets = BOUNDS.map((le, i) => ({ le, count: count += this.#buckets[i]! }));
    return { buckets, sum: this.#sum, count: this.#count };
  }
}
