// Every way to close a connection and a listener.
import { systemClock } from "../../../src/adapter/clock.ts";
import type { Connection, ConnectionHandler } from "../../../src/adapter/contract.ts";
import { portableEngine } from "../../../src/adapter/http2/engine.ts";
import * as certs from "../../support/certs.ts";

const post = [":method", "POST", ":scheme", "https", ":authority", "localhost", ":path", "/"];
const silent = { headers() {}, data() {}, end() {}, accepted() {}, close() {} };
const handler = (closed: () => void): ConnectionHandler => ({
  channel: () => silent,
  available() {},
  goaway() {},
  close: closed,
});

const ends: ((client: Connection, server: Connection) => void)[] = [
  (client) => client.goaway(),
  (_, server) => server.goaway(),
  (client) => client.destroy(),
  (_, server) => server.destroy(),
  (client, server) => {
    client.open(post, silent);
    client.ping(60_000).catch(() => {});
    server.ping(60_000).catch(() => {});
    client.destroy();
  },
];
for (const end of ends) {
  let accepted: (server: Connection) => void = () => {};
  let closed = (): void => {};
  const both = new Promise<void>((resolve) => {
    let left = 2;
    closed = () => void (--left === 0 && resolve());
  });
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
      return handler(closed);
    },
  });
  const client = await portableEngine.connect({
    ...common,
    port: listener.addr.port,
    servername: "localhost",
    trust: { mode: "verified", ca: certs.ca },
    timeout: 600_000,
    handler: handler(closed),
  });
  end(client, await accepting);
  await both;
  await listener.close();
}
console.log("closed");
