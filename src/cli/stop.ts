/** Ctrl+C: the first drains, the second cuts. @module */
import type { Io, StopSignal } from "./io.ts";

/** How a running command is asked to end. */
export interface Stop {
  /** Aborted by the first signal: take nothing new, let finish what is there. */
  readonly drain: AbortSignal;
  /** Aborted by the second, or when the drain has taken too long: end now. */
  readonly cut: AbortSignal;
  /** 0, or 128 and the signal's number after a second one. */
  code(): number;
  /** Stops listening to signals. */
  release(): void;
}

const NUMBERS: Readonly<Record<StopSignal, number>> = { SIGINT: 2, SIGTERM: 15 };
/** A third signal, or this long after the second, ends the process, whatever hangs. Milliseconds. */
const PATIENCE = 3_000;

/** Listens to the process's signals. A drain may take `grace` milliseconds; 0 = any time. */
export function stopOnSignals(io: Io, grace: number): Stop {
  const drain = new AbortController();
  const cut = new AbortController();
  let code = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const unhear = io.onSignal((signal) => {
    if (!drain.signal.aborted) {
      if (grace > 0) timer = setTimeout(() => cut.abort(), grace);
      return drain.abort();
    }
    if (code !== 0) return io.exit(code);
    code = 128 + NUMBERS[signal];
    clearTimeout(timer);
    timer = setTimeout(() => io.exit(code), PATIENCE);
    cut.abort();
  });
  const release = (): void => {
    unhear();
    clearTimeout(timer);
  };
  return { drain: drain.signal, cut: cut.signal, code: () => code, release };
}
