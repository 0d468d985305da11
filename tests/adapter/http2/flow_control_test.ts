/** RFC 9113 sections 5.2 and 6.9: windows of both sides, the order of sending. */
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import type { Channel } from "../../../src/adapter/contract.ts";
import { LARGE } from "../../../src/adapter/http2/slabs.ts";
import {
  DATA,
  data,
  END_STREAM,
  type Frame,
  headers,
  padded,
  reset,
  settings,
  windowUpdate,
} from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { type Rig, rig } from "./rig.ts";

const OK = [":status", "200"];
const MAX = 2 ** 31 - 1;

function payload(frames: readonly Frame[], id?: number): number {
  return frames.reduce(
    (sum, frame) => sum + (frame.type === DATA && (id ?? frame.id) === frame.id ? frame.payload.length : 0),
    0,
  );
}

/** A client whose peer has opened the connection's window, with `n` streams. */
function uploads(n: number, peer: Record<number, number> = { 4: MAX }): [Rig, Channel[]] {
  const client = rig("client", { peer });
  client.feed(windowUpdate(0, MAX - 65_535));
  const channels = Array.from({ length: n }, () => client.open());
  client.sent();
  return [client, channels];
}

test("6.9.1 a write stops at the stream's window and goes on with WINDOW_UPDATE", () => {
  const [client, [channel]] = uploads(1, { 4: 10 });
  assertEquals(channel!.sendWindow, 10);
  assertFalse(channel!.write(new Uint8Array(25)));
  assertEquals(payload(client.frames()), 10);
  assertEquals(channel!.sendWindow, 0);
  assertThrows(() => channel!.write(new Uint8Array(1)), Error, "still writing");
  client.feed(windowUpdate(1, 12));
  assertEquals(payload(client.frames()), 12);
  assertEquals(client.heard(), []);
  client.feed(windowUpdate(1, 12));
  assertEquals(payload(client.frames()), 3);
  assertEquals(client.heard(), ["1 accepted"]);
  assertEquals(channel!.sendWindow, 9);
});

test("6.9.1 the connection's window holds all streams, and each goes on in turn", () => {
  const client = rig("client", { peer: { 4: MAX } });
  const [one, two] = [client.open(), client.open()];
  assertFalse(one.write(new Uint8Array(100_000)));
  assertFalse(two.write(new Uint8Array(100_000)));
  const before = client.frames();
  assertEquals([payload(before, 1), payload(before, 3)], [65_535, 0]);
  assertEquals([one.sendWindow, two.sendWindow], [0, 0]);
  client.feed(windowUpdate(0, MAX - 65_535));
  const after = client.frames();
  assertEquals([payload(after, 1), payload(after, 3)], [34_465, 100_000]);
  assertEquals(client.heard(), ["1 accepted", "3 accepted"]);
});

test("6.9.1 a window of 1 byte", () => {
  const [client, [channel]] = uploads(1, { 4: 1 });
  assertFalse(channel!.write(Uint8Array.of(1, 2, 3)));
  channel!.end();
  assertEquals(payload(client.frames()), 1);
  client.feed(windowUpdate(1, 1));
  assertEquals(payload(client.frames()), 1);
  client.feed(windowUpdate(1, 1));
  const [last] = client.frames();
  assertEquals([...last!.payload, last!.flags], [3, END_STREAM]);
  assertEquals(client.heard(), ["1 accepted"]);
});

test("6.9.2 SETTINGS_INITIAL_WINDOW_SIZE moves open streams, below zero if need be", () => {
  const [client, [channel]] = uploads(1, { 4: 100 });
  assertFalse(channel!.write(new Uint8Array(150)));
  client.frames();
  client.feed(settings({ 4: 20 }));
  assertEquals(channel!.sendWindow, 0);
  client.feed(windowUpdate(1, 80));
  assertEquals(client.sent(), ["SETTINGS ACK"], "the window is at 0 now");
  client.feed(settings({ 4: 50 }));
  assertEquals(payload(client.frames()), 30);
  client.feed(settings({ 4: 1_000 }));
  assertEquals(payload(client.frames()), 20);
  assertEquals(client.heard(), ["1 accepted"]);
});

test("6.9.2 a stream that waits in the ring when its window is taken back does not hold up the others", () => {
  const [client, [one, two]] = uploads(2);
  client.draining = false;
  assertFalse(one!.write(new Uint8Array(600_000)));
  assertFalse(two!.write(new Uint8Array(600_000)));
  client.flush();
  client.session.receive(settings({ 4: 1 }));
  client.session.receive(windowUpdate(3, 700_000));
  client.draining = true;
  for (let i = 0; i < 4; i++) client.session.wrote();
  client.flush();
  assertEquals(client.heard(), ["3 accepted"]);
});

