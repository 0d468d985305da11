/** The runtime's `node:http2`, as far as it is used: a session over a Duplex, header lists in its shape. @module */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Duplex } from "node:stream";
import type { Fields } from "../contract.ts";
import { MAX_31, MAX_MAX_FRAME } from "../http2/frames.ts";
import type { ResolvedSettings } from "../http2/limits.ts";
import type { Rules } from "./rules.ts";

export type NativeSession = ClientHttp2Session | ServerHttp2Session;
export type NativeStream = ClientHttp2Stream | ServerHttp2Stream;

/** What a session tells. */
export interface NativeEvents {
  /** It can be used. */
  connected(): void;
  /** Server: a request. */
  stream(stream: ServerHttp2Stream, raw: Fields): void;
  /** It is gone, by itself or because it was destroyed. */
  closed(error: Error | undefined): void;
}

/** Makes a session that never looks at a socket, and whose own flow control never holds anything up. */
export function nativeSession(
  role: "client" | "server",
  wire: Duplex,
  { limits }: ResolvedSettings,
  rules: Rules,
  events: NativeEvents,
): NativeSession {
  const options = {
    settings: {
      initialWindowSize: MAX_31,
      maxFrameSize: MAX_MAX_FRAME,
      maxConcurrentStreams: MAX_31,
      maxHeaderListSize: Math.min(limits.maxHeaderBytes, MAX_31),
      ...(role === "client" ? { enablePush: false } : {}),
    },
    maxHeaderListPairs: Math.max(limits.maxHeaders, 16),
    maxSendHeaderBlockLength: 1 << 24,
    maxSessionInvalidFrames: MAX_31,
    maxSessionRejectedStreams: MAX_31,
    maxSettings: MAX_31,
    // MiB.
    maxSessionMemory: 1 << 20,
  };
  const session: NativeSession = role === "client"
    ? connect("https://localhost", { ...options, createConnection: () => wire })
    : performServerHandshake(wire, options);
  let error: Error | undefined;
  session.on("error", (given: Error) => void (error ??= given));
  session.on("close", () => events.closed(error));
  const ready = (): void => {
    if (rules.connectionWindow !== undefined) session.setLocalWindowSize?.(rules.connectionWindow);
    events.connected();
  };
  if (role === "client") session.on("connect", ready);
  else {
    session.on("stream", (stream: ServerHttp2Stream, _headers: unknown, _flags: number, raw: Fields) => {
      events.stream(stream, raw);
    });
    ready();
  }
  return session;
}

/** A field list in the shape that `node:http2` takes. */
export function outgoing(fields: Fields): OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (typeof before === "string") headers[name] = [before, value];
    else before.push(value);
  }
  return headers;
}
