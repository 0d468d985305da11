/**
 * What each frame of the peer does, and what of it the runtime gets: header blocks whole and data as it comes, in frames
 * of our own. Connection errors are thrown. @module
 */
import { writePing, writeWindowUpdate } from "../http2/control.ts";
import {
  codeName,
  FLOW_CONTROL_ERROR,
  guard,
  H2Error,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  STREAM_CLOSED,
} from "../http2/errors.ts";
import {
  ACK,
  DEFAULT_WINDOW,
  END_STREAM,
  GOAWAY,
  MAX_31,
  MAX_MAX_FRAME,
  MIN_MAX_FRAME,
  readUint32,
  RST_STREAM,
  SETTINGS,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_HEADER_TABLE_SIZE,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_FRAME_SIZE,
  writeUint32,
} from "../http2/frames.ts";
import type { DataOwner, FrameSink } from "../http2/receiver.ts";
import { HEADED, IN_BARE, IN_ENDED, PlatformChannel, RESPONDED } from "./channel.ts";
import { writeBlock } from "./header_block.ts";
import type { Session } from "./session.ts";

const NOTHING = new Uint8Array(0);

export class Inbound implements FrameSink, DataOwner {
  readonly #session: Session;
  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE as far as it has reached the channels. */
  #appliedWindow = DEFAULT_WINDOW;
  #acknowledged = false;
  /** What streams may get beyond our window until the peer knows it (section 6.9.2). */
  readonly #leniency: number;
  #connectionUnused = MAX_31;
  /** Whose DATA frame is being read, what of it is to come, and whether it is the last. */
  #channel: PlatformChannel | undefined;
  #left = 0;
  #last = false;

  constructor(session: Session) {
    this.#session = session;
    this.#leniency = Math.max(0, DEFAULT_WINDOW - session.settings.window);
  }

