/** RFC 9113 section 10.5: bounds against hostile peers. Each ends the connection with ENHANCE_YOUR_CALM, or as its name says. */
import { assert, assertEquals } from "@std/assert";
import type { EngineLimits } from "../../../src/adapter/contract.ts";
import { TokenBucket } from "../../../src/adapter/http2/limits.ts";
import {
  block,
  concat,
  CONTINUATION,
  data,
  END_HEADERS,
  END_STREAM,
  frame,
  goaway,
  HEADERS,
  headers,
  ping,
  PRIORITY,
  reset,
  settings,
  settingsAck,
} from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { GET, type Rig, rig } from "./rig.ts";

const OK = [":status", "200"];

function calmed(self: Rig): boolean {
  return self.sent().at(-1)?.match(/^GOAWAY \d+ 11$/) !== null && self.session.over;
}

/** `n` events pass at once, one more does not; after a second `n` more do. */
function rate(name: string, limits: EngineLimits, n: number, event: (i: number) => Uint8Array[]): void {
  test(`10.5 ${name}: ${n} pass, one more does not`, () => {
    const server = rig("server", { settings: { limits } });
    let i = 0;
    const next = (): void => server.feed(...event(i++));
    for (let k = 0; k < n; k++) next();
    assertEquals(server.overs, []);
    next();
    assert(calmed(server));
  });
  test(`10.5 ${name}: refilled with time`, () => {
    const server = rig("server", { settings: { limits } });
    let i = 0;
    const next = (): void => server.feed(...event(i++));
    for (let k = 0; k < n; k++) next();
    server.time.now += 1_000;
    for (let k = 0; k < n; k++) next();
    assertEquals(server.overs, []);
    next();
    // The connection's own SETTINGS were one, and are forgotten by now.
    if (!server.session.over) next();
    assert(calmed(server));
  });
}

const LIMITS: EngineLimits = {
  resetBurst: 10,
  resetsPerSecond: 10,
  pingsPerSecond: 10,
  settingsPerSecond: 11,
  emptyFramesPerSecond: 10,
};
const id = (i: number): number => 2 * i + 1;

rate("streams reset by the peer", LIMITS, 10, (i) => [headers(id(i)), reset(id(i), 8)]);
rate(
  "resets that bad frames provoke",
  LIMITS,
  10,
  (i) => [headers(id(i)), data(id(i), "", END_STREAM), data(id(i), "x")],
);
rate("malformed requests", LIMITS, 10, (i) => [headers(id(i), ["a", "b"])]);
rate("PING", LIMITS, 10, (i) => [ping(i)]);
rate("PING ACK that nobody asked for", LIMITS, 10, (i) => [ping(i, 1)]);
rate("SETTINGS", { settingsPerSecond: 10 }, 9, () => [settings()]);
rate("empty DATA", LIMITS, 10, (i) => i === 0 ? [headers(1), data(1, "")] : [data(1, "")]);
rate("PRIORITY", LIMITS, 10, () => [frame(PRIORITY, 0, 1, new Uint8Array(5))]);
rate("frames of unknown type", LIMITS, 10, () => [frame(99, 0, 0)]);
rate(
  "RST_STREAM on closed streams",
  { ...LIMITS, resetBurst: 1, resetsPerSecond: 0 },
  10,
  (i) => i === 0 ? [headers(1), reset(1, 8), reset(1, 8)] : [reset(1, 8)],
);

test("10.5 SETTINGS ACK without SETTINGS, and GOAWAY, count as SETTINGS", () => {
  for (const event of [settingsAck(), goaway(5, 0)]) {
    const server = rig("server", { settings: { limits: { settingsPerSecond: 10 } } });
    server.feed(headers(1));
    for (let i = 0; i < 9; i++) server.feed(event);
    assertEquals(server.overs, []);
    server.feed(event);
    assert(calmed(server));
  }
});

