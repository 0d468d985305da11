/** PINGs of a connection's owner, each with its own time limit. Both engines have them. @module */
import { type Clock, type ClockTimer, ConnectionClosedError } from "../contract.ts";

/** Who sends them. */
export interface PingSource {
  readonly over: boolean;
  /** `answered` is called with the ACK. Returns what `cancel` takes. */
  send(answered: () => void): number;
  cancel(number: number): void;
}

interface Pending {
  readonly timer: ClockTimer;
  reject(error: Error): void;
}

export class TimedPings {
  readonly #clock: Clock;
  readonly #source: PingSource;
  readonly #pending: Set<Pending> = new Set();
  #held = true;

  constructor(clock: Clock, source: PingSource) {
    this.#clock = clock;
    this.#source = source;
  }

  /** `Connection.ping`. */
  ping(timeout: number): Promise<number> {
    if (this.#source.over) return Promise.reject(new ConnectionClosedError("Cannot ping: the connection is closed"));
    return new Promise((resolve, reject) => {
      const began = this.#clock.now();
      const number = this.#source.send(() => {
        this.#pending.delete(pending);
        pending.timer.cancel();
        resolve(this.#clock.now() - began);
      });
      const timer = this.#clock.timer(timeout, () => {
        this.#pending.delete(pending);
        this.#source.cancel(number);
        reject(new Error(`No answer to PING within ${timeout} ms`));
      });
      const pending: Pending = { timer, reject };
      this.#pending.add(pending);
      if (!this.#held) timer.unref();
    });
  }

  /** Whether they hold the process alive. */
  hold(verb: "ref" | "unref"): void {
    this.#held = verb === "ref";
    for (const { timer } of this.#pending) timer[verb]();
  }

  /** The connection is over. */
  fail(error: Error | undefined): void {
    for (const { timer, reject } of this.#pending) {
      timer.cancel();
      reject(error ?? new ConnectionClosedError("The connection was closed"));
    }
    this.#pending.clear();
  }
}