  onDataStart(id: number, length: number): DataOwner | undefined {
    this.#chargeConnection(length);
    const session = this.#session;
    const channel = session.channels.get(id);
    if (channel === undefined) {
      this.#stray(id, "DATA");
      return undefined;
    }
    if (channel.faulty) return undefined;
    if ((channel.flags & IN_ENDED) !== 0) session.wrong(channel, STREAM_CLOSED, "DATA after END_STREAM");
    else if (!channel.hasHeaders) session.wrong(channel, PROTOCOL_ERROR, "DATA before the response");
    else if (!channel.window.charge(length, this.#acknowledged ? 0 : this.#leniency)) {
      session.wrong(channel, FLOW_CONTROL_ERROR, "DATA beyond the stream's window");
    } else {
      this.#channel = channel;
      return this;
    }
    return undefined;
  }

  onDataLength(_owner: DataOwner, payload: number, endStream: boolean): boolean {
    if (payload === 0 && !endStream) this.#session.budget.empty();
    this.#left = payload;
    this.#last = endStream;
    return true;
  }

  padding(length: number): void {
    this.#channel!.padding(length);
  }

  // As it comes: Deno and Bun deliver a frame when all of it is there, and a peer may take its time.
  deliver(chunk: Uint8Array): boolean {
    const channel = this.#channel!;
    if (this.#session.channels.get(channel.id) !== channel) return true;
    this.#left -= chunk.length;
    channel.dataArrived(chunk, this.#last && this.#left === 0);
    return false;
  }

  readEnd(): void {
    const channel = this.#channel!;
    if ((channel.flags & IN_ENDED) !== 0 || this.#session.channels.get(channel.id) !== channel) return;
    channel.dataArrived(NOTHING, true);
    // There may be nothing left for the runtime to tell of.
    queueMicrotask(() => channel.advance());
  }

  onHeaders(id: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    const session = this.#session;
    let channel = session.channels.get(id);
    if (channel === undefined) {
      if (session.ids.isNew(id)) channel = this.#request(id, endStream);
      else this.#stray(id, "HEADERS");
    } else if ((channel.flags & IN_ENDED) !== 0) {
      // The runtime could not decode it and stay in step, so that it is more than the stream's error (section 5.4.2 allows it).
      throw new H2Error(STREAM_CLOSED, `HEADERS after END_STREAM on stream ${id}`);
    }
    // The end of a message that is one header block waits until that was told: Bun ends the connection over a `1xx` block
    // with END_STREAM, Deno over a content-length without content.
    const holdsEnd = endStream && channel !== undefined && !channel.hasHeaders;
    channel?.feedHeld();
    channel?.blockArrived(endStream);
    if (holdsEnd) channel!.holdEnd();
    // Whatever becomes of it: the runtime's table has to stay in step (section 4.3).
    const flags = endStream && !holdsEnd ? END_STREAM : 0;
    writeBlock(session.feed, id, bytes.subarray(start, end), flags, MAX_MAX_FRAME);
  }

  /** A header block opens a stream (server). */
  #request(id: number, endStream: boolean): PlatformChannel | undefined {
    const session = this.#session;
    if (session.leaving === "final") {
      session.hushed.add(id);
      return undefined;
    }
    session.ids.used(id);
    if (session.channels.size >= session.settings.maxStreams) {
      // Before the peer knows the limit it cannot be blamed.
      if (this.#acknowledged) session.budget.reset();
      session.hushed.add(id);
      session.ids.reset(id, "us");
      session.writeReset(id, REFUSED_STREAM);
      return undefined;
    }
    const channel = new PlatformChannel(session, id, undefined, HEADED | (endStream ? IN_BARE : 0));
    session.channels.set(id, channel);
    return channel;
  }

  onPriority(): void {
    this.#session.budget.empty();
  }

  onUnknown(): void {
    this.#session.budget.empty();
  }

  onReset(id: number, code: number): void {
    const session = this.#session;
    const channel = session.channels.get(id);
    if (channel === undefined) {
      if (session.ids.isIdle(id)) throw new H2Error(PROTOCOL_ERROR, `RST_STREAM on idle stream ${id}`);
      if (!session.ids.crossed(id)) session.budget.lateReset();
      return;
    }
    if (channel.faulty) return session.budget.lateReset();
    // A client counts none: its own streams bound them. What the server has answered costs no more than any stream.
    if ((channel.flags & RESPONDED) === 0) session.budget.reset();
    session.ids.reset(id, "peer");
    const refused = session.client && code === REFUSED_STREAM && !channel.hasHeaders;
    const message = `the peer reset the stream with ${codeName(code)}`;
    session.endedByPeer(channel, refused ? { kind: "refused", message } : { kind: "reset", by: "peer", code, message });
    if (session.rules.endings !== "shown") return;
    const at = session.feed.frame(4, RST_STREAM, 0, id);
    writeUint32(session.feed.bytes, at, code);
  }

  onSettings(bytes: Uint8Array, start: number, end: number): void {
    const session = this.#session;
    session.budget.settings();
    const shown: number[] = [];
    for (let at = start; at < end; at += 6) {
      const name = (bytes[at]! << 8) | bytes[at + 1]!;
      const value = readUint32(bytes, at + 2);
      this.#setting(name, value);
      if (name === SETTINGS_HEADER_TABLE_SIZE) shown.push(name, value);
    }
    this.#moveWindows();
    const first = session.handler === undefined;
    // From then on the runtime never waits for a window: there is only one flow control, ours.
    if (first) shown.push(SETTINGS_INITIAL_WINDOW_SIZE, MAX_31);
    this.#show(shown);
    if (!first) return;
    writeWindowUpdate(session.feed, 0, MAX_31 - DEFAULT_WINDOW);
    session.greeted();
  }

  #show(values: readonly number[]): void {
    const feed = this.#session.feed;
    let at = feed.frame(values.length * 3, SETTINGS, 0, 0);
    for (let i = 0; i < values.length; i += 2) {
      feed.bytes[at + 1] = values[i]!;
      writeUint32(feed.bytes, at + 2, values[i + 1]!);
      at += 6;
    }
  }

  #setting(name: number, value: number): void {
    const session = this.#session;
    switch (name) {
      case SETTINGS_ENABLE_PUSH:
        if (value > 1 || (session.client && value !== 0)) {
          throw new H2Error(PROTOCOL_ERROR, `SETTINGS_ENABLE_PUSH ${value}`);
        }
        return;
      case SETTINGS_MAX_CONCURRENT_STREAMS:
        session.peerMaxStreams = value;
        if (session.client && session.openable === 0) session.full = true;
        return;
      case SETTINGS_INITIAL_WINDOW_SIZE:
        if (value > MAX_31) throw new H2Error(FLOW_CONTROL_ERROR, `SETTINGS_INITIAL_WINDOW_SIZE ${value}`);
        session.peerWindow = value;
        return;
      case SETTINGS_MAX_FRAME_SIZE:
        if (value < MIN_MAX_FRAME || value > MAX_MAX_FRAME) {
          throw new H2Error(PROTOCOL_ERROR, `SETTINGS_MAX_FRAME_SIZE ${value}`);
        }
        session.peerMaxFrame = value;
    }
  }

  /** Section 6.9.2: every stream's window moves with the setting, below zero if need be. */
  #moveWindows(): void {
    const difference = this.#session.peerWindow - this.#appliedWindow;
    this.#appliedWindow = this.#session.peerWindow;
    if (difference === 0) return;
    for (const channel of this.#session.channels.values()) this.#credit(channel, difference, "the connection");
  }

  onSettingsAck(): void {
    if (this.#acknowledged) return this.#session.budget.settings();
    this.#acknowledged = true;
    this.#session.feed.frame(0, SETTINGS, ACK, 0);
  }

  onPing(bytes: Uint8Array, start: number): void {
    this.#session.budget.ping();
    writePing(this.#session.out, ACK, readUint32(bytes, start), readUint32(bytes, start + 4));
  }

  onPingAck(bytes: Uint8Array, start: number): void {
    if (!this.#session.pingAnswered(readUint32(bytes, start), readUint32(bytes, start + 4))) {
      this.#session.budget.ping();
    }
  }

  onGoaway(lastId: number, code: number): void {
    const session = this.#session;
    if (session.handler === undefined) return session.refused(code);
    session.budget.settings();
    const last = Math.min(lastId, session.wentAway?.lastId ?? MAX_31);
    session.wentAway = { code, lastId: last };
    if (session.rules.endings === "shown") {
      const at = session.feed.frame(8, GOAWAY, 0, 0);
      writeUint32(session.feed.bytes, at, lastId);
      writeUint32(session.feed.bytes, at + 4, code);
    }
    guard(() => session.handler!.goaway(code, last));
    if (!session.client || session.over) return;
    const message = `the peer sent GOAWAY ${codeName(code)} and did not look at the stream`;
    for (const channel of [...session.channels.values()]) {
      if (channel.id <= last || channel.faulty) continue;
      session.ids.reset(channel.id, "us");
      session.endedByPeer(channel, { kind: "refused", message });
    }
  }

  onWindowUpdate(id: number, increment: number): void {
    const session = this.#session;
    if (id === 0) {
      if (increment === 0) throw new H2Error(PROTOCOL_ERROR, "WINDOW_UPDATE of 0 on the connection");
      if ((session.sender.window += increment) > MAX_31) {
        throw new H2Error(FLOW_CONTROL_ERROR, "the connection's window is above 2^31-1");
      }
      return;
    }
    const channel = session.channels.get(id);
    if (channel === undefined) {
      if (session.ids.isIdle(id)) throw new H2Error(PROTOCOL_ERROR, `WINDOW_UPDATE on idle stream ${id}`);
    } else if (increment === 0) session.wrong(channel, PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
    else this.#credit(channel, increment, "the stream");
  }

  #credit(channel: PlatformChannel, difference: number, scope: "the stream" | "the connection"): void {
    const credit = channel.credit += difference;
    if (credit > MAX_31) {
      if (scope === "the connection") throw new H2Error(FLOW_CONTROL_ERROR, "SETTINGS raise a window above 2^31-1");
      return this.#session.wrong(channel, FLOW_CONTROL_ERROR, "the stream's window is above 2^31-1");
    }
    if (credit > 0) this.#session.sender.enqueue(channel);
  }

  /** The connection's window is given back as it is used: no stream that is not read holds up another. */
  #chargeConnection(length: number): void {
    this.#connectionUnused -= length;
    if (this.#connectionUnused >= MAX_31 >>> 1) return;
    if (this.#connectionUnused < 0) throw new H2Error(FLOW_CONTROL_ERROR, "DATA beyond the connection's window");
    this.#session.sendWindowUpdate(0, MAX_31 - this.#connectionUnused);
    this.#connectionUnused = MAX_31;
  }

  /** A frame of a stream that is idle or closed (section 5.1). */
  #stray(id: number, frame: "DATA" | "HEADERS"): void {
    if (this.#session.ids.judge(id, frame) === "refuse") this.#session.refuse(id, STREAM_CLOSED);
  }
}
