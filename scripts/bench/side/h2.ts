/** Bare node:http2 with its best windows: 1 MiB for a stream, 2 MiB for the connection (RUNTIMES.md). @module */
import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { ANSWER, type ClientPeer, type Command, type PeerOptions, PIECE, type ServerPeer } from "./flow.ts";
import { eventFlow, serveEvents } from "./events.ts";

const STREAM_WINDOW = 1 << 20;
const CONNECTION_WINDOW = 2 << 20;

export function serve(options: PeerOptions): Promise<ServerPeer> {
  const { key, cert } = options;
  const settings = { initialWindowSize: STREAM_WINDOW, maxConcurrentStreams: 100_000 };
  const server = http2.createSecureServer({ key, cert, minVersion: "TLSv1.3", settings });
  server.on("session", (session) => {
    session.setLocalWindowSize(CONNECTION_WINDOW);
    session.on("error", () => {});
  });
  server.on("sessionError", () => {});
  server.on("stream", (stream, headers) => {
    const respond = () => stream.respond({ ":status": 200 });
    const path = headers[":path"];
    if (path === "/one") {
      stream.on("error", () => {});
      stream.resume();
      stream.on("end", () => {
        respond();
        stream.end(ANSWER);
      });
    } else serveEvents(stream, path?.slice(1) as Command, Number(headers["x-total"]), "framed", respond);
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => resolve({ port: (server.address() as AddressInfo).port }));
  });
}

export async function connect(options: PeerOptions, port: number): Promise<ClientPeer> {
  const settings = { initialWindowSize: STREAM_WINDOW };
  const session = http2.connect(`https://localhost:${port}`, { ca: options.ca, settings });
  await new Promise<void>((resolve, reject) => {
    session.once("remoteSettings", () => resolve());
    session.once("error", reject);
  });
  session.setLocalWindowSize(CONNECTION_WINDOW);
  const base = { ":method": "POST", ":scheme": "https", ":authority": "localhost" };
  const request = (path: string, total: number) =>
    session.request({ ...base, ":path": path, "x-total": String(total) }, { endStream: false });
  const held: http2.ClientHttp2Stream[] = [];
  return {
    flow: () => Promise.resolve(eventFlow((command, total) => request(`/${command}`, total), "framed")),
    exchange: () =>
      new Promise<number>((resolve, reject) => {
        let got = 0;
        const stream = session.request({ ...base, ":path": "/one" }, { endStream: false });
        stream.on("data", (chunk: Uint8Array) => void (got += chunk.length));
        stream.on("end", () => resolve(got));
        stream.on("error", reject);
        stream.end(PIECE.subarray(0, 1));
      }),
    async hold(count) {
      while (held.length < count) {
        await Promise.all(
          Array.from({ length: Math.min(500, count - held.length) }, () =>
            new Promise<void>((resolve, reject) => {
              const stream = request("/echo", 0);
              held.push(stream);
              stream.once("data", () => resolve());
              stream.on("error", reject);
              stream.write(PIECE.subarray(0, 1));
            })),
        );
      }
    },
    close: () => session.destroy(),
  };
}