test("6.9.2 SETTINGS that raise a window above 2^31-1 end the connection with FLOW_CONTROL_ERROR", () => {
  const [client] = uploads(1, { 4: 1 });
  client.feed(windowUpdate(1, MAX - 1));
  client.feed(settings({ 4: 2 }));
  assertEquals(client.sent().at(-1), "GOAWAY 0 3");
});

test("6.9.2 the window of SETTINGS is for streams, not for the connection", () => {
  const client = rig("client", { peer: { 4: MAX } });
  const channel = client.open();
  assertEquals(channel.sendWindow, 65_535);
});

test("6.9.1 WINDOW_UPDATE that raises a window above 2^31-1: the stream's, the connection's", () => {
  const server = rig("server");
  server.feed(headers(1), windowUpdate(1, MAX));
  assertEquals(server.sent(), ["RST_STREAM 1 3"]);
  assertEquals(server.heard(), ["1 body POST", "1 close reset 3 engine"]);
  server.feed(windowUpdate(0, MAX));
  assertEquals(server.sent(), ["GOAWAY 1 3"]);
});

test("6.9 WINDOW_UPDATE of 0: on a stream, on the connection", () => {
  const server = rig("server");
  server.feed(headers(1), windowUpdate(1, 0));
  assertEquals(server.sent(), ["RST_STREAM 1 1"]);
  server.feed(windowUpdate(0, 0));
  assertEquals(server.sent(), ["GOAWAY 1 1"]);
});

test("6.9 credit goes back when half the window is consumed, and only what was consumed", () => {
  const server = rig("server", { settings: { window: 100 }, consume: false });
  server.feed(headers(1), data(1, "a".repeat(90)));
  const channel = server.channel(1);
  channel.consume(49);
  assertEquals(server.sent(), []);
  channel.consume(1);
  assertEquals(server.sent(), ["WINDOW_UPDATE 1 50"]);
  assertThrows(() => channel.consume(41), RangeError, "40 are outstanding");
  channel.consume(40);
  server.feed(data(1, "a".repeat(60)));
  assertEquals(server.sent(), []);
  channel.consume(10);
  assertEquals(server.sent(), ["WINDOW_UPDATE 1 50"]);
});

test("6.9 no credit after END_STREAM or close", () => {
  const server = rig("server", { settings: { window: 100 }, consume: false });
  server.feed(headers(1), data(1, "a".repeat(90), END_STREAM));
  server.channel(1).consume(90);
  server.channel(1).grow(1_000);
  assertEquals(server.sent(), []);
  server.channel(1).reset();
  server.channel(1).consume(90);
  assertEquals(server.sent(), ["RST_STREAM 1 8"]);
});

test("6.9 grow enlarges a window at once and for good", () => {
  const server = rig("server", { settings: { window: 100 }, consume: false });
  server.feed(headers(1));
  const channel = server.channel(1);
  channel.grow(900);
  assertEquals(server.sent(), ["WINDOW_UPDATE 1 900"]);
  server.feed(data(1, new Uint8Array(1_000)));
  channel.consume(499);
  assertEquals(server.sent(), []);
  channel.consume(501);
  assertEquals(server.sent(), ["WINDOW_UPDATE 1 1000"]);
  server.feed(data(1, new Uint8Array(1_001)));
  assertEquals(server.sent(), ["RST_STREAM 1 3"]);
  assertThrows(() => rig("client").open().grow(MAX), RangeError);
});

test("6.9 padding counts against the window and comes back by itself", () => {
  const server = rig("server", { settings: { window: 100 }, consume: false });
  server.feed(headers(1), padded(1, "hi", 50));
  assertEquals(server.sent(), ["WINDOW_UPDATE 1 51"]);
  server.channel(1).consume(2);
  server.feed(padded(1, "", 95));
  assertEquals(server.sent(), ["WINDOW_UPDATE 1 98"], "2 consumed and 96 of padding");
});

test("6.9.1 DATA beyond the stream's window is a stream error FLOW_CONTROL_ERROR", () => {
  const server = rig("server", { settings: { window: 10 }, consume: false });
  server.feed(headers(1), data(1, "a".repeat(10)), data(1, ""), data(1, "b"));
  assertEquals(server.heard(), ["1 body POST", "1 data aaaaaaaaaa", "1 close reset 3 engine"]);
  assertEquals(server.sent(), ["RST_STREAM 1 3"]);
});

test("6.9.2 until it has acknowledged SETTINGS a peer may use the default window", () => {
  const server = rig("server", { settings: { window: 10 }, bare: true, consume: false });
  server.session.receive(PREFACE_AND_SETTINGS);
  server.feed(headers(1), data(1, new Uint8Array(65_535)));
  assertEquals(server.heard(), ["1 body POST", "1 data 65535"]);
  server.feed(data(1, "x"));
  assertEquals(server.heard(), ["1 close reset 3 engine"]);
});

