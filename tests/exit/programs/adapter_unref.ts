// Nothing is closed, but nothing is held either: a listener, both ends of a connection, an open stream, a PING under way.
import { systemClock } from "../../../src/adapter/clock.ts";
import type { Connection } from "../../../src/adapter/contract.ts";
import { portableEngine } from "../../../src/adapter/http2/engine.ts";
import * as certs from "../../support/certs.ts";

const post = [":method", "POST", ":scheme", "https", ":authority", "localhost", ":path", "/"];
const silent = { headers() {}, data() {}, end() {}, accepted() {}, close() {} };
const handler = { channel: () => silent, available() {}, goaway() {}, close() {} };

let accepted: (server: Connection) => void = () => {};
const accepting = new Promise<Connection>((resolve) => accepted = resolve);
const common = { clock: systemClock, hostname: "127.0.0.1" };
const listener = await portableEngine.listen({
  ...common,
  port: 0,
  identity: certs.server,
  handshakeTimeout: 600_000,
  maxHandshakes: 10,
  admit: () => true,
  failed() {},
  accept(connection) {
    accepted(connection);
    return handler;
  },
});
const client = await portableEngine.connect({
  ...common,
  port: listener.addr.port,
  servername: "localhost",
  trust: { mode: "verified", ca: certs.ca },
  timeout: 600_000,
  handler,
});
const server = await accepting;
const channel = client.open(post, silent);
channel.write(new Uint8Array(100_000));
await client.ping(10_000);
for (const one of [listener, client, server]) {
  one.unref();
  one.ref();
  one.unref();
}
client.ping(600_000).catch(() => {});
console.log("closed");
