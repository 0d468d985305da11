/**
 * The runtime's `node:http2` as everybody uses it, against the same raw peers: what the rules are there for. Prints what
 * became of it, unless the process dies. @module
 */
import { Buffer } from "node:buffer";
import {
  type ClientHttp2Stream,
  connect,
  createSecureServer,
  type Http2Session,
  type Http2Stream,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import type { TLSSocket } from "node:tls";
import { stalled } from "../../../support/stalled.ts";
import { certs, raw } from "./support.ts";

const { DATA, frame, HEADERS, headers, PING, PREFACE, request, RST_STREAM, settings } = raw;
const { settingsAck, words } = raw;
const [trigger = ""] = process.argv.slice(2);
const t = { signal: new AbortController().signal, cleanup(): void {} };
const ok = [":status", "200"];

/** A session of the client role, which knows nothing of the peer yet. */
async function connected(options: object = {}): Promise<{ session: ReturnType<typeof connect>; peer: raw.RawPeer }> {
  const { port, next } = await raw.rawServer(t);
  const session = connect(`https://127.0.0.1:${port}`, { ca: certs.ca, servername: "localhost", ...options });
  session.on("error", () => {});
  return { session, peer: await next() };
}

async function client(options: object = {}): Promise<{ session: ReturnType<typeof connect>; peer: raw.RawPeer }> {
  const both = await connected(options);
  both.peer.send(settings, settingsAck);
  await new Promise((resolve) => both.session.once("remoteSettings", resolve));
  return both;
}

function answer(stream: ServerHttp2Stream): void {
  stream.on("error", () => {});
  stream.on("data", () => {});
  stream.respond({ ":status": 200 });
}

async function listen(
  options: object = {},
  onStream: (stream: ServerHttp2Stream) => void = answer,
  onSession: (session: ServerHttp2Session) => void = () => {},
): Promise<number> {
  const { cert, key } = certs.server;
  const listening = createSecureServer({ cert, key, ...options });
  listening.on("session", (session) => {
    session.on("error", () => {});
    onSession(session);
  });
  listening.on("stream", onStream);
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  return (listening.address() as AddressInfo).port;
}

async function server(...how: Parameters<typeof listen>): Promise<raw.RawPeer> {
  const peer = await raw.rawClient(t, await listen(...how));
  peer.send(PREFACE, settings, settingsAck);
  return peer;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const post = { ":method": "POST", ":path": "/" };

async function answered(peer: raw.RawPeer): Promise<boolean> {
  peer.send(frame(PING, 0, 0, words(1, 2)));
  return await peer.frame(PING).then(() => true, () => false);
}

async function exchange(session: ReturnType<typeof connect>, peer: raw.RawPeer, said: Uint8Array[]): Promise<string[]> {
  const log: string[] = [];
  const stream: ClientHttp2Stream = session.request({ ":method": "POST", ":path": "/" });
  for (const event of ["response", "data", "end", "aborted", "error", "close"]) stream.on(event, () => log.push(event));
  await peer.frame(HEADERS);
  peer.send(...said);
  await new Promise((resolve) => stream.once("close", resolve));
  return log;
}

const TRIGGERS: Record<string, () => Promise<unknown>> = {
  async "reset-burst"() {
    const peer = await server();
    for (let id = 1; id < 3_001; id += 2) peer.send(headers(id, request), frame(RST_STREAM, 0, id, words(8)));
    return await answered(peer) ? "goes on" : "ended";
  },
  /** A1: what a stream tells that was cut after half of its body. */
  async cut() {
    const { session, peer } = await client();
    const half = (id: number): Uint8Array[] => [headers(id, ok), frame(DATA, 0, id, Buffer.alloc(50))];
    const zero = await exchange(session, peer, [...half(1), frame(RST_STREAM, 0, 1, words(0))]);
    return zero.join();
  },
  /** A3: the streams that a server allows, given up, and as many again at once. The code with which one is refused. */
  async edge() {
    const peer = await server({ settings: { maxConcurrentStreams: 50 } });
    await peer.frame(raw.SETTINGS);
    const ids = Array.from({ length: 50 }, (_, i) => 1 + 2 * i);
    peer.send(...ids.map((id) => headers(id, request)));
    for (const _ of ids) await peer.frame(HEADERS);
    peer.send(...ids.map((id) => frame(RST_STREAM, 0, id, words(8))), ...ids.map((id) => headers(id + 100, request)));
    const refused = peer.frame(RST_STREAM).then(({ payload }) => `refused ${payload.readUInt32BE(0)}`);
    return await Promise.race([refused, pause(500).then(() => "taken")]);
  },
  /** RST_STREAM with a code other than 0 and 8, and nobody who listens for `error`. */
  async unheard() {
    const { session, peer } = await client();
    session.request(post);
    await peer.frame(HEADERS);
    peer.send(frame(RST_STREAM, 0, 1, words(2)), frame(PING, 0, 0, words(1, 2)));
    await peer.frame(PING);
    await pause(200);
    return "alive";
  },
  /** What the answer to a PING is said to have taken, and how many a peer may owe. */
  async ping() {
    const { session, peer } = await client();
    const took = new Promise<number>((resolve) => session.ping((_error, duration) => resolve(duration)));
    const { payload } = await peer.frame(PING);
    await pause(5);
    peer.send(frame(PING, 1, 0, payload));
    const duration = await took;
    let called = 0, sent = 0;
    for (let i = 0; i < 30; i++) if (session.ping(() => called++)) sent++;
    await pause(200);
    const kind = duration === 0 ? "nothing" : Number.isInteger(duration) ? "whole" : "exact";
    return [kind, sent, called - (30 - sent) > 0 ? "called" : "never called"].join();
  },
  /** TLS, and then not a word. */
  async silence() {
    const peer = await raw.rawClient(t, await listen({ unknownProtocolTimeout: 100 }));
    return await Promise.race([peer.closed.then(() => "closed"), pause(1_000).then(() => "open")]);
  },
  /** `request` after GOAWAY, and after `close`. */
  async late() {
    const results: string[] = [];
    for (const how of ["goaway", "close"]) {
      const { session, peer } = await client();
      session.request(post).on("error", () => {});
      await peer.frame(HEADERS);
      if (how === "close") session.close();
      else {
        const told = new Promise((resolve) => session.once("goaway", resolve));
        peer.send(frame(raw.GOAWAY, 0, 0, words(1, 0)));
        await told;
      }
      try {
        const stream = session.request(post);
        results.push(await Promise.race([once(stream, "error").then(() => "emits"), pause(500).then(() => "nothing")]));
      } catch {
        results.push("throws");
      }
    }
    return results.join();
  },
  /** The limit of streams, before the peer's SETTINGS. */
  async unknown() {
    const { session, peer } = await connected();
    if (session.connecting) await once(session, "connect");
    let before: unknown;
    try {
      before = session.remoteSettings?.maxConcurrentStreams;
    } catch {
      before = "throws";
    }
    const told = once(session, "remoteSettings");
    peer.send(frame(raw.SETTINGS, 0, 0, [0, 3, 0, 0, 0, 7]));
    await told;
    return [String(before), session.remoteSettings?.maxConcurrentStreams].join();
  },
  /** More streams than the peer allows. */
  async beyond() {
    const { session, peer } = await connected();
    peer.send(frame(raw.SETTINGS, 0, 0, [0, 3, 0, 0, 0, 1]), settingsAck);
    await once(session, "remoteSettings");
    const log: string[] = [];
    for (let i = 0; i < 2; i++) {
      const stream = session.request(post);
      for (const event of ["error", "close", "aborted"]) stream.on(event, () => log.push(event));
      await (i === 0
        ? peer.frame(HEADERS)
        : Promise.race([peer.frame(HEADERS).then(() => log.push("sent")), pause(300)]));
    }
    return log.join() || "silence";
  },
  /** What a server allows that was not told. */
  async limit() {
    const peer = await server();
    const { payload } = await peer.frame(raw.SETTINGS);
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) === 3) return payload.readUInt32BE(at + 2);
    }
    return "none";
  },
  /** How long 200 ms are. */
  async timeout() {
    const { session } = await client();
    const began = performance.now();
    await new Promise<void>((resolve) => session.setTimeout(200, resolve));
    return Math.round(performance.now() - began);
  },
  /** Whether a client without a certificate, which none was asked of, is authorized. */
  async authorized() {
    return await new Promise((resolve) =>
      void server({}, answer, (session) => resolve((session.socket as TLSSocket).authorized))
    );
  },
  /** A server that ends its side and does not read the other. */
  async unread() {
    const peer = await server({}, (stream) => {
      stream.on("error", () => {});
      stream.respond({ ":status": 200 });
      stream.end("x");
    });
    peer.send(headers(1, request));
    const reset = peer.frame(RST_STREAM).then(({ payload }) => `reset ${payload.readUInt32BE(0)}`);
    return await Promise.race([reset, pause(500).then(() => "open")]);
  },
  async errno() {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const second = createServer();
    return await new Promise((resolve) => {
      second.on("error", ({ code, errno }: NodeJS.ErrnoException) => resolve(`${code},${errno}`));
      second.listen((taken.address() as AddressInfo).port, "127.0.0.1");
    });
  },
  /** N1 and B1: both ways at once between two ends with a large connection window, and with large stream windows or not. */
  bulk: () => bulk({ settings: { initialWindowSize: 64 << 20 } }),
  narrow: () => bulk({}),
};

