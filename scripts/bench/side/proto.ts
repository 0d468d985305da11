/**
 * The prototype engine, through its own callbacks: the yardstick of the engine. It is found by the environment variable
 * H2POOL_PROTOTYPE, a path of its `engine.mjs`.
 *
 * @module
 */
import process from "node:process";
import { pathToFileURL } from "node:url";
import {
  ANSWER,
  answering,
  bouncing,
  type ClientPeer,
  type Command,
  countBytes,
  type Flow,
  type PeerOptions,
  PIECE,
  type ServerPeer,
} from "./flow.ts";

/** What of the prototype is used here. */
interface Stream {
  ondata: ((chunk: Uint8Array) => void) | null;
  onend: (() => void) | null;
  ondrain: (() => void) | null;
  onclose: ((error: Error | null) => void) | null;
  respond(headers: Record<string, string>): void;
  write(chunk: Uint8Array): boolean;
  end(): void;
  pause(): void;
  resume(): void;
}
interface Conn {
  onstream: (stream: Stream, headers: Record<string, string>) => void;
  onclose: ((error: Error | undefined) => void) | null;
  request(headers: Record<string, string>): Stream;
  destroy(): void;
}
interface Prototype {
  defaults: { maxStreams: number };
  listen(
    options: { port: number; key: unknown; cert: unknown; onconn: (conn: Conn) => void },
  ): Promise<{ port: number }>;
  connect(options: { port: number; ca: unknown }): Promise<Conn>;
}

async function load(): Promise<Prototype> {
  const prototype = await import(pathToFileURL(process.env.H2POOL_PROTOTYPE!).href) as Prototype;
  prototype.defaults.maxStreams = 100_000;
  return prototype;
}

export async function serve(options: PeerOptions): Promise<ServerPeer> {
  const prototype = await load();
  return await prototype.listen({
    port: 0,
    key: options.key,
    cert: options.cert,
    onconn(conn) {
      conn.onclose = () => {};
      conn.onstream = (stream, headers) => {
        const path = headers[":path"];
        if (path === "/one") {
          stream.ondata = () => {};
          stream.onend = () => {
            stream.respond({ ":status": "200" });
            stream.write(ANSWER);
            stream.end();
          };
        } else answer(stream, path!.slice(1) as Command, Number(headers["x-total"]));
      };
    },
  });
}

function answer(stream: Stream, command: Command, total: number): void {
  if (command === "echo") {
    stream.respond({ ":status": "200" });
    stream.ondata = (chunk) => {
      if (!stream.write(chunk)) stream.pause();
    };
    stream.ondrain = () => stream.resume();
    stream.onend = () => stream.end();
  } else if (command === "source") {
    stream.respond({ ":status": "200" });
    stream.ondata = () => {};
    pour(stream, total, () => {});
  } else {
    let got = 0;
    stream.ondata = (chunk) => void (got += chunk.length);
    stream.onend = () => {
      stream.respond({ ":status": "200" });
      stream.write(countBytes(got));
      stream.end();
    };
  }
}

function pour(stream: Stream, total: number, done: () => void): void {
  let left = total;
  stream.ondrain = () => {
    while (left > 0) {
      const piece = left >= PIECE.length ? PIECE : PIECE.subarray(0, left);
      left -= piece.length;
      if (!stream.write(piece) && left > 0) return;
    }
    stream.ondrain = null;
    stream.end();
    done();
  };
  stream.ondrain();
}

export async function connect(options: PeerOptions, port: number): Promise<ClientPeer> {
  const prototype = await load();
  const conn = await prototype.connect({ port, ca: options.ca });
  conn.onclose = () => {};
  const base = { ":method": "POST", ":scheme": "https", ":authority": "localhost" };
  const request = (path: string, total: number) => conn.request({ ...base, ":path": path, "x-total": String(total) });
  const held: Stream[] = [];
  return {
    flow: () => Promise.resolve(flow((command, total) => request(`/${command}`, total))),
    exchange: () =>
      new Promise<number>((resolve, reject) => {
        let got = 0;
        const stream = conn.request({ ...base, ":path": "/one" });
        stream.ondata = (chunk) => void (got += chunk.length);
        stream.onend = () => resolve(got);
        stream.onclose = (error) => error && reject(error);
        stream.write(PIECE.subarray(0, 1));
        stream.end();
      }),
    async hold(count) {
      while (held.length < count) {
        await Promise.all(
          Array.from({ length: Math.min(500, count - held.length) }, () =>
            new Promise<void>((resolve, reject) => {
              const stream = request("/echo", 0);
              held.push(stream);
              stream.ondata = () => resolve();
              stream.onclose = (error) => error && reject(error);
              stream.write(PIECE.subarray(0, 1));
            })),
        );
      }
    },
    close: () => conn.destroy(),
  };
}

function flow(begin: (command: Command, total: number) => Stream): Flow {
  let stream: Stream;
  const settled = <T>(run: (resolve: (value: T) => void) => void): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const before = stream.onclose;
      stream.onclose = (error) => {
        before?.(error);
        if (error) reject(error);
      };
      run(resolve);
    });
  return {
    begin(command, total) {
      stream = begin(command, total);
    },
    send: (total) => settled<void>((resolve) => pour(stream, total, resolve)),
    receive: () =>
      settled<number>((resolve) => {
        let got = 0;
        stream.ondata = (chunk) => void (got += chunk.length);
        stream.onend = () => resolve(got);
      }),
    bounce: (size, times) =>
      settled<void>((resolve) =>
        void (stream.ondata = bouncing(size, times, (message) => stream.write(message), resolve))
      ),
    answer: () => settled<number>((resolve) => void (stream.ondata = answering(resolve))),
    finish: () => stream.end(),
  };
}
