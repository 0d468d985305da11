/** Time that stands still until a test moves it. @module */
import type { Clock, ClockTimer } from "../../src/adapter/contract.ts";

/** A {@linkcode Clock} in a test's hand. */
export interface FakeClock extends Clock {
  /** Timers that have neither fired nor been cancelled. */
  readonly pending: number;
  /** Those of them that would hold the process. */
  readonly held: number;
  /** How many timers were ever made. */
  readonly made: number;
  /** When the pending timers fire, earliest first. */
  readonly times: number[];
  /** Milliseconds until the next timer, or undefined. */
  readonly next: number | undefined;
  /** Moves time on and fires what comes due: by its time, then in the order it was made; a timer made meanwhile too. */
  advance(ms: number): void;
}

interface Entry extends ClockTimer {
  readonly at: number;
  readonly fire: () => void;
  held: boolean;
}

/** A clock that begins at `start` (default 0, but nothing may rely on that: `now` is only monotonic). */
export function fakeClock(start = 0): FakeClock {
  let time = start;
  // In the order they were made, which settles ties.
  const entries = new Set<Entry>();
  let made = 0;
  const earliest = (): Entry | undefined => {
    let first: Entry | undefined;
    for (const entry of entries) if (!first || entry.at < first.at) first = entry;
    return first;
  };
  return {
    now: () => time,
    timer(ms, fire) {
      if (!Number.isFinite(ms)) throw new RangeError(`Cannot make a timer: ${ms} is not a number of milliseconds`);
      const entry: Entry = {
        at: time + Math.max(0, ms),
        fire,
        held: true,
        cancel: () => void entries.delete(entry),
        ref: () => void (entry.held = true),
        unref: () => void (entry.held = false),
      };
      entries.add(entry);
      made++;
      return entry;
    },
    get made() {
      return made;
    },
    get times() {
      return [...entries].map((entry) => entry.at).sort((a, b) => a - b);
    },
    get pending() {
      return entries.size;
    },
    get held() {
      return [...entries].filter((entry) => entry.held).length;
    },
    get next() {
      const first = earliest();
      return first && first.at - time;
    },
    advance(ms) {
      const until = time + ms;
      for (let entry = earliest(); entry && entry.at <= until; entry = earliest()) {
        entries.delete(entry);
        time = Math.max(time, entry.at);
        entry.fire();
      }
      time = until;
    },
  };
}
