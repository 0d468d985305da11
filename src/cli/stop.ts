/** Ctrl+C: the first drains, the second cuts. @module */
import type { Io, StopSignal } from "./io.ts";

/** How a running command is asked to end. */
export interface Stop {
  /** Aborted by the first signal: take nothing new, let finish what is there. */
  readonly drain: AbortSignal;
  /** Aborted by the second: end now. */
  readonly cut: AbortSignal;
  /** 0 after a drain that ended by itself, else 128 and the signal's number. */
  code(): number;
  /** Stops listening to signals. */
  release(): void;
}

const NUMBERS: Readonly<Record<StopSignal, number>> = { SIGINT: 2, SIGTERM: 15 };
/** A third signal, or this long after the second, ends the process whatever still hangs. Milliseconds. */
const PATIENCE = 3_000;

/** Listens to the process's signals. */
export function stopOnSignals(io: Io): Stop {
  const drain = new AbortController();
  const cut = new AbortController();
  let code = 0;
  const release = io.onSignal((signal) => {
    if (!drain.signal.aborted) return drain.abort();
    if (cut.signal.aborted) return io.exit(code);
    code = 128 + NUMBERS[signal];
    setTimeout(() => io.exit(code), PATIENCE).unref();
    cut.abort();
  });
  return { drain: drain.signal, cut: cut.signal, code: () => code, release };
}
