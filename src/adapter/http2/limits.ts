/**
 * Bounds against hostile peers: the defaults of {@linkcode EngineSettings}, and token buckets over a clock that is passed in. @module
 */
import type { EngineLimits, EngineSettings } from "../contract.ts";
import { ENHANCE_YOUR_CALM, H2Error } from "./errors.ts";
import { DEFAULT_WINDOW, MAX_31, MAX_MAX_FRAME, MIN_MAX_FRAME } from "./frames.ts";

/** Settings with every default filled in. */
export interface ResolvedSettings {
  readonly window: number;
  readonly connectionWindow: number;
  readonly maxStreams: number;
  readonly maxFrame: number;
  readonly limits: Readonly<Required<EngineLimits>>;
}

const LIMITS: Readonly<Required<EngineLimits>> = {
  maxHeaderBytes: 65_536,
  maxHeaders: 256,
  maxContinuations: 32,
  resetBurst: 1_000,
  resetsPerSecond: 100,
  pingsPerSecond: 50,
  settingsPerSecond: 20,
  emptyFramesPerSecond: 1_000,
  maxQueuedControlBytes: 1_048_576,
};

/** Fills in the defaults. Throws a `RangeError` that names a value out of its range. */
export function resolveSettings(settings: EngineSettings | undefined): ResolvedSettings {
  const limits: Record<keyof EngineLimits, number> = { ...LIMITS };
  for (const name of Object.keys(LIMITS) as (keyof EngineLimits)[]) {
    const value = settings?.limits?.[name];
    if (value !== undefined) limits[name] = within(name, value, 0, Number.MAX_SAFE_INTEGER);
  }
  return {
    window: within("window", settings?.window ?? 65_536, 1, MAX_31),
    connectionWindow: within("connectionWindow", settings?.connectionWindow ?? MAX_31, DEFAULT_WINDOW, MAX_31),
    maxStreams: within("maxStreams", settings?.maxStreams ?? 4_096, 0, MAX_31),
    maxFrame: within("maxFrame", settings?.maxFrame ?? 65_536, MIN_MAX_FRAME, MAX_MAX_FRAME),
    limits,
  };
}

function within(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`Cannot use ${name} ${value}: it must be a whole number from ${least} to ${most}`);
}

/** Events per second with a burst: a bucket of `size` tokens that refills by `perSecond`. */
export class TokenBucket {
  #tokens: number;
  #since: number;
  readonly #size: number;
  readonly #perMs: number;
  readonly #now: () => number;

  constructor(size: number, perSecond: number, now: () => number) {
    this.#size = size;
    this.#tokens = size;
    this.#perMs = perSecond / 1000;
    this.#now = now;
    this.#since = now();
  }

  /** Takes one token; false when there is none. */
  take(): boolean {
    const now = this.#now();
    this.#tokens = Math.min(this.#size, this.#tokens + (now - this.#since) * this.#perMs);
    this.#since = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** The token buckets of one connection. Each method throws the connection's error when its bucket is empty. */
export class Budget {
  readonly #resets: TokenBucket;
  readonly #pings: TokenBucket;
  readonly #settings: TokenBucket;
  readonly #empty: TokenBucket;

  constructor(limits: Readonly<Required<EngineLimits>>, now: () => number) {
    this.#resets = new TokenBucket(limits.resetBurst, limits.resetsPerSecond, now);
    this.#pings = new TokenBucket(limits.pingsPerSecond, limits.pingsPerSecond, now);
    this.#settings = new TokenBucket(limits.settingsPerSecond, limits.settingsPerSecond, now);
    this.#empty = new TokenBucket(limits.emptyFramesPerSecond, limits.emptyFramesPerSecond, now);
  }

  /** A stream reset by the peer, or over an error of the peer's. */
  reset(): void {
    if (!this.#resets.take()) throw new H2Error(ENHANCE_YOUR_CALM, "too many streams reset");
  }

  /** RST_STREAM on a stream that has ended: it carries nothing, but many come at once where many resets of both sides cross. */
  lateReset(): void {
    if (!this.#empty.take()) this.reset();
  }

  ping(): void {
    if (!this.#pings.take()) throw new H2Error(ENHANCE_YOUR_CALM, "too many PINGs");
  }

  /** SETTINGS, and GOAWAY, of which nobody needs more. */
  settings(): void {
    if (!this.#settings.take()) throw new H2Error(ENHANCE_YOUR_CALM, "too many SETTINGS or GOAWAYs");
  }

  /** A frame that carries nothing. */
  empty(): void {
    if (!this.#empty.take()) throw new H2Error(ENHANCE_YOUR_CALM, "too many frames that carry nothing");
  }
}
