/** Both ends of a connection whose owners' callbacks all throw. Prints what was reported, and what still worked. @module */
import process from "node:process";
import { systemClock } from "../../../src/adapter/clock.ts";
import type { Channel, ChannelHandler, ConnectionHandler } from "../../../src/adapter/contract.ts";
import { portableEngine } from "../../../src/adapter/http2/engine.ts";
import * as certs from "../../support/certs.ts";

const reported: string[] = [];
process.on("uncaughtException", (error) => void reported.push(error.message));

const events: string[] = [];
let wake = (): void => {};
/** Notes and throws. */
function event(name: string): never {
  events.push(name);
  wake();
  throw new Error(name);
}
async function heard(...names: string[]): Promise<void> {
  while (!names.every((name) => events.includes(name))) await new Promise<void>((resolve) => wake = resolve);
}

function throwing(side: string, onData: (n: number) => void): ChannelHandler {
  return {
    headers: (_, kind) => event(`${side} ${kind}`),
    informational: () => event(`${side} informational`),
    data(chunk) {
      onData(chunk.length);
      event(`${side} data`);
    },
    end: () => event(`${side} end`),
    accepted: () => event(`${side} accepted`),
    close: (fault) => event(`${side} close ${fault?.kind ?? "in order"}`),
  };
}
function throwingConnection(side: string, channel: ConnectionHandler["channel"]): ConnectionHandler {
  return {
    channel,
    available: () => event(`${side} available`),
    goaway: () => event(`${side} goaway`),
    close: () => event(`${side} connection close`),
  };
}

const window = { window: 1_000, maxStreams: 2 };
const requests: Channel[] = [];
const listener = await portableEngine.listen({
  hostname: "127.0.0.1",
  port: 0,
  identity: certs.server,
  clock: systemClock,
  settings: window,
  handshakeTimeout: 5_000,
  maxHandshakes: 10,
  admit: () => true,
  accept: () =>
    throwingConnection("server", (channel) => {
      requests.push(channel);
      if (requests.length === 3) event("server channel");
      return throwing("server", (n) => channel.consume(n));
    }),
  failed: () => event("server failed"),
});
const client = await portableEngine.connect({
  hostname: "127.0.0.1",
  port: listener.addr.port,
  servername: "localhost",
  trust: { mode: "verified", ca: certs.ca },
  clock: systemClock,
  settings: window,
  timeout: 5_000,
  handler: throwingConnection("client", () => throwing("none", () => {})),
});

const post = [":method", "POST", ":scheme", "https", ":authority", "localhost", ":path", "/"];
const first: Channel = client.open(post, throwing("client", (n) => first.consume(n)));
const second = client.open(post, throwing("second", () => {}));
first.write(new Uint8Array(3_000));
first.end(["x-sum", "1"]);
await heard("server data", "client accepted", "server trailers", "server end");
const [near] = requests;
near?.inform([":status", "103"]);
near?.respond([":status", "200"]);
near?.write(new Uint8Array(3_000));
near?.end(["x-sum", "2"]);
await heard(
  "client informational",
  "client response",
  "client data",
  "server accepted",
  "client trailers",
  "client end",
);
await heard("client close in order", "server close in order", "client available");
// The third request's own callback throws: its stream is given up, the connection goes on.
const third = client.open(post, throwing("third", () => {}));
await heard("server channel", "third close reset");
const trip = await client.ping(5_000);
second.reset();
await heard("second close aborted", "server close reset");
client.goaway();
await heard("server goaway", "client connection close", "server connection close");
await listener.close();
await new Promise((resolve) => setTimeout(resolve));
const missing = events.filter((name) => !reported.includes(name));
console.log(
  JSON.stringify({ third: third.id, alive: trip >= 0, thrown: events.length, reported: reported.length, missing }),
);
