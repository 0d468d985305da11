/**
 * One end of attacked connections, in a process of its own, since they may take it down. Arguments: `server OVER`, which
 * prints `listening PORT`, or `client OVER PORT`, which connects again whenever its connection is gone; OVER is `bare` for
 * node:http2 as it comes, or `engine` for ours. Prints `gone` after each connection; when its input ends it takes out the
 * garbage, prints `alive` and exits. @module
 */
import { Buffer } from "node:buffer";
import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { systemClock } from "../../../../src/adapter/clock.ts";
import type { ConnectionHandler } from "../../../../src/adapter/contract.ts";
import { platformEngine } from "../../../../src/adapter/node_http2/engine.ts";
import * as certs from "../../../support/certs.ts";
import { connecting, ear, ok, post } from "../../contract/setup.ts";

/** Large, which is what the trigger with a reset wants (RUNTIMES.md, D2). */
const STREAM_WINDOW = 1 << 20;
const CONNECTION_WINDOW = 16 << 20;
/** Streams that a client opens on each connection. */
const STREAMS = 5;
/** More than the window of the other side holds. */
const BODY = Buffer.alloc(STREAM_WINDOW, 7);

const [role, over, port] = process.argv.slice(2);
const gone = (): void => console.log("gone");
const settings = { initialWindowSize: STREAM_WINDOW, enablePush: false };

if (over === "bare") role === "server" ? bareServer() : bareClient();
else if (role === "server") await engineServer();
else await engineClient();

process.stdin.resume().on("end", () => {
  (globalThis as { gc?: () => void }).gc?.();
  setTimeout(() => {
    console.log("alive");
    process.exit(0);
  }, 50);
});

/** What a relay does: sends back what comes, and ends when the other side does. */
function bareEcho(stream: http2.Http2Stream): void {
  stream.on("error", () => {});
  stream.on("data", (chunk: Uint8Array) => void stream.write(chunk));
  stream.on("end", () => stream.end());
}

function bareSession(session: http2.Http2Session): void {
  session.on("error", () => {});
  session.on("close", gone);
}

function bareServer(): void {
  const { cert, key } = certs.server;
  const server = http2.createSecureServer({ cert, key, settings: { initialWindowSize: STREAM_WINDOW } });
  server.on("sessionError", () => {});
  server.on("session", (session) => {
    session.setLocalWindowSize(CONNECTION_WINDOW);
    bareSession(session);
  });
  server.on("stream", (stream) => {
    stream.respond({ ":status": 200 });
    bareEcho(stream);
    stream.write(BODY);
  });
  server.listen(0, "127.0.0.1", () => console.log(`listening ${(server.address() as AddressInfo).port}`));
}

function bareClient(): void {
  const session = http2.connect(`https://localhost:${port}`, { ca: certs.ca, settings });
  bareSession(session);
  session.on("connect", () => session.setLocalWindowSize(CONNECTION_WINDOW));
  session.on("close", () => setImmediate(bareClient));
  session.on("remoteSettings", () => {
    // The trigger without streams has a limit of none.
    if (session.remoteSettings?.maxConcurrentStreams === 0) return;
    const open = (left: number): void => {
      if (left === 0 || session.closed) return;
      const stream = session.request({ ":method": "POST", ":path": "/" });
      bareEcho(stream);
      stream.on("close", () => setImmediate(open, left - 1));
      stream.write(BODY);
    };
    open(STREAMS);
  });
}

async function engineServer(): Promise<void> {
  const listener = await platformEngine.listen({
    hostname: "127.0.0.1",
    port: 0,
    identity: certs.server,
    settings: { window: STREAM_WINDOW },
    clock: systemClock,
    handshakeTimeout: 10_000,
    maxHandshakes: 100,
    admit: () => true,
    accept: () => ({
      channel(channel) {
        const handler = ear();
        handler.channel = channel;
        channel.respond(ok);
        channel.write(BODY);
        return handler;
      },
      available() {},
      goaway() {},
      close: gone,
    }),
    failed: (_, error) => console.error(error),
  });
  console.log(`listening ${listener.addr.port}`);
}

async function engineClient(): Promise<void> {
  const handler: ConnectionHandler = {
    channel: () => {
      throw new Error("a client was asked for something");
    },
    available() {},
    goaway() {},
    close() {
      gone();
      void engineClient();
    },
  };
  const options = { ...connecting(Number(port)), settings: { window: STREAM_WINDOW }, handler };
  // A listener that is closing refuses the last attempt.
  const connection = await platformEngine.connect(options).catch(() => undefined);
  if (connection === undefined) return;
  for (let i = 0; i < STREAMS && connection.openable > 0; i++) {
    const stream = ear();
    stream.channel = connection.open(post("/"), stream);
    stream.channel.write(BODY);
    await stream.gone;
  }
}