test("10.5 what a server resets does not count on a client: its own streams bound it", () => {
  const client = rig("client", { settings: { limits: LIMITS } });
  for (let i = 0; i < 100; i++) client.open();
  for (let i = 0; i < 100; i++) client.feed(reset(id(i), 8));
  assertEquals(client.overs, []);
});

test("10.5 a client that gives up streams which were answered is no flood", () => {
  const server = rig("server", { settings: { limits: LIMITS } });
  for (let i = 0; i < 100; i++) {
    server.feed(headers(id(i)));
    server.channel(id(i)).respond(OK);
    server.feed(reset(id(i), 8));
  }
  assertEquals(server.overs, []);
});

test("10.5 RST_STREAM that crosses our own is no flood, a second one is", () => {
  for (const role of ["client", "server"] as const) {
    const self = rig(role, { settings: { limits: LIMITS } });
    for (let i = 0; i < 100; i++) {
      if (role === "client") self.open().reset();
      else {
        self.feed(headers(id(i)));
        self.channel(id(i)).reset();
      }
      self.feed(reset(id(i), 8));
    }
    assertEquals(self.overs, []);
    for (let i = 0; i < 40; i++) self.feed(reset(id(99), 8));
    assert(calmed(self));
  }
});

test("10.5 our own resets do not count", () => {
  const server = rig("server", { settings: { limits: LIMITS } });
  for (let i = 0; i < 100; i++) {
    server.feed(headers(id(i)));
    server.channel(id(i)).reset();
  }
  assertEquals(server.overs, []);
});

test("10.5 streams refused before the peer knows the limit do not count", () => {
  const server = rig("server", { bare: true, settings: { maxStreams: 1, limits: LIMITS } });
  server.session.receive(concat(new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings()));
  for (let i = 0; i < 100; i++) server.feed(headers(id(i)));
  assertEquals(server.overs, []);
  server.feed(settingsAck());
  for (let i = 100; i < 111; i++) server.feed(headers(id(i)));
  assertEquals(server.overs.length, 1);
});

test("10.5.1 a header list that is too large, or has too many fields, refuses the stream alone", () => {
  const server = rig("server", { settings: { limits: { maxHeaderBytes: 500, maxHeaders: 6 } } });
  const many = [...GET, "a", "1", "b", "2", "c", "3"];
  server.feed(
    headers(1, [...GET, "big", "x".repeat(500)]),
    headers(3, many),
    headers(5, many.slice(0, -2), END_STREAM),
  );
  assertEquals(server.sent(), ["RST_STREAM 1 11", "RST_STREAM 3 11"]);
  assertEquals(server.heard(), ["5 none GET", "5 end"]);
});

test("10.5.1 1 MB of headers in frames of the advertised size refuses the stream alone", () => {
  const server = rig("server");
  const big = block(...GET, "big", "x".repeat(1_000_000));
  const parts: Uint8Array[] = [];
  for (let at = 0; at < big.length; at += 65_536) {
    const last = at + 65_536 >= big.length ? END_HEADERS : 0;
    parts.push(
      frame(at === 0 ? HEADERS : CONTINUATION, (at === 0 ? END_STREAM : 0) | last, 1, big.subarray(at, at + 65_536)),
    );
  }
  server.feed(...parts, headers(3, GET, END_STREAM));
  assertEquals(server.sent(), ["RST_STREAM 1 11"]);
  assertEquals(server.heard(), ["3 none GET", "3 end"]);
});

test("10.5.1 a client resets the stream over a response or trailers that are too large", () => {
  const client = rig("client", { settings: { limits: { maxHeaderBytes: 500 } } });
  client.open();
  client.open();
  client.sent();
  const big = ["big", "x".repeat(500)];
  client.feed(headers(1, [...OK, ...big]), headers(3, OK), headers(3, big, END_STREAM));
  assertEquals(client.sent(), ["RST_STREAM 1 11", "RST_STREAM 3 11"]);
  assertEquals(client.heard(), ["1 close reset 11 engine", "3 response :status 200", "3 close reset 11 engine"]);
});

