// A connection over TLS with one exchange on it, ended in order, and a listener.
import { systemClock } from "../../../src/adapter/clock.ts";
import type { Channel, ChannelHandler, ConnectionHandler } from "../../../src/adapter/contract.ts";
import { portableEngine } from "../../../src/adapter/http2/engine.ts";
import { ca, server } from "../../support/certs.ts";

const hostname = "127.0.0.1";

function owner(closed: () => void, channel: ConnectionHandler["channel"]): ConnectionHandler {
  return { channel, available: () => {}, goaway: () => {}, close: closed };
}

function handler(channel: () => Channel, ended: () => void): ChannelHandler {
  return {
    headers: () => {},
    data: (chunk) => channel().consume(chunk.length),
    end: ended,
    accepted: () => {},
    close: () => {},
  };
}

const gone = Promise.withResolvers<void>();
const listener = await portableEngine.listen({
  hostname,
  port: 0,
  identity: server,
  clock: systemClock,
  handshakeTimeout: 600_000,
  maxHandshakes: 4,
  admit: () => true,
  accept: () =>
    owner(gone.resolve, (channel) => {
      channel.respond([":status", "200"]);
      return handler(() => channel, () => channel.end());
    }),
  failed: (_remote, error) => console.error(error),
});
const lost = Promise.withResolvers<void>();
const connection = await portableEngine.connect({
  hostname,
  port: listener.addr.port,
  servername: "localhost",
  trust: { mode: "verified", ca },
  clock: systemClock,
  timeout: 600_000,
  handler: owner(lost.resolve, () => {
    throw new Error("a client accepts no streams");
  }),
});
const answered = Promise.withResolvers<void>();
const fields = [":method", "POST", ":scheme", "https", ":authority", "localhost", ":path", "/"];
const channel = connection.open(fields, handler(() => channel, answered.resolve));
channel.write(new Uint8Array(1000));
channel.end();
await answered.promise;
await connection.ping(600_000);
connection.goaway();
await Promise.all([lost.promise, gone.promise]);
await listener.close();
console.log("closed");
