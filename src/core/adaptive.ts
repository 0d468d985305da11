/**
 * Capacity and interval of a client pool: the rules of WIRE.md, "Adaptation", as pure functions.
 *
 * A round: {@linkcode planRound}, create that many streams all at once, {@linkcode settleRound}, wait until
 * {@linkcode nextRound}.
 *
 * @module
 */

/** The user's bounds. Counts and milliseconds. */
export interface AdaptiveLimits {
  /** Idle streams, at least. */
  readonly minCapacity: number;
  /** Idle streams, at most. */
  readonly maxCapacity: number;
  /** Milliseconds, at least. */
  readonly minInterval: number;
  /** Milliseconds, at most. */
  readonly maxInterval: number;
}

/** What adapts. */
export interface AdaptiveState {
  /** Idle streams that a round fills up to. */
  readonly capacity: number;
  /** Milliseconds from the end of a round to the next. */
  readonly interval: number;
}

/** Milliseconds by which a round changes the interval. */
const STEP = 100;

/** Where every pool starts: the smallest capacity, the shortest interval. */
export function firstState(limits: AdaptiveLimits): AdaptiveState {
  return { capacity: limits.minCapacity, interval: limits.minInterval };
}

/** The interval after looking at the idle streams, and how many streams the round creates. */
export function planRound(
  state: AdaptiveState,
  idle: number,
  limits: AdaptiveLimits,
): { readonly interval: number; readonly create: number } {
  const { capacity } = state;
  let { interval } = state;
  if (idle < Math.trunc(0.2 * capacity)) interval = Math.max(interval - STEP, limits.minInterval);
  else if (idle > Math.trunc(0.8 * capacity)) interval = Math.min(interval + STEP, limits.maxInterval);
  return { interval, create: Math.max(capacity - idle, 0) };
}

/** The capacity after a round that created `created` streams and failed with `failed`. A failure says nothing about demand: the capacity stays. */
export function settleRound(
  state: AdaptiveState,
  round: { readonly created: number; readonly failed: number },
  limits: AdaptiveLimits,
): number {
  const { capacity } = state;
  if (round.failed > 0) return capacity;
  const share = round.created / capacity;
  if (share > 0.8) return Math.min(capacity + 1, limits.maxCapacity);
  if (share < 0.2) return Math.max(capacity - 1, limits.minCapacity);
  return capacity;
}

/** What decides when the next round starts. Times are the clock's, milliseconds. */
export interface RoundSituation {
  /** After the last round. */
  readonly state: AdaptiveState;
  /** Streams that can be handed out. */
  readonly idle: number;
  /** Takers that wait for a stream. */
  readonly waiting: number;
  /** The present. */
  readonly now: number;
  /** When the last round ended; `-Infinity` before the first. */
  readonly endedAt: number;
  /** After a failure: the end of the back-off. `-Infinity` otherwise. */
  readonly notBefore: number;
}

/**
 * When the next round starts: an interval after the last one; at once when the pool is drained below 20 % or somebody
 * waits; never before the back-off says. A full pool never hurries: a taker that waits for one id would turn it for nothing.
 */
export function nextRound(situation: RoundSituation): number {
  const { state, idle, waiting, now, endedAt, notBefore } = situation;
  const hurry = idle < 0.2 * state.capacity || (waiting > 0 && idle < state.capacity);
  return Math.max(hurry ? now : endedAt + state.interval, notBefore, now);
}
