/** The system's time behind {@linkcode Clock}. @module */
import { clearTimeout, setTimeout } from "node:timers";
import type { Clock, ClockTimer } from "./contract.ts";

/** The longest delay a timer takes; every runtime turns a longer one, and Infinity, into one millisecond. */
const LONGEST = 0x7fffffff;

/** Real time. Its timers come from `node:timers`: Deno's own are numbers, which can not be held by `ref` and `unref`. */
export const systemClock: Clock = {
  now: () => performance.now(),
  timer: (ms, fire) => ms <= LONGEST ? short(ms, fire) : long(ms, fire),
};

function short(ms: number, fire: () => void): ClockTimer {
  const timer = setTimeout(fire, ms);
  return {
    cancel: () => clearTimeout(timer),
    ref: () => void timer.ref(),
    unref: () => void timer.unref(),
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
