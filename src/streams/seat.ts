/**
 * A stream's place in a pool, from its first frame to its last.
 *
 * @module
 */
import type { Channel, ChannelFault, ChannelHandler, Fields } from "../adapter/contract.ts";
import type { Deadline, Deadlines, Expires } from "../core/deadlines.ts";
import type { Member } from "../core/members.ts";
import { Exchange, type ExchangeSeat } from "./exchange.ts";
import type { Link } from "./link.ts";
import { TakenStream } from "./pool_stream.ts";
import { ReceiveQueue } from "./receive_queue.ts";
import type { ConnectionInfo } from "./types.ts";

/** RFC 9113 section 7. */
export const REFUSED_STREAM = 7;
/** RFC 9113 section 7. */
export const CANCEL = 8;

/**
 * - `"opening"`: between the POST and the id.
 * - `"idle"`: in the pool's members.
 * - `"taken"`: has an exchange.
 * - `"retired"`: our side is ended or the request answered with a refusal; what comes is thrown away until the peer ends too.
 * - `"gone"`: the channel is closed.
 */
export type SeatPhase = "opening" | "idle" | "taken" | "retired" | "gone";

/**
 * Ten thousand of these stand idle in a pool: few fields, and what only a stream in use needs is made when it is taken.
 *
 * Invariant: `link.busy` holds the seats that are neither idle nor gone; the members hold the idle ones.
 */
export abstract class Seat implements ChannelHandler, Member, ExchangeSeat, Expires {
  /** The id, once there is one. */
  key = "";
  readonly link: Link;
  channel!: Channel;
  phase: SeatPhase = "opening";
  /** Bytes by which the receive window is larger than an idle stream's. */
  grown = 0;
  /** Of the handshake, and of the retirement. */
  protected timer: Deadline | undefined = undefined;
  /** Tunnel bytes that came before the stream was taken. */
  protected early: ReceiveQueue | undefined = undefined;
  /** END_STREAM came before the stream was taken. */
  protected complete = false;
  /** A write of the channel is not accepted yet. */
  protected writing = false;
  exchange: Exchange | undefined = undefined;
  /** What its taker holds. */
  stream: TakenStream | undefined = undefined;

  constructor(link: Link) {
    this.link = link;
  }

  /** Its group among the members. */
  get group(): ConnectionInfo {
    return this.link.info;
  }
  get connection(): ConnectionInfo {
    return this.link.info;
  }
  get deadlines(): Deadlines {
    return this.link.core.deadlines;
  }
  get closeTimeout(): number {
    return this.link.core.settings.closeTimeout;
  }

  /** Bytes before the id. */
  protected abstract openingData(chunk: Uint8Array): void;
  /** END_STREAM before the id. */
  protected abstract openingEnd(): void;
  /** `handshakeTimeout` is over. */
  protected abstract openingLate(): void;
  /** The channel closed before the id. */
  protected abstract openingClosed(fault: ChannelFault | undefined): void;

  /** Gives the handshake its deadline. */
  protected hurry(): void {
    this.timer = this.deadlines.schedule(this, this.deadlines.now() + this.link.core.settings.handshakeTimeout);
  }

  /** The id is known: the stream goes to a waiter or into the pool, true, or is reset. */
  protected opened(): boolean {
    this.timer?.cancel();
    this.timer = undefined;
    return this.link.core.arrived(this);
  }

  /** Keeps bytes for whoever takes the stream. */
  protected keep(chunk: Uint8Array): void {
    (this.early ??= new ReceiveQueue()).push(chunk);
  }

  /** Hands it out. The members do not have it any more. */
  take(): void {
    this.phase = "taken";
    this.exchange = new Exchange(this, { early: this.early, complete: this.complete, busy: this.writing });
    this.early = undefined;
    this.stream = new TakenStream(this.exchange);
    this.link.busy.add(this);
    this.link.core.took();
    this.#grow();
  }

  /** Ends an idle stream in order. The members do not have it any more. */
  retire(): void {
    this.phase = "retired";
    this.link.busy.add(this);
    const unread = this.early?.clear() ?? 0;
    this.early = undefined;
    if (unread > 0) this.channel.consume(unread);
    this.timer = this.deadlines.schedule(this, this.deadlines.now() + this.closeTimeout);
    this.channel.end();
  }

  /** Bytes have been read. */
  consume(n: number): void {
    if (this.phase === "gone") return;
    this.channel.consume(n);
    if (this.grown !== this.link.core.growth && this.phase === "taken") this.#grow();
  }

  released(): void {
    this.link.core.released();
  }
  sent(): void {
    this.link.sent();
  }

  headers(_fields: Fields, _kind: "response" | "trailers"): void {}

  data(chunk: Uint8Array): "used" | void {
    if (this.exchange !== undefined) return this.exchange.receiver.deliver(chunk);
    if (this.phase === "opening") this.openingData(chunk);
    else if (this.phase === "idle") this.keep(chunk);
    else {
      this.channel.consume(chunk.length);
      return "used";
    }
  }

  end(): void {
    if (this.exchange !== undefined) return this.exchange.receiver.end();
    if (this.phase === "opening") return this.openingEnd();
    if (this.phase !== "idle") return;
    this.complete = true;
    if (this.early === undefined) this.link.core.evict(this, "ended by the other side");
  }

  accepted(): void {
    if (this.exchange !== undefined) this.exchange.sender.accepted();
    else this.writing = false;
  }

  close(fault: ChannelFault | undefined): void {
    const { phase } = this;
    this.phase = "gone";
    this.timer?.cancel();
    if (phase === "opening") this.openingClosed(fault);
    this.link.core.left(this, phase, fault);
    this.exchange?.finish(fault, this.link.core.closeError);
  }

  expire(): void {
    if (this.phase === "opening") this.openingLate();
    else if (this.phase === "retired") this.channel.reset(CANCEL);
  }

  #grow(): void {
    const { core } = this.link;
    const bytes = core.budget.grow(core.growth - this.grown);
    if (bytes === 0) return;
    this.grown += bytes;
    this.channel.grow(bytes);
  }
}