test("6.9.2 once acknowledged, what was overdrawn has to be consumed first", () => {
  const server = rig("server", { settings: { window: 10 }, bare: true, consume: false });
  server.session.receive(PREFACE_AND_SETTINGS);
  server.feed(headers(1), data(1, new Uint8Array(25)), ACKNOWLEDGED);
  server.frames();
  server.channel(1).consume(25);
  assertEquals(server.sent(), ["WINDOW_UPDATE 1 25"]);
  server.feed(data(1, "a".repeat(10)));
  server.channel(1).consume(2);
  server.feed(data(1, "a"));
  assertEquals(server.sent(), ["RST_STREAM 1 3"]);
});

test("5.2 an unread stream does not hold up another", () => {
  const server = rig("server", { settings: { window: 1_000 }, consume: false });
  server.feed(headers(1), data(1, new Uint8Array(1_000)), headers(3));
  for (let i = 0; i < 100; i++) {
    server.feed(data(3, new Uint8Array(1_000)));
    server.channel(3).consume(1_000);
  }
  assertEquals(server.sent().filter((line) => !line.startsWith("WINDOW_UPDATE 3")), []);
  assertEquals(server.overs, []);
});

test("small writes of a turn are one frame, and an end behind them is set on it", () => {
  const [client, [channel]] = uploads(1);
  for (const byte of [1, 2, 3]) assert(channel!.write(Uint8Array.of(byte)));
  channel!.write(new Uint8Array(0));
  channel!.end();
  const frames = client.frames();
  assertEquals(frames.map(({ payload, flags }) => [...payload, flags]), [[1, 2, 3, END_STREAM]]);
  assertEquals(client.woken.count > 0, true);
});

test("writes of several streams keep their order, and frames their streams", () => {
  const [client, [one, two]] = uploads(2);
  one!.write(Uint8Array.of(1));
  two!.write(Uint8Array.of(2));
  one!.write(Uint8Array.of(3));
  one!.end();
  two!.end();
  assertEquals(client.sent(), ["DATA 1 \x01", "DATA 3 \x02", "DATA 1 END \x03", "DATA 3 END"]);
});

test("6.5.2 frames keep to the peer's SETTINGS_MAX_FRAME_SIZE", () => {
  for (const max of [16_384, 20_000, 16_777_215]) {
    const [client, [channel]] = uploads(1, { 4: MAX, 5: max });
    channel!.write(new Uint8Array(100_000));
    const lengths = client.frames().map((frame) => frame.payload.length);
    assertEquals(lengths.reduce((sum, length) => sum + length), 100_000);
    assert(lengths.every((length) => length <= max), String(lengths));
  }
});

test("a stream with much to send does not hold up others: round robin", () => {
  const [client, channels] = uploads(4);
  client.draining = false;
  for (const channel of channels) assertFalse(channel.write(new Uint8Array(400_000)));
  client.flush();
  const started = payload(client.frames());
  assert(started <= 3 * 131_136, `in flight and framed: ${started}`);
  const turns: number[] = [];
  for (let i = 0; i < 12; i++) {
    client.session.wrote();
    for (const frame of client.frames()) if (frame.type === DATA && frame.id !== turns.at(-1)) turns.push(frame.id);
  }
  // Whoever has had a quantum is behind the three others.
  for (let i = 0; i + 3 < turns.length - 4; i++) assertEquals(new Set(turns.slice(i, i + 3)).size, 3, turns.join());
});

test("small writes from accepted use up the stream's turn: few frames, still round robin", () => {
  const left = new Map<Channel, number>();
  const go = (channel: Channel): void => {
    for (let n = left.get(channel)!; n > 0; n = left.get(channel)!) {
      left.set(channel, n - 1_000);
      if (!channel.write(new Uint8Array(1_000))) return;
    }
  };
  const client = rig("client", {
    peer: { 4: MAX, 5: 65_536 },
    on: (event, channel) => event === "accepted" && go(channel),
  });
  client.feed(windowUpdate(0, MAX - 65_535));
  client.draining = false;
  for (let i = 0; i < 3; i++) {
    const channel = client.open();
    left.set(channel, 300_000);
    go(channel);
  }
  client.flush();
  client.draining = true;
  for (let i = 0; i < 2; i++) client.session.wrote();
  const frames = client.frames().filter(({ type }) => type === DATA);
  assertEquals(payload(frames), 900_000);
  assert(frames.length < 30, `${frames.length} frames`);
  const ids = frames.map(({ id }) => id);
  assert(ids.lastIndexOf(1) > ids.indexOf(5), "nobody is served to the end before the others");
});

