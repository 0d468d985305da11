/** Peers of the pools that speak HTTP/2 frame by frame over TLS: honest ones, but for what a test has them do. @module */
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import * as certs from "../../support/certs.ts";
import {
  ACK,
  block,
  concat,
  DATA,
  data,
  END_HEADERS,
  END_STREAM,
  type Frame,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  parseFrames,
  PING,
  PREFACE,
  RST_STREAM,
  SETTINGS,
  settings,
  settingsAck,
  uint32,
  windowUpdate,
} from "../../support/frames.ts";
import type { TestContext } from "../../support/harness.ts";

/** What a raw server does. What is left out it does as a pool does. */
export interface Script {
  /** Says nothing by itself but `greet`. */
  mute?: boolean;
  /** When TLS is done. Default: SETTINGS. */
  greet?(peer: RawPeer): void;
  /** When a stream's HEADERS have come. Default: nothing. */
  request?(peer: RawPeer, stream: RawStream): void;
  /** When a stream's first byte has come. Default: 200 and an id. */
  open?(peer: RawPeer, stream: RawStream): void;
  /** Bytes behind the first. Default: sends them back. */
  data?(peer: RawPeer, stream: RawStream, bytes: Uint8Array): void;
  /** END_STREAM. Default: ends too. */
  end?(peer: RawPeer, stream: RawStream): void;
  /** PING. Default: answers. */
  ping?(peer: RawPeer, ping: Frame): void;
}

/** A stream as the raw side sees it. */
export interface RawStream {
  /** Its HTTP/2 number. */
  readonly id: number;
  /** Which one it is on its connection, from 0. */
  readonly nth: number;
  begun: boolean;
  ended: boolean;
  /** The code of the RST_STREAM that has come. */
  reset: number | undefined;
  /** Bytes behind the first. */
  readonly received: number[];
  /** Whether a response's HEADERS have come (raw client). */
  answered: boolean;
  /** Whether the raw side has ended or reset it. */
  done: boolean;
}

/** A raw peer's side of one connection. */
export interface RawPeer {
  readonly socket: TLSSocket;
  /** Which connection of the server it is, from 0. */
  readonly nth: number;
  readonly streams: Map<number, RawStream>;
  /** The code of the GOAWAY that has come. */
  goneAway: number | undefined;
  /** PINGs that have come, and answers to own ones. */
  pings: number;
  /** Resolves when the TCP connection is over. */
  readonly closed: Promise<void>;
  readonly over: boolean;
  send(...parts: readonly Uint8Array[]): void;
  /** Resolves with the first value that is not undefined, looked for whenever a frame has come or the connection ended. */
  until<T>(look: () => T | undefined): Promise<T>;
}

/** A raw server. */
export interface RawServer {
  readonly port: number;
  readonly peers: readonly RawPeer[];
  /** What it does from now on, on every connection. */
  script: Script;
  /** The next connection. */
  next(): Promise<RawPeer>;
  /** Ends connections and the port. */
  close(): Promise<void>;
}

/** The fields of a response. */
export const OK: readonly string[] = [":status", "200"];
/** The fields of a request for a stream. */
export const POST: readonly string[] = [
  ":method",
  "POST",
  ":scheme",
  "https",
  ":authority",
  "localhost",
  ":path",
  "/stream",
];

/** 200 and an id, in one write. */
export function answer(stream: RawStream, id: number): Uint8Array {
  return concat(headers(stream.id, OK), data(stream.id, uint32(id)));
}

/** An id for every stream that nobody else has. */
export function ownId(peer: RawPeer, stream: RawStream): number {
  return stream.nth === 0 ? 0 : (peer.nth + 1) * 0x10000 + stream.nth;
}

