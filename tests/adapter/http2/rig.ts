/** A session with a peer of frames: what is fed and what comes out, line by line. @module */
import type {
  Channel,
  ChannelFault,
  ChannelHandler,
  ConnectionHandler,
  EngineSettings,
  Fields,
} from "../../../src/adapter/contract.ts";
import { resolveSettings } from "../../../src/adapter/http2/limits.ts";
import { Session } from "../../../src/adapter/http2/session.ts";
import {
  ACK,
  concat,
  type Frame,
  parseFrames,
  PING,
  PREFACE,
  settings,
  settingsAck,
  show,
} from "../../support/frames.ts";

export interface RigOptions {
  readonly settings?: EngineSettings;
  /** The peer's first SETTINGS. */
  readonly peer?: Readonly<Record<number, number>>;
  /** Says what the owner does at an event, after it was noted. */
  readonly on?: (event: string, channel: Channel, rig: Rig) => void;
  /** What the owner says to a piece of DATA. */
  readonly use?: (chunk: Uint8Array) => "used" | void;
  /** Give consumed bytes back at once. Default true. */
  readonly consume?: boolean;
  /** Before SETTINGS are exchanged. */
  readonly bare?: boolean;
}

export interface Rig {
  readonly session: Session;
  readonly role: "client" | "server";
  /** Milliseconds. */
  readonly time: { now: number };
  /** What the owner heard since the last look: "1 data hello", "1 close reset 8 peer", "goaway 0 5", "closed". */
  heard(): string[];
  /** Frames sent since the last look, flushed. */
  sent(): string[];
  /** The same as frames. */
  frames(): Frame[];
  /** Lets the peer send, in one piece, and flushes. */
  feed(...frames: readonly Uint8Array[]): void;
  /** Flushes output without the transport having taken it. */
  flush(): void;
  /** Whether writes are reported as gone at once. Default true. */
  draining: boolean;
  channel(id: number): Channel;
  /** Opens a client's stream whose events are noted. */
  open(fields?: Fields, body?: "none"): Channel;
  /** How often the host was woken, and how it ended. */
  readonly woken: { count: number };
  readonly overs: (Error | undefined)[];
}

export const GET: Fields = [":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a"];

export function rig(role: "client" | "server", options: RigOptions = {}): Rig {
  const events: string[] = [];
  const output: Uint8Array[] = [];
  const channels = new Map<number, Channel>();
  const time = { now: 0 };
  const woken = { count: 0 };
  const overs: (Error | undefined)[] = [];
  let greeting = role === "client" ? PREFACE.length : 0;

  function note(id: number, event: string): void {
    events.push(`${id} ${event}`);
    options.on?.(event, channels.get(id)!, self);
  }
  function handlerOf(id: () => number): ChannelHandler {
    return {
      headers: (fields, kind) => note(id(), `${kind} ${fields.join(" ")}`),
      informational: (fields) => note(id(), `informational ${fields.join(" ")}`),
      data(chunk) {
        if (options.consume !== false) channels.get(id())!.consume(chunk.length);
        note(id(), `data ${chunk.length > 32 ? chunk.length : new TextDecoder().decode(chunk)}`);
        return options.use?.(chunk);
      },
      end: () => note(id(), "end"),
      accepted: () => note(id(), "accepted"),
      close: (fault) => note(id(), `close${showFault(fault)}`),
    };
  }
  const owner: ConnectionHandler = {
    channel(channel, fields, body) {
      channels.set(channel.id, channel);
      note(channel.id, `${body} ${fields[1]}`);
      return handlerOf(() => channel.id);
    },
    available: () => void events.push("available"),
    goaway: (code, lastId) => void events.push(`goaway ${code} ${lastId}`),
    close: (error) => void events.push(`closed${error === undefined ? "" : ` ${error.message}`}`),
  };
  const session = new Session(role, resolveSettings(options.settings), () => time.now, {
    wake: () => void woken.count++,
    ready: () => owner,
    over: (error) => {
      overs.push(error);
      self.flush();
    },
  });
  const self: Rig = {
    session,
    role,
    time,
    draining: true,
    woken,
    overs,
    heard: () => events.splice(0),
    frames() {
      self.flush();
      let bytes = concat(...output.splice(0));
      bytes = bytes.subarray(Math.min(greeting, bytes.length));
      greeting = 0;
      return parseFrames(bytes);
    },
    sent: () => self.frames().map(show),
    feed(...frames) {
      session.receive(concat(...frames));
      self.flush();
    },
    flush() {
      for (let out = session.takeOutput(); out !== undefined; out = session.takeOutput()) {
        output.push(out.slice());
        if (self.draining) session.wrote();
      }
    },
    channel: (id) => channels.get(id)!,
    open(fields = GET, body) {
      const channel = session.open(fields, handlerOf(() => channel.id), body);
      channels.set(channel.id, channel);
      return channel;
    },
  };
  if (options.bare === true) return self;
  self.feed(role === "server" ? PREFACE : new Uint8Array(0), settings(options.peer), settingsAck());
  self.frames();
  return self;
}

function showFault(fault: ChannelFault | undefined): string {
  if (fault === undefined) return "";
  if (fault.kind === "reset") return ` reset ${fault.code} ${fault.by}`;
  return fault.kind === "aborted" ? ` aborted ${fault.code}` : ` ${fault.kind}`;
}

/** Answers the PING that went out last. */
export function answer(frames: readonly Frame[]): Uint8Array {
  const sent = frames.findLast((frame) => frame.type === PING && (frame.flags & ACK) === 0)!;
  return concat(Uint8Array.of(0, 0, 8, PING, ACK, 0, 0, 0, 0), sent.payload);
}
