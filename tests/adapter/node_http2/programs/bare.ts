/**
 * The runtime's `node:http2` as everybody uses it, against the same raw peers: what the rules are there for. Prints what
 * became of it, unless the process dies. @module
 */
import { Buffer } from "node:buffer";
import { type ClientHttp2Stream, connect, createSecureServer, type Http2Session, type Http2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { certs, raw } from "./support.ts";

const { DATA, frame, HEADERS, headers, PING, PREFACE, request, RST_STREAM, settings } = raw;
const { settingsAck, words } = raw;
const [trigger = ""] = process.argv.slice(2);
const t = { signal: new AbortController().signal, cleanup(): void {} };
const ok = [":status", "200"];
async function client(options: object = {}): Promise<{ session: ReturnType<typeof connect>; peer: raw.RawPeer }> {
  const { port, next } = await raw.rawServer(t);
  const session = connect(`https://127.0.0.1:${port}`, { ca: certs.ca, servername: "localhost", ...options });
  session.on("error", () => {});
  const peer = await next();
  peer.send(settings, settingsAck);
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  return { session, peer };
}

async function server(): Promise<raw.RawPeer> {
  const { cert, key } = certs.server;
  const listening = createSecureServer({ cert, key });
  listening.on("session", (session) => session.on("error", () => {}));
  listening.on("stream", (stream) => {
    stream.on("error", () => {});
    stream.on("data", () => {});
    stream.respond({ ":status": 200 });
  });
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const peer = await raw.rawClient(t, (listening.address() as AddressInfo).port);
  peer.send(PREFACE, settings, settingsAck);
  return peer;
}

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
  for (let before = -1; before < moved && moved < 80 << 20;) {
    before = moved;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
  return moved === 80 << 20 ? "whole" : "stalled";
}

console.log(`result ${await TRIGGERS[trigger]!()}`);
process.exit(0);
