/**
 * The state machine that every pool and server goes through.
 *
 * @module
 */
import { InternalError, rethrowLater } from "./errors.ts";

/**
 * Where a stream pool is in its life.
 *
 * | state | meaning |
 * |---|---|
 * | `new` | `start()` was not called yet |
 * | `starting` | a client connects for the first time, a server begins to listen |
 * | `ready` | a client has a connection, a server listens |
 * | `reconnecting` | a client has lost its last connection and makes another |
 * | `draining` | `close({ grace })`: streams in use finish, nothing new begins |
 * | `closed` | over |
 *
 * @example
 * ```ts
 * import type { PoolState, StreamPool } from "@x/h2pool";
 *
 * const fine: readonly PoolState[] = ["ready", "draining"];
 * function healthy(pool: StreamPool): boolean {
 *   return fine.includes(pool.state);
 * }
 * ```
 */
export type PoolState = "new" | "starting" | "ready" | "reconnecting" | "draining" | "closed";

/** From each state the states that may follow. */
export type Transitions<S extends string> = { readonly [From in S]: readonly S[] };

/** The life of a stream pool. A server pool never goes to `reconnecting`. */
export const POOL_TRANSITIONS: Transitions<PoolState> = {
  new: ["starting", "closed"],
  starting: ["ready", "draining", "closed"],
  ready: ["reconnecting", "draining", "closed"],
  reconnecting: ["ready", "draining", "closed"],
  draining: ["closed"],
  closed: [],
};

/**
 * One state with what belongs to it: a tagged union of these is the life of a thing. What a state needs (an attempt, a
 * timer, a listener) is a field of its phase, and is released by its `leave`.
 */
export interface Phase<S extends string = string> {
  /** Its tag. */
  readonly state: S;
  /** Releases what belongs to this state; called once, when the state is left. One that throws is the runtime's uncaught exception. */
  leave?(): void;
}

/** A machine made by {@linkcode lifecycle}. */
export interface Lifecycle<P extends Phase> {
  /** The current state with what belongs to it; narrow it by `phase.state`. */
  readonly phase: P;
  /** `phase.state`. */
  readonly state: P["state"];
  /** Whether `state` may follow now. */
  may(state: P["state"]): boolean;
  /**
   * Enters `next`, then calls `leave` of the phase before, then `changed`. Either may go on to a further state.
   *
   * @throws InternalError when the table does not allow it; nothing has happened then
   */
  go(next: P): void;
}

/**
 * Makes a machine that goes only along `transitions`.
 *
 * @param changed told of every change, after `leave` of the old phase
 */
export function lifecycle<P extends Phase>(
  transitions: Transitions<P["state"]>,
  initial: P,
  changed?: (state: P["state"], from: P["state"]) => void,
): Lifecycle<P> {
  let phase = initial;
  const may = (state: P["state"]): boolean => {
    const from: P["state"] = phase.state;
    return transitions[from].includes(state);
  };
  return {
    get phase(): P {
      return phase;
    },
    get state(): P["state"] {
      return phase.state;
    },
    may,
    go(next: P): void {
      const before = phase;
      if (!may(next.state)) {
        throw new InternalError(`Cannot go to state "${next.state}": current state is "${before.state}"`);
      }
      phase = next;
      try {
        before.leave?.();
      } catch (error) {
        rethrowLater(error);
      }
      changed?.(next.state, before.state);
    },
  };
}