/** A TLS server with ALPN h2 that behaves as `script` says. */
export async function rawServer(t: TestContext, script: Script = {}, port = 0): Promise<RawServer> {
  const { cert, key } = certs.server;
  const peers: RawPeer[] = [];
  const sockets = new Set<Socket>();
  let wake: ((peer: RawPeer) => void)[] = [];
  const server = createServer({ cert, key, ALPNProtocols: ["h2"], minVersion: "TLSv1.3", noDelay: true }, (socket) => {
    const peer = speak(socket, peers.length, "server", () => self.script);
    peers.push(peer);
    (self.script.greet ?? greet)(peer);
    const waiting = wake;
    wake = [];
    for (const one of waiting) one(peer);
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  const self: RawServer = {
    port: (server.address() as AddressInfo).port,
    peers,
    script,
    next: () => new Promise((resolve) => wake.push(resolve)),
    close() {
      for (const { socket } of peers) socket.destroy();
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  t.cleanup(() => self.close());
  return self;
}

/** SETTINGS, and a window for the connection that no test fills. */
function greet(peer: RawPeer): void {
  peer.send(settings(), windowUpdate(0, 0x7000_0000));
}

/** A TLS client with ALPN h2. Says the preface and SETTINGS unless told to be `"silent"`. */
export async function rawClient(t: TestContext, port: number, begin: "greets" | "silent" = "greets"): Promise<RawPeer> {
  const options = { host: "127.0.0.1", port, servername: "localhost", ca: certs.ca, ALPNProtocols: ["h2"] };
  const socket = connect({ ...options, minVersion: "TLSv1.3" });
  t.cleanup(() => socket.destroy());
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  socket.setNoDelay(true);
  const peer = speak(socket, 0, "client", () => ({ mute: begin === "silent" }));
  if (begin === "greets") peer.send(PREFACE, settings(), windowUpdate(0, 0x7000_0000));
  return peer;
}

/** Opens a stream as a client pool does; `first` undefined sends no first byte. */
export function rawOpen(peer: RawPeer, first: Uint8Array | undefined = new Uint8Array(1)): RawStream {
  const stream = newStream(peer.streams, peer.streams.size * 2 + 1);
  peer.send(headers(stream.id, POST), first === undefined ? new Uint8Array() : data(stream.id, first));
  return stream;
}

function newStream(streams: Map<number, RawStream>, id: number): RawStream {
  const stream: RawStream = {
    id,
    nth: streams.size,
    begun: false,
    ended: false,
    reset: undefined,
    received: [],
    answered: false,
    done: false,
  };
  streams.set(id, stream);
  return stream;
}

function speak(socket: TLSSocket, nth: number, role: "client" | "server", script: () => Script): RawPeer {
  let unread: Uint8Array = new Uint8Array();
  let prefaced = role === "client";
  let wake: (() => void)[] = [];
  let over = false;
  const streams = new Map<number, RawStream>();
  const news = (): void => {
    const waiting = wake;
    wake = [];
    for (const one of waiting) one();
  };
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) =>
    socket.on("close", () => {
      over = true;
      news();
      resolve();
    })
  );
  socket.on("end", () => socket.destroy());
  socket.on("data", (chunk: Uint8Array) => {
    unread = concat(unread, chunk);
    if (!prefaced) {
      if (unread.length < PREFACE.length) return;
      unread = unread.subarray(PREFACE.length);
      prefaced = true;
    }
    const whole = wholeFrames(unread);
    const come = parseFrames(unread.subarray(0, whole));
    unread = unread.slice(whole);
    for (const one of come) heard(one);
    news();
  });
  const peer: RawPeer = {
    socket,
    nth,
    streams,
    goneAway: undefined,
    pings: 0,
    closed,
    get over() {
      return over;
    },
    send(...parts) {
      const all = concat(...parts);
      note(all);
      // Of nothing, Deno makes the end of the connection.
      if (socket.writable && all.length > 0) socket.write(all);
    },
    async until(look) {
      for (;;) {
        const found = look();
        if (found !== undefined) return found;
        if (over) throw new Error("the connection ended before what was waited for");
        await new Promise<void>((resolve) => wake.push(resolve));
      }
    },
  };
  return peer;

  function note(sent: Uint8Array): void {
    for (const { type, flags, id } of parseFrames(sent.subarray(0, wholeFrames(sent)))) {
      const stream = streams.get(id);
      const ends = type === RST_STREAM || ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0);
      if (stream !== undefined && ends) stream.done = true;
    }
  }

  function heard(frame: Frame): void {
    const { type, flags, id, payload } = frame;
    const stream = streams.get(id);
    const mute = script().mute === true;
    switch (type) {
      case SETTINGS:
        if ((flags & ACK) === 0 && !mute) peer.send(settingsAck());
        break;
      case PING:
        peer.pings++;
        if ((flags & ACK) === 0 && !mute) (script().ping ?? answerPing)(peer, frame);
        break;
      case GOAWAY:
        peer.goneAway = new DataView(payload.buffer, payload.byteOffset).getUint32(4);
        break;
      case RST_STREAM:
        if (stream !== undefined) stream.reset = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
        break;
      case HEADERS:
        if (stream !== undefined) stream.answered = true;
        else if (role === "server") {
          const opened = newStream(streams, id);
          script().request?.(peer, opened);
        }
        if ((flags & END_STREAM) !== 0) end(streams.get(id)!);
        break;
      case DATA:
        if (stream !== undefined) bytes(stream, payload);
        if (stream !== undefined && (flags & END_STREAM) !== 0) end(stream);
    }
  }

  function bytes(stream: RawStream, payload: Uint8Array): void {
    if (role === "client") return void stream.received.push(...payload);
    let rest = payload;
    if (!stream.begun && payload.length > 0) {
      stream.begun = true;
      rest = payload.subarray(1);
      if (script().mute !== true) (script().open ?? giveId)(peer, stream);
    }
    stream.received.push(...rest);
    if (rest.length > 0 && !stream.done && script().mute !== true) (script().data ?? echo)(peer, stream, rest);
  }

  function end(stream: RawStream): void {
    stream.ended = true;
    if (role === "server" && stream.begun && !stream.done && script().mute !== true) {
      (script().end ?? endToo)(peer, stream);
    }
  }
}

/** The server's default for `open`. */
export function giveId(peer: RawPeer, stream: RawStream): void {
  peer.send(answer(stream, ownId(peer, stream)));
}

function echo(peer: RawPeer, stream: RawStream, bytes: Uint8Array): void {
  peer.send(data(stream.id, bytes));
}

function endToo(peer: RawPeer, stream: RawStream): void {
  peer.send(data(stream.id, new Uint8Array(), END_STREAM));
}

function answerPing(peer: RawPeer, ping: Frame): void {
  peer.send(frame(PING, ACK, 0, ping.payload));
}

/** How many of these bytes are whole frames. */
function wholeFrames(bytes: Uint8Array): number {
  let at = 0;
  while (bytes.length - at >= 9) {
    const end = at + 9 + (bytes[at]! << 16 | bytes[at + 1]! << 8 | bytes[at + 2]!);
    if (end > bytes.length) break;
    at = end;
  }
  return at;
}

/** HEADERS with a block of the test's own making. */
export function headersOf(id: number, fields: readonly string[], flags: number = END_HEADERS): Uint8Array {
  return frame(HEADERS, flags, id, block(...fields));
}
