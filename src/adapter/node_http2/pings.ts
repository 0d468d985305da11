/** PINGs of the owner, which tell with their answer that the peer has what was ended before them. @module */
import { guard } from "../http2/errors.ts";
import type { PlatformChannel } from "./channel.ts";

export class Pings {
  readonly #write: (number: number) => void;
  /** Who waits for which. */
  readonly #waiting: Map<number, () => void> = new Map();
  #next = 0;
  /** Channels whose END_STREAM the runtime has been told of and has not sent. */
  readonly #endsOwed: Set<PlatformChannel> = new Set();
  /** Those that wait for the ends of their time. */
  #held: { readonly number: number; readonly behind: Set<PlatformChannel> }[] = [];

  constructor(write: (number: number) => void) {
    this.#write = write;
  }

  /** Returns what `cancel` takes. */
  send(answered: () => void): number {
    const number = this.#next;
    this.#next = (number + 1) >>> 0;
    this.#waiting.set(number, answered);
    // It must not overtake what the runtime still has.
    if (this.#endsOwed.size > 0) this.#held.push({ number, behind: new Set(this.#endsOwed) });
    else this.#write(number);
    return number;
  }

  cancel(number: number): void {
    this.#waiting.delete(number);
  }

  /** False when nobody waits for it. */
  answered(number: number): boolean {
    const answered = this.#waiting.get(number);
    if (answered === undefined) return false;
    this.#waiting.delete(number);
    guard(answered);
    return true;
  }

  /** The runtime has been told of the channel's end. */
  endOwed(channel: PlatformChannel): void {
    this.#endsOwed.add(channel);
  }

  /** It has been sent, or never will be. */
  endSettled(channel: PlatformChannel): void {
    if (!this.#endsOwed.delete(channel) || this.#held.length === 0) return;
    this.#held = this.#held.filter(({ number, behind }) => {
      behind.delete(channel);
      if (behind.size > 0) return true;
      if (this.#waiting.has(number)) this.#write(number);
      return false;
    });
  }

  clear(): void {
    this.#waiting.clear();
    this.#held = [];
  }
}
