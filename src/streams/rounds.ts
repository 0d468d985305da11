/**
 * Rounds in which a client pool creates streams (WIRE.md, "Adaptation").
 *
 * @module
 */
import { type AdaptiveState, firstState, nextRound, planRound, settleRound } from "../core/adaptive.ts";
import { type Backoff, backoff } from "../core/backoff.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { PoolError } from "../core/errors.ts";
import type { ClientCore } from "./client_core.ts";
import type { ClientLink } from "./client_link.ts";
import type { ClientSeat, Opener, Outcome } from "./client_seat.ts";

/**
 * When streams are opened, and how many.
 *
 * Streams that are opening count as idle where a round plans: rounds may overlap, so that an opening without an answer holds up
 * nobody, and nothing is opened twice for the same want.
 */
export class Rounds {
  readonly #core: ClientCore;
  readonly #backoff: Backoff;
  #adaptive: AdaptiveState;
  #opening = 0;
  /** Streams could not be asked for: the peer's limit, or our own windows. */
  #short = false;
  /** Since the last round began the other side has ended idle streams. */
  #dropped = false;
  #endedAt = -Infinity;
  #notBefore = -Infinity;
  #next: Deadline | undefined;
  #queued = false;
  /** What the waits of `filled` want. */
  readonly #wanted: Set<{ readonly count: number }> = new Set();

  constructor(core: ClientCore) {
    this.#core = core;
    this.#adaptive = firstState(core.settings.adaptive);
    this.#backoff = backoff(core.settings.backoff, core.environment.random, "create a client pool");
  }

  get capacity(): number {
    return this.#adaptive.capacity;
  }
  get interval(): number {
    return this.#adaptive.interval;
  }
  /** Streams between POST and id. */
  get opening(): number {
    return this.#opening;
  }

  /** A connection is up: a round begins now. */
  connected(): void {
    this.#notBefore = -Infinity;
    this.#start();
  }

  /** The pool is to be filled up to this. Returns what ends the wish. */
  want(count: number): () => void {
    if (count > this.capacity) this.#resize(count, this.interval);
    const want = { count };
    this.#wanted.add(want);
    this.poke();
    return () => this.#wanted.delete(want);
  }

  /** Idle streams have left. Called for every one that is taken: cheap when there is nothing to do. */
  drained(): void {
    if (this.#core.members.size + this.#opening < 0.2 * this.capacity) this.poke();
  }

  /** An idle stream was ended by the other side: a server that does it to every stream makes nobody hurry more than by the shortest interval. */
  dropped(): void {
    this.#dropped = true;
    this.drained();
  }

  /** There may be room for what could not be asked for. */
  moreRoom(): void {
    if (!this.#short) return;
    this.#short = false;
    this.poke();
  }

  stop(): void {
    this.#next?.cancel();
  }

  /** Sets when the next round begins. */
  poke(): void {
    const core = this.#core;
    if (this.#queued || core.closing || !core.online) return;
    const now = core.deadlines.now();
    const { size, waiting } = core.members;
    let wanting = waiting;
    for (const { count } of this.#wanted) if (count > size) wanting++;
    const at = nextRound({
      state: this.#adaptive,
      idle: size + this.#opening,
      waiting: wanting,
      now,
      endedAt: this.#endedAt,
      notBefore: this.#earliest(),
    });
    if (at > now) {
      if (this.#next?.pending && this.#next.time <= at) return;
      this.#next?.cancel();
      this.#next = core.deadlines.at(at, () => this.poke());
      return;
    }
    // Not within the call of whoever has taken the last stream.
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      this.#start();
    });
  }

  #earliest(): number {
    let at = this.#notBefore;
    if (this.#short) at = Math.max(at, this.#endedAt + this.interval);
    if (this.#dropped) at = Math.max(at, this.#endedAt + this.#core.settings.adaptive.minInterval);
    return at;
  }

  #start(): void {
    const core = this.#core;
    if (core.closing || !core.online) return;
    this.#next?.cancel();
    this.#short = false;
    this.#dropped = false;
    const plan = planRound(this.#adaptive, core.members.size, core.settings.adaptive);
    this.#resize(this.capacity, plan.interval);
    const round = new Round(this, core.deadlines.now());
    for (let left = plan.create - this.#opening; left > 0; left--) {
      const link = core.pick();
      if (link === undefined || !core.budget.reserve(core.settings.window.idle)) {
        this.#short = true;
        if (!core.expecting) round.failed++;
        break;
      }
      if (!this.#open(link, round)) break;
    }
    this.#end(round);
  }

  #open(link: ClientLink, round: Round): boolean {
    const core = this.#core;
    try {
      link.open(link.request(), round);
    } catch (error) {
      // Mostly the user's function for `headers`.
      core.budget.release(core.settings.window.idle, 0);
      core.counters.failed++;
      round.failed++;
      round.bad = true;
      core.report(error);
      return false;
    }
    round.pending++;
    this.#opening++;
    return true;
  }

  /** An opening of a round has ended. */
  settled(round: Round, outcome: Outcome, error: PoolError | undefined): void {
    this.#opening--;
    if (outcome === "created") {
      round.created++;
      this.#backoff.reset();
    } else {
      round.failed++;
      if (outcome === "full") round.full = true;
      else if (outcome !== "gone") round.bad = true;
    }
    this.#core.answered(outcome, error);
    this.#end(round);
  }

  // A server without a place is no failure, but there is nothing to hurry for: the next round waits its interval.
  #end(round: Round): void {
    if (--round.pending > 0) return;
    let capacity = settleRound(this.#adaptive, round, this.#core.settings.adaptive);
    for (const { count } of this.#wanted) capacity = Math.max(capacity, count);
    this.#resize(capacity, this.interval);
    const now = this.#endedAt = this.#core.deadlines.now();
    if (round.bad) this.#notBefore = round.beganAt + this.#backoff.next();
    else if (round.full) this.#notBefore = now + this.interval;
    else this.#notBefore = -Infinity;
    this.poke();
  }

  #resize(capacity: number, interval: number): void {
    if (capacity === this.capacity && interval === this.interval) return;
    this.#adaptive = { capacity, interval };
    this.#core.resized(capacity, interval);
  }
}

class Round implements Opener {
  readonly #rounds: Rounds;
  readonly beganAt: number;
  /** Openings under way, and one for the round itself while it opens. */
  pending = 1;
  created = 0;
  failed = 0;
  /** The server has no place. */
  full = false;
  /** Something was wrong with the answers, or there were none. */
  bad = false;

  constructor(rounds: Rounds, beganAt: number) {
    this.#rounds = rounds;
    this.beganAt = beganAt;
  }

  settled(_seat: ClientSeat, outcome: Outcome, error: PoolError | undefined): void {
    this.#rounds.settled(this, outcome, error);
  }
}
