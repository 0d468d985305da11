/**
 * The payloads of control frames (RFC 9113 section 6), written into a sender. @module
 */
import {
  ACK,
  DEFAULT_WINDOW,
  GOAWAY,
  MAX_31,
  PING,
  PREFACE,
  RST_STREAM,
  SETTINGS,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_FRAME_SIZE,
  SETTINGS_MAX_HEADER_LIST_SIZE,
  WINDOW_UPDATE,
  writeUint32,
} from "./frames.ts";
import type { ResolvedSettings } from "./limits.ts";
import type { Sender } from "./sender.ts";

/** Where a frame may be written. */
export type FrameSpace = Pick<Sender, "bytes" | "frame" | "streamFrame" | "raw">;

/** What either role says first (section 3.4); the connection's window is whole from the start. */
export function writeGreeting(sender: FrameSpace, role: "client" | "server", settings: ResolvedSettings): void {
  const client = role === "client";
  if (client) sender.raw(PREFACE);
  const values = [
    SETTINGS_MAX_CONCURRENT_STREAMS,
    client ? 0 : settings.maxStreams,
    SETTINGS_INITIAL_WINDOW_SIZE,
    settings.window,
    SETTINGS_MAX_FRAME_SIZE,
    settings.maxFrame,
    SETTINGS_MAX_HEADER_LIST_SIZE,
    Math.min(settings.limits.maxHeaderBytes, MAX_31),
  ];
  if (client) values.push(SETTINGS_ENABLE_PUSH, 0);
  let at = sender.frame(values.length * 3, SETTINGS, 0, 0);
  const bytes = sender.bytes;
  for (let i = 0; i < values.length; i += 2) {
    bytes[at] = 0;
    bytes[at + 1] = values[i]!;
    writeUint32(bytes, at + 2, values[i + 1]!);
    at += 6;
  }
  const more = settings.connectionWindow - DEFAULT_WINDOW;
  if (more > 0) writeWindowUpdate(sender, 0, more);
}

export function writeSettingsAck(sender: FrameSpace): void {
  sender.frame(0, SETTINGS, ACK, 0);
}

export function writeWindowUpdate(sender: FrameSpace, id: number, increment: number): void {
  const at = sender.frame(4, WINDOW_UPDATE, 0, id);
  writeUint32(sender.bytes, at, increment);
}

export function writeReset(sender: FrameSpace, id: number, code: number): void {
  const at = sender.streamFrame(4, RST_STREAM, 0, id);
  writeUint32(sender.bytes, at, code);
}

/** `first` and `second` are its opaque data. */
export function writePing(sender: FrameSpace, flags: number, first: number, second: number): void {
  const at = sender.frame(8, PING, flags, 0);
  writeUint32(sender.bytes, at, first);
  writeUint32(sender.bytes, at + 4, second);
}

export function writeGoaway(sender: FrameSpace, lastId: number, code: number): void {
  const at = sender.frame(8, GOAWAY, 0, 0);
  writeUint32(sender.bytes, at, lastId);
  writeUint32(sender.bytes, at + 4, code);
}