test("what waits for the socket is bounded, and accepted comes when it is framed", () => {
  const [client, [channel]] = uploads(1);
  client.draining = false;
  let written = 0;
  while (channel!.write(new Uint8Array(10_000))) written += 10_000;
  client.flush();
  while (client.heard().length > 0) {
    while (channel!.write(new Uint8Array(10_000))) written += 10_000;
    client.flush();
  }
  assert(written < 500_000, `taken from the owner: ${written}`);
  client.session.wrote();
  client.flush();
  assertEquals(client.heard(), ["1 accepted"]);
});

test("one transport write at a time; what is written meanwhile leaves with the next", () => {
  const [client, [channel]] = uploads(1);
  channel!.write(new Uint8Array(10));
  assertEquals(client.session.takeOutput()?.length, 19);
  channel!.write(new Uint8Array(10));
  channel!.write(new Uint8Array(100_000));
  assertEquals(client.session.takeOutput(), undefined);
  client.session.wrote();
  assert(client.session.takeOutput()!.length > 100_000);
  assertEquals(client.session.takeOutput(), undefined);
  client.session.wrote();
  assertEquals(client.session.takeOutput(), undefined);
});

test("reset drops what was not sent, and the ring goes on without the stream", () => {
  const [client, [one, two]] = uploads(2);
  client.draining = false;
  one!.write(new Uint8Array(400_000));
  two!.write(new Uint8Array(400_000));
  client.flush();
  client.frames();
  one!.reset();
  client.draining = true;
  for (let i = 0; i < 3; i++) client.session.wrote();
  const rest = client.frames();
  assert(payload(rest, 1) <= LARGE, "only what was framed before");
  assertEquals(client.heard(), ["1 close aborted 8", "3 accepted"]);
});

test("a reset by the peer drops what was not sent", () => {
  const [client, [one]] = uploads(1, { 4: 10 });
  one!.write(new Uint8Array(400));
  client.frames();
  client.feed(reset(1, 2), windowUpdate(1, 1_000));
  assertEquals(client.heard(), ["1 close reset 2 peer"]);
  assertEquals(client.sent(), []);
});

test("end and trailers wait for what was written", () => {
  const [client, [channel]] = uploads(1, { 4: 3 });
  channel!.write(new Uint8Array(4));
  channel!.end(["a", "b"]);
  assertEquals(client.sent().length, 1);
  assertFalse(channel!.writeEnded);
  client.feed(headers(1, OK, END_STREAM));
  client.feed(windowUpdate(1, 1));
  assertEquals(client.sent(), ["DATA 1 \0", "HEADERS 1 END"]);
  assertEquals(client.heard(), ["1 response :status 200", "1 end", "1 accepted", "1 close"]);
});

const PREFACE_AND_SETTINGS = Uint8Array.of(
  ...new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  ...settings(),
);
const ACKNOWLEDGED = Uint8Array.of(0, 0, 0, 4, 1, 0, 0, 0, 0);

test("5.2 a connection with a bound gives back what its streams have consumed, and what ended streams had not", () => {
  const server = rig("server", { settings: { window: 80_000, connectionWindow: 100_000 }, consume: false });
  const chunk = "x".repeat(10_000);
  server.feed(headers(1), headers(3), ...Array.from({ length: 4 }, () => data(1, chunk)));
  server.sent();
  // Half of the window, of whichever streams.
  server.channel(1).consume(20_000);
  assertEquals(server.sent(), []);
  server.feed(...Array.from({ length: 3 }, () => data(3, chunk)));
  server.channel(3).consume(30_000);
  assertEquals(server.sent(), ["WINDOW_UPDATE 0 50000"]);
  // 20,000 that nobody consumed, padding, and DATA on a stream that is gone.
  server.channel(1).reset();
  server.feed(padded(3, "y", 199), data(1, chunk), data(1, chunk));
  assertEquals(server.sent(), ["RST_STREAM 1 8"]);
  server.feed(data(1, chunk));
  assertEquals(server.sent(), ["WINDOW_UPDATE 0 50200"]);
});

test("5.2 DATA beyond a bound connection's window ends the connection", () => {
  const server = rig("server", { settings: { window: 80_000, connectionWindow: 70_000 }, consume: false });
  const chunk = "x".repeat(10_000);
  server.feed(headers(1), headers(3), ...Array.from({ length: 4 }, () => data(1, chunk)));
  server.feed(...Array.from({ length: 3 }, () => data(3, chunk)));
  assertEquals(server.overs, []);
  server.feed(data(1, "x"));
  assertEquals(server.overs.length, 1);
  assertEquals(server.sent().at(-1)?.startsWith("GOAWAY"), true);
});
