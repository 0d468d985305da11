/**
 * One connection of either role: a session of the runtime between two wires. Frames of the peer come through
 * `inbound.ts`, those of the runtime through `outbound.ts`; what concerns the connection itself (flow control, PING,
 * GOAWAY, RST_STREAM, limits) is settled here and never gets to the runtime. It never calls its host from within a call of
 * the owner, but for `reset` and `destroy`. @module
 */
import { setImmediate } from "node:timers";
import {
  type ChannelFault,
  type ChannelHandler,
  ConnectionClosedError,
  type ConnectionHandler,
  type Fields,
} from "../contract.ts";
import { writeGoaway, writePing, writeReset, writeWindowUpdate } from "../http2/control.ts";
import { endError, whyNotOpen } from "../http2/endings.ts";
import {
  closedBy,
  codeName,
  ENHANCE_YOUR_CALM,
  guard,
  H2Error,
  INTERNAL_ERROR,
  NO_ERROR,
  report,
} from "../http2/errors.ts";
import { DEFAULT_WINDOW, MAX_31, MIN_MAX_FRAME, PREFACE } from "../http2/frames.ts";
import { Budget, type ResolvedSettings } from "../http2/limits.ts";
import { Receiver } from "../http2/receiver.ts";
import type { SessionHost } from "../http2/session.ts";
import { StreamIds } from "../http2/stream_ids.ts";
import { CLOSED, END_CALLED, IN_BARE, PlatformChannel, RESPONDED, WRITE_ENDED } from "./channel.ts";
import { Feed } from "./feed.ts";
import { Inbound } from "./inbound.ts";
import { type NativeSession, nativeSession, type NativeStream, outgoing } from "./native.ts";
import { Outbound } from "./outbound.ts";
import { Pings } from "./pings.ts";
import type { Rules } from "./rules.ts";
import { Sender } from "./sender.ts";
import { Wire } from "./wire.ts";
import { FrameWriter } from "./writer.ts";

/** Opaque data of the PING behind the first GOAWAY; a caller's PINGs carry another first word. */
const SHUTDOWN_PING = 0x676f6e65;
const OWN_PING = 0x68327069;
/** Turns of the event loop in which the runtime may still deliver what came before an end. */
const PATIENCE = 20;

/** What the session needs of the world. */
export interface Host extends SessionHost {
  /** The runtime is ready: bytes may come. */
  start(): void;
}

export class Session {
  readonly client: boolean;
  readonly settings: ResolvedSettings;
  readonly rules: Rules;
  readonly ids: StreamIds;
  readonly budget: Budget;
  readonly channels: Map<number, PlatformChannel> = new Map();
  /** Streams that are over for us and not yet for the runtime, whose RST_STREAM nobody needs. */
  readonly hushed: Set<number> = new Set();
  /** Reset, but RST_STREAM has to wait for a header block that the runtime still has. */
  readonly #owing: Map<number, PlatformChannel> = new Map();
  /** To the peer, and to the runtime. */
  readonly out: FrameWriter = new FrameWriter("gated");
  readonly sender: Sender = new Sender(this.out);
  readonly feed: Feed;
  /** The owner, once the peer's SETTINGS have come. */
  handler: ConnectionHandler | undefined = undefined;
  bytesIn = 0;
  peerWindow = DEFAULT_WINDOW;
  peerMaxStreams = Infinity;
  peerMaxFrame = MIN_MAX_FRAME;
  /** `openable` has been 0 since the owner was last told otherwise. */
  full = false;
  leaving: "no" | "announced" | "final" = "no";
  wentAway: { readonly code: number; readonly lastId: number } | undefined = undefined;
  /** How the channel ended whose `channel` callback was still running. */
  orphaned: ChannelFault | undefined = undefined;
  ending = false;
  over = false;

