import { assert, assertEquals, assertInstanceOf, assertMatch, assertNotMatch } from "@std/assert";
import { checkClient, checkServer } from "../../src/streams/check.ts";
import { ClientPool, PoolError, ServerPool } from "../../src/streams/mod.ts";
import * as certs from "../support/certs.ts";
import { test } from "../support/harness.ts";
import { serverTls } from "./support.ts";

const pin = certs.server.pin;
const base = { address: "localhost:1" };

function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    assertInstanceOf(error, PoolError);
    assertEquals(error.code, "ERR_POOL_OPTION");
    return error.message;
  }
  throw new Error("was accepted");
}

// What is wrong, and what the message says.
const client: [Record<string, unknown>, RegExp][] = [
  [{ address: undefined }, /`address` is undefined/],
  [{ address: "localhost" }, /`address` is "localhost", the port is missing/],
  [{ address: ":443" }, /`address` is ":443", without a host/],
  [{ address: "localhost:0" }, /`address` is "localhost:0"/],
  [{ address: "https://localhost:1" }, /not a URL/],
  [{ address: 5 }, /`address` is 5/],
  [{ minCapacity: 0 }, /`minCapacity` is 0/],
  [{ minCapacity: 2.5 }, /`minCapacity` is 2.5/],
  [{ minCapacity: 30, maxCapacity: 20 }, /`minCapacity` is 30, above `maxCapacity` 20/],
  [{ minInterval: 600, maxInterval: 500 }, /`minInterval` is 600, above `maxInterval` 500/],
  [{ maxCapacity: "9" }, /`maxCapacity` is "9"/],
  [{ connections: 0 }, /`connections` is 0/],
  [{ keepAlive: -1 }, /`keepAlive` is -1/],
  [{ pingTimeout: 0 }, /`pingTimeout` is 0/],
  [{ handshakeTimeout: NaN }, /`handshakeTimeout` is NaN/],
  [{ closeTimeout: "1s" }, /`closeTimeout` is "1s"/],
  [{ connectTimeout: Infinity }, /`connectTimeout` is Infinity/],
  [{ window: { idle: 0 } }, /`window.idle` is 0/],
  [{ window: { idle: 100_000, stream: 65_536 } }, /`window.idle` is 100000, above `window.stream` 65536/],
  [{ window: { stream: 2_000, total: 1_000 } }, /`window.stream` is 2000, above `window.total` 1000/],
  [{ window: { streams: 5 } }, /`window.streams`.*did you mean `window.stream`/],
  [{ limits: { maxHeaders: -1 } }, /`limits.maxHeaders` is -1/],
  [{ limits: { foo: 1 } }, /`limits.foo`/],
  [{ backoff: { factor: 0.5 } }, /`backoff.factor` is 0.5/],
  [{ backoff: { initial: 10, max: 5 } }, /`backoff.initial` is 10, above `backoff.max` 5/],
  [{ backoff: { inital: 10 } }, /did you mean `backoff.initial`/],
  [{ maxStreamsPerConnection: 0 }, /`maxStreamsPerConnection` is 0/],
  [{ engine: "fast" }, /`engine` is "fast"/],
  [{ name: "" }, /`name` is ""/],
  [{ logger: {} }, /`logger`/],
  [{ signal: {} }, /`signal`/],
  [{ minCapcity: 5 }, /`minCapcity` is set.*did you mean `minCapacity`/],
  [{ tls: "none" }, /`tls` is "none"/],
  [{ tls: { mode: "none" } }, /`tls.mode` is "none"/],
  [{ tls: { pins: pin } }, /`tls.pins`.*did you mean `tls.pin`/],
  [{ tls: { pin: "abc" } }, /`tls.pin` is "abc"/],
  [{ tls: { pin: [] } }, /`tls.pin`/],
  [{ tls: { ca: "no PEM" } }, /`tls.ca`.*broken/],
  [{ tls: { cert: certs.client.cert } }, /`tls.key` is undefined/],
  [{ tls: { key: certs.client.key } }, /`tls.cert` is undefined/],
  [{ tls: { cert: certs.client.cert, key: certs.server.key } }, /`tls.cert`.*does not belong/],
  [{ tls: { ca: certs.ca, caFile: "x" } }, /`tls.caFile` is "x", but `tls.ca` is given too/],
  [{ headers: { "a b": "x" } }, /headers\["a b"\]/],
  [{ headers: { connection: "x" } }, /headers\["connection"\]/],
  [{ headers: { "x": "two\nlines" } }, /headers\["x"\]/],
  [{ headers: { ":path": "x" } }, /headers\[":path"\]/],
  [
    { headers: { authorization: "t" }, tls: "insecure" },
    /`headers` is set, but the connection is neither verified nor pinned/,
  ],
  [{ headers: () => ({}), tls: { mode: "insecure" } }, /`headers`/],
];

test("client options: what is wrong is named with its value", () => {
  for (const [options, says] of client) {
    const message = refusal(() => new ClientPool({ ...base, ...options } as never));
    assertMatch(message, /^Cannot create a client pool: /);
    assertMatch(message, says);
  }
  assertMatch(refusal(() => new ClientPool(undefined as never)), /`options` is undefined/);
});