async function bulk(windows: object): Promise<string> {
  const { cert, key } = certs.server;
  const listening = createSecureServer({ cert, key, ...windows });
  const widen = (session: Http2Session): void => {
    session.on("error", () => {});
    (session as unknown as { setLocalWindowSize(size: number): void }).setLocalWindowSize(64 << 20);
  };
  let moved = 0;
  const pump = (stream: Http2Stream, left = 40): void => {
    stream.on("error", () => {});
    stream.on("data", (chunk: Uint8Array) => void (moved += chunk.length));
    const more = (): void => {
      while (left-- > 0) if (!stream.write(Buffer.alloc(1 << 20))) return void stream.once("drain", more);
      stream.end();
    };
    more();
  };
  listening.on("session", widen);
  listening.on("stream", (stream) => {
    stream.respond({ ":status": 200 });
    pump(stream);
  });
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { port } = listening.address() as AddressInfo;
  const session = connect(`https://127.0.0.1:${port}`, { ca: certs.ca, servername: "localhost", ...windows });
  session.on("connect", () => widen(session));
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  pump(session.request({ ":method": "POST", ":path": "/" }));
  await stalled(() => moved, 2_000);
  return moved === 80 << 20 ? "whole" : "stalled";
}

console.log(`result ${await TRIGGERS[trigger]!()}`);
process.exit(0);