  readonly #host: Host;
  readonly #native: NativeSession;
  readonly #wire: Wire;
  readonly #fromPeer: Receiver;
  readonly #fromNative: Receiver;
  readonly #maxQueued: number;
  /** An identifier that was taken for a request which the runtime refused to make. */
  #spareId: number | undefined;
  #finished: PlatformChannel[] = [];
  /** Ended by the peer, but not everything before that has been told. */
  readonly #late: Set<PlatformChannel> = new Set();
  #lateTurns = 0;
  #lateScheduled = false;
  /** The transport is gone, why, and since how many turns. */
  #lost: { readonly error: Error | undefined } | undefined;
  #endedBy: Error | undefined;
  readonly pings: Pings = new Pings((number) => {
    writePing(this.out, 0, OWN_PING, number);
    this.wake();
  });

  constructor(role: "client" | "server", settings: ResolvedSettings, rules: Rules, now: () => number, host: Host) {
    this.client = role === "client";
    this.settings = settings;
    this.rules = rules;
    this.feed = new Feed(rules.feedWindow);
    this.#host = host;
    this.ids = new StreamIds(role);
    this.budget = new Budget(settings.limits, now);
    // Header blocks and resets of a server answer whatever the peer asks.
    this.#maxQueued = settings.limits.maxQueuedControlBytes + 1_048_576 + (this.client ? 0 : 256 * settings.maxStreams);
    const preface = (by: "client" | "server"): "preface" | "none" => by === "client" ? "preface" : "none";
    const peer = this.client ? "server" : "client";
    // The receiver checks the peer's and keeps it.
    if (!this.client) this.feed.raw(PREFACE);
    const { maxFrame, limits } = settings;
    this.#fromPeer = new Receiver(new Inbound(this), preface(peer), maxFrame, limits.maxContinuations);
    this.#fromNative = new Receiver(new Outbound(this), preface(role), 0xffffff, Infinity);
    this.#wire = new Wire((bytes) => this.#sent(bytes));
    this.#native = nativeSession(role, this.#wire, settings, {
      // Never within the constructor: what the host does then needs the session.
      connected: () => queueMicrotask(() => this.over || host.start()),
      stream: (stream, raw) => this.#requested(stream, raw),
      closed: (error) =>
        this.#fail(new H2Error(rules.silentEnd, `the runtime ended its session: ${error?.message ?? ""}`)),
    });
  }

  // ---- for the host

  /** Takes what the transport read. */
  receive(chunk: Uint8Array): void {
    if (this.over) return;
    this.bytesIn += chunk.length;
    try {
      this.#fromPeer.parse(chunk);
    } catch (error) {
      return this.#fail(error);
    }
    this.prepare();
  }

  /** What the runtime sends. */
  #sent(bytes: Uint8Array): void {
    if (this.over) return;
    try {
      this.#fromNative.parse(bytes);
    } catch (error) {
      return this.#fail(new H2Error(INTERNAL_ERROR, `what the runtime sends: ${error}`));
    }
    this.wake();
  }

  /** Gives the runtime what is for it, serves who waits, and tells the owners. */
  prepare(): void {
    if (this.over) return;
    const bytes = this.feed.take();
    if (bytes !== undefined) {
      // The runtime's turns count from when it has everything.
      if (this.feed.behind) this.#lateTurns = 0;
      this.#wire.feed(bytes);
    }
    if (this.over) return;
    this.sender.fill();
    this.#tellLate(0);
    this.#settle();
  }

  /** The transport is gone; undefined for a FIN. */
  transportClosed(error: Error | undefined): void {
    if (this.over || this.#lost !== undefined) return;
    this.#lost = { error };
    this.#lateTurns = 0;
    this.#concludeLost();
  }

  #concludeLost(): void {
    if (this.over) return;
    for (const channel of this.channels.values()) {
      if (channel.toldAll || this.#lateTurns >= PATIENCE) continue;
      return this.#patience();
    }
    this.#end(endError({
      away: this.wentAway,
      open: this.channels.size,
      ending: this.ending,
      leaving: this.leaving !== "no",
      midFrame: this.#fromPeer.midFrame,
      error: this.#lost!.error,
    }));
  }

  /** The first SETTINGS have come: there is an owner from now on. */
  greeted(): void {
    this.full = this.client && this.openable === 0;
    const handler = this.handler = this.#host.ready();
    if (this.over) guard(() => handler.close(this.#endedBy));
  }

  /** GOAWAY came instead of the first SETTINGS. */
  refused(code: number): void {
    this.#end(new ConnectionClosedError(`the peer refused the connection with GOAWAY ${codeName(code)}`, { code }));
  }

  // ---- for the owner of the connection

  get openable(): number {
    if (!this.client || this.over || this.wentAway !== undefined || this.leaving !== "no") return 0;
    return Math.max(0, Math.min(this.ids.left, this.peerMaxStreams - this.channels.size));
  }

  open(fields: Fields, handler: ChannelHandler, body?: "none"): PlatformChannel {
    if (this.openable === 0) throw new ConnectionClosedError(whyNotOpen(this), { code: this.wentAway?.code });
    const endStream = body === "none";
    const ended = endStream ? END_CALLED | WRITE_ENDED : 0;
    const channel = new PlatformChannel(this, this.#spareId ?? this.ids.take(), handler, RESPONDED | ended);
    channel.asked(fields);
    // Known before: what the runtime sends within the call is this channel's.
    this.channels.set(channel.id, channel);
    if (endStream) this.pings.endOwed(channel);
    try {
      channel.handOver(() => channel.attach(this.#request(fields, endStream)));
    } catch (error) {
      this.channels.delete(channel.id);
      this.pings.endSettled(channel);
      this.#spareId = channel.id;
      throw error;
    }
    this.#spareId = undefined;
    if (this.openable === 0) this.full = true;
    return channel;
  }

  #request(fields: Fields, endStream: boolean): NativeStream {
    const session = this.#native as Extract<NativeSession, { request: unknown }>;
    return session.request(outgoing(fields), { endStream, waitForTrailers: !endStream });
  }

  /** An ACK. False when nobody waits for it. */
  pingAnswered(kind: number, number: number): boolean {
    if (kind === SHUTDOWN_PING && this.leaving === "announced") {
      this.leaveNow();
      return true;
    }
    return kind === OWN_PING && this.pings.answered(number);
  }

  /** Returns whether a PING decides when it is final (`leaveNow`). */
  goAway(code: number): boolean {
    if (this.over || this.leaving !== "no") return false;
    if (this.client || code !== NO_ERROR) {
      this.#leaveWith(code);
      return false;
    }
    // Requests that are under way when GOAWAY is sent would be lost if it named the last one seen (section 6.8).
    this.leaving = "announced";
    writeGoaway(this.out, MAX_31, NO_ERROR);
    writePing(this.out, 0, SHUTDOWN_PING, 0);
    this.wake();
    return true;
  }

  leaveNow(): void {
    if (this.leaving === "announced" && !this.over) this.#leaveWith(NO_ERROR);
  }

  #leaveWith(code: number): void {
    this.leaving = "final";
    this.ids.closed = true;
    writeGoaway(this.out, this.ids.lastPeer, code);
    this.wake();
  }

  destroy(error: Error | undefined): void {
    if (this.over) return;
    writeGoaway(this.out, this.ids.lastPeer, error === undefined ? NO_ERROR : INTERNAL_ERROR);
    this.#end(error ?? new ConnectionClosedError("the connection was destroyed"));
  }

  // ---- for channels and frames

  /** Streams that count against our limit: those that the peer has ended do not, though their owners hear of it later. */
  get counted(): number {
    return this.channels.size - Math.min(this.#late.size, this.settings.maxStreams);
  }

  wake(): void {
    if (!this.over) this.#host.wake();
  }

  tooLarge(fields: Fields): boolean {
    const { maxHeaders, maxHeaderBytes } = this.settings.limits;
    if (fields.length > maxHeaders * 2) return true;
    let size = fields.length * 16;
    for (const text of fields) size += text.length;
    return size > maxHeaderBytes;
  }

  sendWindowUpdate(id: number, increment: number): void {
    writeWindowUpdate(this.out, id, increment);
    this.wake();
  }

  writeReset(id: number, code: number): void {
    writeReset(this.out, id, code);
    this.wake();
  }

  /** The protocol knows the channel no more. */
  forget(channel: PlatformChannel): void {
    this.sender.remove(channel);
    this.channels.delete(channel.id);
    this.pings.endSettled(channel);
    this.#late.delete(channel);
    if (!channel.nativeClosed) this.hushed.add(channel.id);
    // There may be room for another, or nothing left to wait for.
    this.wake();
  }

  /** A header block of the runtime's has left. */
  blockLeft(id: number, ends: boolean): void {
    const channel = this.channels.get(id);
    if (channel !== undefined) return channel.blockLeft(ends);
    const owing = this.#owing.get(id);
    owing?.blockLeft(ends);
    if (owing?.owesReset === false) this.#owing.delete(id);
  }

  /** Both sides have ended, perhaps in a call of the owner, who hears of it later. */
  finish(channel: PlatformChannel): void {
    this.forget(channel);
    this.#finished.push(channel);
    this.wake();
  }

  /** RST_STREAM by the owner. */
  abort(channel: PlatformChannel, code: number): void {
    this.reset(channel, code);
    this.cut(channel, { kind: "aborted", code });
    this.wake();
  }

  reset(channel: PlatformChannel, code: number): void {
    channel.sendReset(code);
    this.ids.reset(channel.id, "us");
  }

  cut(channel: PlatformChannel, fault: ChannelFault): void {
    this.forget(channel);
    if (channel.owesReset) this.#owing.set(channel.id, channel);
    channel.close(fault);
    if (!this.over) channel.release();
  }

  /** The peer, or its GOAWAY, has ended the channel: told once everything before has been. */
  endedByPeer(channel: PlatformChannel, fault: ChannelFault): void {
    channel.ended(fault);
    this.#late.add(channel);
    this.#lateTurns = 0;
  }

  /** RST_STREAM on a stream that never got a channel's owner. */
  refuse(id: number, code: number): void {
    this.budget.reset();
    this.hushed.add(id);
    this.ids.reset(id, "us");
    this.writeReset(id, code);
  }

  /** A stream error of the peer's, found on the wire by us or by the runtime: told once everything before it has been. */
  wrong(channel: PlatformChannel, code: number, message: string): void {
    if (this.over || channel.faulty) return;
    try {
      this.budget.reset();
    } catch (error) {
      return this.#fail(error);
    }
    this.reset(channel, code);
    this.endedByPeer(channel, { kind: "reset", by: "engine", code, message });
    this.wake();
  }

  /** The same, found in what is being told. Too many of them end the connection. */
  streamError(channel: PlatformChannel, code: number, message: string): void {
    if (this.over) return;
    try {
      this.budget.reset();
    } catch (error) {
      return this.#fail(error);
    }
    this.reset(channel, code);
    this.cut(channel, { kind: "reset", by: "engine", code, message });
  }

  /** The runtime's stream is gone. Whatever ended it had to be seen on the wire before. */
  nativeClosed(channel: PlatformChannel): void {
    this.hushed.delete(channel.id);
    this.#owing.delete(channel.id);
    if (this.channels.get(channel.id) !== channel || channel.faulty) return;
    // Where the whole session ends, Bun closes its streams first.
    setImmediate(() => {
      if (this.over || this.channels.get(channel.id) !== channel) return;
      const message = "the runtime closed the stream";
      this.endedByPeer(channel, { kind: "reset", by: "engine", code: INTERNAL_ERROR, message });
      channel.advance();
      this.wake();
    });
  }

  /** Server: the runtime has a request. */
  #requested(native: NativeStream, fields: Fields): void {
    const id = native.id!;
    const channel = this.over ? undefined : this.channels.get(id);
    if (channel === undefined) {
      native.on("error", () => {});
      native.on("close", () => this.hushed.delete(id));
      setImmediate(() => native.destroy());
      return;
    }
    channel.attach(native);
    const wrong = channel.requested(fields);
    if (wrong !== undefined) {
      this.streamError(channel, wrong.code, wrong.message);
      this.orphaned = undefined;
      return;
    }
    this.#announce(channel, [...fields]);
    this.wake();
  }

  #announce(channel: PlatformChannel, fields: Fields): void {
    this.orphaned = undefined;
    let handler: ChannelHandler;
    try {
      handler = this.handler!.channel(channel, fields, (channel.flags & IN_BARE) !== 0 ? "none" : "body");
    } catch (error) {
      report(error);
      channel.reset(INTERNAL_ERROR);
      this.orphaned = undefined;
      return;
    }
    channel.handler = handler;
    if ((channel.flags & CLOSED) !== 0) {
      const fault = this.orphaned;
      this.orphaned = undefined;
      guard(() => handler.close(fault));
    } else channel.advance();
  }

  // ---- the end

  #tellLate(turn: 0 | 1): void {
    if (this.#late.size === 0) return;
    this.#lateTurns += turn;
    for (const channel of [...this.#late]) {
      // A request that the runtime has refused is never told; one that it has not, in the next turn.
      const patience = channel.handler === undefined ? 2 : PATIENCE;
      if (channel.toldAll || this.#lateTurns >= patience) channel.tellFault();
    }
    if (this.#late.size > 0) this.#patience();
  }

  #patience(): void {
    if (this.#lateScheduled) return;
    this.#lateScheduled = true;
    setImmediate(() => {
      this.#lateScheduled = false;
      if (this.over) return;
      this.#tellLate(1);
      this.wake();
      if (this.#lost === undefined) return;
      this.#lateTurns++;
      this.#concludeLost();
    });
  }

  /** Tells what the owner could not be told from within its own calls, and looks whether the end has come. */
  #settle(): void {
    do {
      while (this.#finished.length > 0) {
        const finished = this.#finished;
        this.#finished = [];
        for (const channel of finished) channel.close(undefined);
      }
      if (this.over) return;
      if (this.sender.flying + this.out.waiting > this.#maxQueued) {
        return this.#fail(new H2Error(ENHANCE_YOUR_CALM, "control frames that the peer does not read"));
      }
      if (this.full && this.openable > 0) {
        this.full = false;
        guard(() => this.handler?.available());
      }
    } while (this.#finished.length > 0);
    if (this.over || this.ending || this.channels.size > 0) return;
    if (this.leaving === "final") this.ending = true;
    else if (this.wentAway !== undefined) {
      this.#leaveWith(NO_ERROR);
      this.ending = true;
    }
  }

  /** Ends the connection over an error of the peer's, or of the runtime's. */
  fail(error: H2Error): void {
    this.#fail(error);
  }

  #fail(error: unknown): void {
    if (this.over) return;
    const known = error instanceof H2Error ? error : new H2Error(INTERNAL_ERROR, String(error));
    writeGoaway(this.out, this.ids.lastPeer, known.code);
    this.#end(closedBy(known));
  }

  #end(error: Error | undefined): void {
    this.over = true;
    this.#fromPeer.stopped = true;
    this.#fromNative.stopped = true;
    this.sender.clear();
    const channels = [...this.#finished, ...this.channels.values()];
    if (channels.length > 0) {
      const cause = error ?? new ConnectionClosedError("the connection was closed");
      const fault: ChannelFault = { kind: "lost", cause };
      for (const channel of channels) this.cut(channel, fault);
    }
    this.pings.clear();
    this.#endedBy = error;
    guard(() => this.handler?.close(error));
    this.#host.over(error);
    // Destroyed inside a callback of one of its streams, the session takes the process with it: Node 24 and 26.
    if (this.rules.destroy === "at once") this.#native.destroy();
    else setImmediate(() => this.#native.destroy());
  }
}