test("10.5 more CONTINUATION frames than allowed end the connection", () => {
  const server = rig("server", { settings: { limits: { maxContinuations: 3 } } });
  const piece = (flags: number, stream: number): Uint8Array => frame(CONTINUATION, flags, stream);
  server.feed(frame(HEADERS, END_STREAM, 1, block(...GET)), piece(0, 1), piece(0, 1), piece(END_HEADERS, 1));
  assertEquals(server.heard(), ["1 none GET", "1 end"]);
  server.feed(frame(HEADERS, END_STREAM, 3, block(...GET)), piece(0, 3), piece(0, 3), piece(0, 3));
  assertEquals(server.overs, []);
  server.feed(piece(0, 3));
  assert(calmed(server));
});

test("10.5 control frames that the peer does not read are bounded", () => {
  const server = rig("server", {
    settings: { maxStreams: 1, limits: { maxQueuedControlBytes: 1_000, pingsPerSecond: 1e6 } },
  });
  server.draining = false;
  let pings = 0;
  while (!server.session.over) {
    server.feed(ping(pings++));
    assert(pings < 1_000);
  }
  assert(pings > 50, `${pings}`);
});

test("10.5 answers that the peer does not read are bounded, with room for one of every stream", () => {
  const server = rig("server", { settings: { maxStreams: 100, limits: { maxQueuedControlBytes: 1_000 } } });
  server.draining = false;
  server.feed(ping());
  for (let i = 0; i < 100; i++) server.feed(headers(id(i), GET, END_STREAM));
  for (let i = 0; i < 100; i++) server.channel(id(i)).respond([...OK, "x", "y".repeat(100)], "none");
  server.flush();
  assertEquals(server.overs, []);
  let i = 100;
  while (!server.session.over) {
    server.feed(headers(id(i), [...GET, "n", String(i)], END_STREAM));
    if (!server.session.over) server.channel(id(i)).respond([...OK, "x", String(i).repeat(40)], "none");
    server.flush();
    assert(++i < 2_000);
  }
  assert(i > 200, `${i}`);
});

test("what a client's owner opens and resets in one turn is not a flood", () => {
  const client = rig("client", { settings: { limits: { maxQueuedControlBytes: 1_000 } } });
  const channels = Array.from({ length: 2_000 }, (_, i) => client.open([...GET, "n", String(i).repeat(20)]));
  for (const channel of channels) channel.reset();
  const sent = client.sent();
  assertEquals(sent.length, 4_000);
  assertEquals(client.overs, []);
});

test("a token bucket", () => {
  let now = 500;
  const bucket = new TokenBucket(2, 10, () => now);
  assertEquals([bucket.take(), bucket.take(), bucket.take()], [true, true, false]);
  now += 99;
  assert(!bucket.take());
  now += 2;
  assertEquals([bucket.take(), bucket.take()], [true, false]);
  now += 1e9;
  assertEquals([bucket.take(), bucket.take(), bucket.take()], [true, true, false]);
});

test("resets of both sides that cross are no attack, however many", () => {
  const ids = Array.from({ length: 1_500 }, (_, i) => 2 * i + 1);
  for (const role of ["server", "client"] as const) {
    const self = rig(role, { settings: { maxStreams: 3_000 } });
    if (role === "server") self.feed(...ids.map((id) => headers(id)));
    else for (const _ of ids) self.open();
    for (const id of ids) self.channel(id).reset();
    self.feed(...ids.map((id) => reset(id, 8)));
    assertEquals([self.overs, self.session.streams.size], [[], 0]);
    self.feed(...ids.map((id) => reset(id, 8)), ...ids.map((id) => reset(id, 8)));
    assertEquals(self.overs.length, 1);
  }
});
