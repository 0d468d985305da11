/**
 * Gives the runtime no more than the peer's windows allow and the socket will soon take, so that nothing is ever queued
 * where it could not be taken back. Streams that wait stand in a ring and are served in turn. @module
 */
import { DEFAULT_WINDOW } from "../http2/frames.ts";
import type { PlatformChannel } from "./channel.ts";

/** Bytes that one stream may hand over before the next has its turn. */
const QUANTUM = 65_536;
/** Bytes between us and the socket. */
const ROOM = 262_144;

export class Sender {
  /** What the peer's connection window allows. */
  window = DEFAULT_WINDOW;
  /** Payload that the runtime has been given and not sent. */
  owed = 0;
  /** Bytes given to the transport that have not left. */
  flying = 0;
  /** Handed to the runtime since its own connection window was filled up. */
  handed = 0;
  /** In order of their turn. */
  readonly #ring: Set<PlatformChannel> = new Set();
  readonly #out: { readonly waiting: number };

  /** `out`: where the runtime's frames wait for the end of the turn. */
  constructor(out: { readonly waiting: number }) {
    this.#out = out;
  }

  /** True when all of it could be handed over. */
  write(channel: PlatformChannel, data: Uint8Array): boolean {
    const length = data.length;
    // Nobody is overtaken.
    const n = this.#ring.size > 0 ? 0 : Math.min(length, channel.credit, this.#room());
    if (n > 0) this.#hand(channel, data, 0, n);
    if (n === length) return true;
    channel.pending = data;
    channel.offset = Math.max(0, n);
    if (channel.credit > 0) this.#ring.add(channel);
    return false;
  }

  /** A stream that waits has credit now. */
  enqueue(channel: PlatformChannel): void {
    if (channel.pending !== undefined) this.#ring.add(channel);
  }

  remove(channel: PlatformChannel): void {
    this.#ring.delete(channel);
  }

  clear(): void {
    this.#ring.clear();
  }

  /** Serves those who wait as far as there is room. Tells their owners: not to be called within a call of an owner. */
  fill(): void {
    for (let room = this.#room(); room > 0 && this.#ring.size > 0; room = this.#room()) {
      const [channel] = this.#ring as Iterable<PlatformChannel>;
      this.#ring.delete(channel!);
      this.#serve(channel!, room);
    }
  }

  #serve(channel: PlatformChannel, room: number): void {
    const data = channel.pending;
    if (data === undefined || channel.credit <= 0) return;
    const left = data.length - channel.offset;
    const n = Math.min(left, channel.credit, room, QUANTUM);
    this.#hand(channel, data, channel.offset, n);
    channel.offset += n;
    if (n === left) channel.flushed();
    else if (channel.credit > 0) this.#ring.add(channel);
  }

  #hand(channel: PlatformChannel, data: Uint8Array, from: number, n: number): void {
    this.window -= n;
    this.owed += n;
    this.handed += n;
    channel.hand(data, from, n);
  }

  #room(): number {
    // A runtime that frames at once owes nothing: what it framed in this turn counts as well.
    return Math.min(this.window, ROOM - this.owed - this.#out.waiting - this.flying);
  }
}
