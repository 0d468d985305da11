/**
 * A pause on a given clock.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** Resolves after `ms`, or when `signal` aborts: true when the whole time has passed. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const over = (whole: boolean): void => {
      timer.cancel();
      signal?.removeEventListener("abort", aborted);
      resolve(whole);
    };
    const aborted = (): void => over(false);
    const timer = clock.timer(ms, () => over(true));
    signal?.addEventListener("abort", aborted);
  });
}

/** What `promise` gives, or undefined when `ms` have passed first. */
export async function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T | undefined> {
  if (ms === Infinity) return await promise;
  let timer: { cancel(): void } | undefined;
  const late = new Promise<undefined>((resolve) => timer = clock.timer(ms, () => resolve(undefined)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer?.cancel();
  }
}