test("server options: what is wrong is named with its value", () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ listen: undefined }, /`listen` is undefined/],
    [{ listen: "8443" }, /`listen` is "8443"/],
    [{ tls: undefined }, /`tls.cert` is undefined/],
    [{ tls: { certFile: "a" } }, /`tls.key` is undefined/],
    [{ tls: { cert: certs.server.cert, key: certs.client.key } }, /`tls.cert`.*does not belong/],
    [{ tls: { ...serverTls, clientCA: "x" } }, /did you mean `tls.clientCa`/],
    [{ allow: "10.0.0.0/33" }, /`allow` is "10.0.0.0\/33", "33" is not a prefix length/],
    [{ allow: ["::1", "nonsense"] }, /"nonsense" is not an IP address/],
    [{ allow: 5 }, /`allow` is 5/],
    [{ authorize: true }, /`authorize` is true/],
    [{ maxCapacity: 0 }, /`maxCapacity` is 0/],
    [{ maxStreams: 0 }, /`maxStreams` is 0/],
    [{ maxConnections: 1.5 }, /`maxConnections` is 1.5/],
    [{ minCapacity: 5 }, /`minCapacity`.*no such option/],
    [{ server: { name: "x" } }, /`server` is an object, not available in this version/],
    [{ path: "/stream" }, /`path`/],
  ];
  for (const [options, says] of cases) {
    const message = refusal(() => new ServerPool({ listen: ":0", tls: serverTls, ...options } as never));
    assertMatch(message, /^Cannot create a server pool: /);
    assertMatch(message, says);
  }
});

test("options: no message shows a secret", () => {
  const secret = "s3cr3t";
  for (
    const options of [
      { headers: { authorization: `${secret}\n` } },
      { headers: { "bad name": secret } },
      { headers: { authorization: secret }, tls: "insecure" },
      { tls: { key: secret } },
      { token: secret },
      { tls: { cert: certs.client.cert, key: secret } },
    ]
  ) {
    assertNotMatch(refusal(() => new ClientPool({ ...base, ...options } as never)), new RegExp(secret));
  }
});

test("options: defaults are those of the specification", () => {
  const { adaptive, keepAlive, pingTimeout, handshakeTimeout, closeTimeout, window, connections, connectTimeout } =
    checkClient(base);
  assertEquals(adaptive, { minCapacity: 5, maxCapacity: 20, minInterval: 500, maxInterval: 5_000 });
  assertEquals({ keepAlive, pingTimeout, handshakeTimeout, closeTimeout }, {
    keepAlive: 30_000,
    pingTimeout: 10_000,
    handshakeTimeout: 10_000,
    closeTimeout: 30_000,
  });
  assertEquals(window, { idle: 65_536, stream: 1_048_576, total: 268_435_456 });
  assertEquals({ connections, connectTimeout }, { connections: 1, connectTimeout: 10_000 });
  const server = checkServer({ listen: ":0", tls: serverTls });
  const { maxCapacity, maxIdlePerConnection, maxStreams, maxConnections, maxConnectionsPerAddress } = server;
  assertEquals({ maxCapacity, maxIdlePerConnection, maxStreams, maxConnections, maxConnectionsPerAddress }, {
    maxCapacity: 1_024,
    maxIdlePerConnection: 128,
    maxStreams: 4_096,
    maxConnections: 256,
    maxConnectionsPerAddress: 32,
  });
  assert(server.allow.has("192.0.2.1"));
});

test("options: one bound given moves the other's default, not against it", () => {
  assertEquals(checkClient({ ...base, minCapacity: 50 }).adaptive.maxCapacity, 50);
  assertEquals(checkClient({ ...base, maxCapacity: 2 }).adaptive.minCapacity, 2);
  assertEquals(checkClient({ ...base, minInterval: 9_000 }).adaptive.maxInterval, 9_000);
  assertEquals(checkClient({ ...base, maxInterval: 100 }).adaptive.minInterval, 100);
  assertEquals(checkClient({ ...base, window: { stream: 1_000 } }).window.idle, 1_000);
});

test("options: many idle streams get smaller windows unless one is given", () => {
  const { window } = checkClient({ ...base, maxCapacity: 10_000 });
  assert(window.idle * 10_000 <= window.total / 2);
  assertEquals(checkClient({ ...base, maxCapacity: 10_000, window: { idle: 65_536 } }).window.idle, 65_536);
});

test("options: headers over a pinned connection are fine", () => {
  checkClient({ ...base, headers: { Authorization: "Bearer x" }, tls: { mode: "insecure", pin } });
  assertEquals(checkClient({ ...base, headers: { Authorization: "Bearer x" } }).headers, ["authorization", "Bearer x"]);
});

test("options: pools are named by their kind and a number", () => {
  const [a, b] = [new ClientPool(base).name, new ClientPool(base).name];
  assertMatch(a, /^client-\d+$/);
  assert(a !== b);
  assertEquals(new ClientPool({ ...base, name: "edge" }).name, "edge");
});
