/** Cuts connections without a byte for a while: one timer for all of them. @module */
import type { Clock, ClockTimer } from "../../core/clock.ts";
import type { Traffic } from "./relay.ts";

/** Watches traffic. */
export interface IdleWatch {
  /** Calls `cut` after the timeout without a byte, or up to an eighth of it later. */
  watch(traffic: Traffic, cut: () => void): Watched;
  unwatch(watched: Watched): void;
}

/** One that is watched. */
export interface Watched {
  readonly traffic: Traffic;
  readonly cut: () => void;
  /** Looks in a row that found no byte. */
  quiet: number;
}

/** Looks so many times per timeout. */
const LOOKS = 8;

/** `timeout` in milliseconds; 0 watches nothing. */
export function idleWatch(clock: Clock, timeout: number): IdleWatch {
  const all = new Set<Watched>();
  let timer: ClockTimer | undefined;

  function look(): void {
    for (const watched of all) {
      if (watched.traffic.busy) watched.quiet = 0;
      else if (++watched.quiet >= LOOKS) watched.cut();
      watched.traffic.busy = false;
    }
    timer = all.size > 0 ? clock.timer(timeout / LOOKS, look) : undefined;
  }

  return {
    watch(traffic, cut) {
      const watched = { traffic, cut, quiet: 0 };
      if (timeout > 0) {
        // The first look comes somewhere between two others.
        traffic.busy = true;
        all.add(watched);
        timer ??= clock.timer(timeout / LOOKS, look);
      }
      return watched;
    },
    unwatch(watched) {
      all.delete(watched);
      if (all.size > 0) return;
      timer?.cancel();
      timer = undefined;
    },
  };
}
