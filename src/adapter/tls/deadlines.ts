/** One timer for many deadlines of the same length. @module */
import type { Clock, ClockTimer } from "../contract.ts";

/** Deadlines that are all `after` ms away when they are added, so that they fall due in the order of their arrival. */
export interface Deadlines<T> {
  add(item: T): void;
  /** Does nothing for an item that is not waiting. */
  delete(item: T): void;
  clear(): void;
}

/** O(1) to add and to delete, one timer. The timer never holds the process: what it guards does, or nothing needs to. */
export function deadlines<T>(clock: Clock, after: number, due: (item: T) => void): Deadlines<T> {
  // A Map keeps the order of insertion.
  const waiting = new Map<T, number>();
  let timer: ClockTimer | undefined;
  let firing = false;

  function arm(ms: number): void {
    timer = clock.timer(ms, fire);
    timer.unref();
  }
  function disarm(): void {
    timer?.cancel();
    timer = undefined;
  }
  function fire(): void {
    timer = undefined;
    firing = true;
    const now = clock.now();
    for (const [item, at] of waiting) {
      // Also reached by what `due` adds meanwhile, so that the loop ends.
      if (at > now) {
        arm(at - now);
        break;
      }
      waiting.delete(item);
      due(item);
    }
    firing = false;
  }
  return {
    add(item) {
      waiting.set(item, clock.now() + after);
      if (timer === undefined && !firing) arm(after);
    },
    delete(item) {
      // While others wait the timer stays, whoever it was set for: it finds the next one when it fires.
      if (waiting.delete(item) && waiting.size === 0) disarm();
    },
    clear() {
      waiting.clear();
      disarm();
    },
  };
}
