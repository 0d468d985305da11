/** The system's time behind {@linkcode Clock}. @module */
import type { Clock, ClockTimer } from "./contract.ts";

/** The longest delay a timer takes; every runtime turns a longer one, and Infinity, into one millisecond. */
const LONGEST = 0x7fffffff;

interface Handle {
  ref(): void;
  unref(): void;
}

/** Real time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  timer: (ms, fire) => ms <= LONGEST ? short(ms, fire) : long(ms, fire),
};

function short(ms: number, fire: () => void): ClockTimer {
  // An object on every runtime we support, in Deno since 2.9, whatever the types say.
  const timer = setTimeout(fire, ms) as unknown as Handle;
  return {
    cancel: () => clearTimeout(timer as unknown as number),
    ref: () => timer.ref(),
    unref: () => timer.unref(),
  };
}

function long(ms: number, fire: () => void): ClockTimer {
  let held = true;
  let current = short(LONGEST, next);
  function next(): void {
    ms -= LONGEST;
    current = ms <= LONGEST ? short(ms, fire) : short(LONGEST, next);
    if (!held) current.unref();
  }
  return {
    cancel: () => current.cancel(),
    ref: () => {
      held = true;
      current.ref();
    },
    unref: () => {
      held = false;
      current.unref();
    },
  };
}
