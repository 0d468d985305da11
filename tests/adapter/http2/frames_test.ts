/** RFC 9113 sections 4 and 6: sizes, identifiers, padding, header blocks in pieces; the frame vectors. */
import { assert, assertEquals } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  block,
  concat,
  CONTINUATION,
  DATA,
  data,
  END_HEADERS,
  END_STREAM,
  frame,
  fromHex,
  GOAWAY,
  HEADERS,
  headers,
  PADDED,
  padded,
  parseFrames,
  PING,
  ping,
  PRIORITIZED,
  PRIORITY,
  PUSH_PROMISE,
  REQUEST,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  windowUpdate,
} from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { shared, sharedPath } from "../../support/shared.ts";
import { GET, rig } from "./rig.ts";

const bytes = (n: number): Uint8Array => new Uint8Array(n);

/** A frame on a connection with stream 1 open, and the code of the GOAWAY it must lead to. */
const FATAL: readonly [name: string, code: number, frame: Uint8Array][] = [
  ["4.2 a frame above SETTINGS_MAX_FRAME_SIZE", 6, frame(DATA, 0, 1, bytes(65_537))],
  ["6.1 DATA on stream 0", 1, data(0, "x")],
  ["6.1 DATA with as much padding as payload", 1, frame(DATA, PADDED, 1, Uint8Array.of(2, 0, 0).subarray(0, 2))],
  ["6.1 padded DATA that is empty", 6, frame(DATA, PADDED, 1)],
  ["6.2 HEADERS on stream 0", 1, headers(0)],
  ["6.2 HEADERS with more padding than payload", 1, frame(HEADERS, PADDED | END_HEADERS, 3, Uint8Array.of(9, 0))],
  ["6.2 padded HEADERS that is empty", 6, frame(HEADERS, PADDED | END_HEADERS, 3)],
  ["6.2 HEADERS too short for its priority", 1, frame(HEADERS, PRIORITIZED | END_HEADERS, 3, bytes(4))],
  ["6.3 PRIORITY on stream 0", 1, frame(PRIORITY, 0, 0, bytes(5))],
  ["6.3 PRIORITY of another size", 6, frame(PRIORITY, 0, 1, bytes(4))],
  ["6.4 RST_STREAM on stream 0", 1, frame(RST_STREAM, 0, 0, bytes(4))],
  ["6.4 RST_STREAM of another size", 6, frame(RST_STREAM, 0, 1, bytes(5))],
  ["6.5 SETTINGS on a stream", 1, frame(SETTINGS, 0, 1)],
  ["6.5 SETTINGS of a size that is no multiple of 6", 6, frame(SETTINGS, 0, 0, bytes(5))],
  ["6.5 SETTINGS with ACK and a payload", 6, frame(SETTINGS, 1, 0, bytes(6))],
  ["6.6 PUSH_PROMISE", 1, frame(PUSH_PROMISE, END_HEADERS, 1, concat(Uint8Array.of(0, 0, 0, 2), block(...REQUEST)))],
  ["6.7 PING on a stream", 1, frame(PING, 0, 1, bytes(8))],
  ["6.7 PING of another size", 6, frame(PING, 0, 0, bytes(7))],
  ["6.8 GOAWAY on a stream", 1, frame(GOAWAY, 0, 1, bytes(8))],
  ["6.8 GOAWAY that is too short", 6, frame(GOAWAY, 0, 0, bytes(7))],
  ["6.9 WINDOW_UPDATE of another size", 6, frame(WINDOW_UPDATE, 0, 1, bytes(3))],
  ["6.10 CONTINUATION without HEADERS", 1, frame(CONTINUATION, END_HEADERS, 1, bytes(0))],
  [
    "4.3 a header block that cannot be decoded",
    9,
    frame(HEADERS, END_HEADERS, 3, Uint8Array.of(0xff, 0xff, 0xff, 0xff)),
  ],
];
for (const role of ["server", "client"] as const) {
  for (const [name, code, wrong] of FATAL) {
    test(`${name} ends the connection of a ${role}`, () => {
      const self = rig(role);
      if (role === "server") self.feed(headers(1));
      else {
        self.open();
        self.open();
      }
      self.sent();
      self.feed(wrong, ping());
      assertEquals(self.sent(), [`GOAWAY ${role === "server" ? 1 : 0} ${code}`]);
      const heard = self.heard();
      assert(heard.at(-1)!.startsWith("closed HTTP/2 "), heard.join());
      assert(heard.includes("1 close lost"));
    });
  }
}

test("6.1 padding is taken off", () => {
  const server = rig("server");
  server.feed(headers(1), padded(1, "hello", 7), padded(1, "", 200), padded(1, "end", 0, END_STREAM));
  assertEquals(server.heard(), ["1 body POST", "1 data hello", "1 data end", "1 end"]);
});

test("6.2 padding and priority are taken off a header block", () => {
  const server = rig("server");
  const payload = concat(Uint8Array.of(3), bytes(5), block(...GET), bytes(3));
  server.feed(frame(HEADERS, PADDED | PRIORITIZED | END_HEADERS | END_STREAM, 1, payload));
  assertEquals(server.heard(), ["1 none GET", "1 end"]);
});

test("6.10 a header block in many pieces, empty ones among them", () => {
  const server = rig("server");
  const whole = block(...REQUEST);
  const parts = [0, 1, 1, 7, 7, 20, whole.length].map((from, i, all) =>
    whole.subarray(from, all[i + 1] ?? whole.length)
  );
  server.feed(
    frame(HEADERS, END_STREAM, 1, parts[0]),
    ...parts.slice(1).map((part, i) => frame(CONTINUATION, i === parts.length - 2 ? END_HEADERS : 0, 1, part)),
  );
  assertEquals(server.heard(), ["1 none POST", "1 end"]);
});

for (
  const [name, other] of [
    ["another frame", ping()],
    ["a frame of unknown type", frame(200, 0, 1)],
    ["HEADERS", headers(3)],
    ["CONTINUATION of another stream", frame(CONTINUATION, END_HEADERS, 3)],
  ] as const
) {
  test(`4.3, 6.10 ${name} within a header block ends the connection`, () => {
    const server = rig("server");
    server.feed(frame(HEADERS, 0, 1, block(...REQUEST)), other);
    assertEquals(server.sent(), ["GOAWAY 0 1"]);
  });
}

test("4.1, 5.5 frames of unknown type and flags without meaning are ignored", () => {
  const server = rig("server");
  server.feed(frame(77, 0xff, 0, bytes(100)), frame(78, 0, 9), frame(PING, 0xfe, 0, bytes(8)));
  assertEquals(server.sent(), ["PING ACK 0"]);
});

test("4.1 the reserved bit before identifiers and increments is ignored", () => {
  const server = rig("server", { peer: { 4: 0 } });
  const open = headers(1);
  open[5] = 0x80;
  const update = windowUpdate(1, 5);
  update[9]! |= 0x80;
  server.feed(open, update);
  assertEquals(server.channel(1).sendWindow, 5);
});

test("6.7 PING is answered with its data, and a stray ACK is nothing", () => {
  const server = rig("server");
  server.feed(ping(1234), ping(99, 1));
  assertEquals(server.sent(), ["PING ACK 1234"]);
});

test("6.7 our PING is answered by its ACK alone", () => {
  const client = rig("client");
  let answered = 0;
  client.session.ping(() => answered++);
  const [sent] = client.frames();
  client.feed(ping(0, 1));
  assertEquals(answered, 0);
  const ack = frame(PING, 1, 0, sent!.payload);
  client.feed(ack, ack);
  assertEquals(answered, 1);
});

test("header blocks larger than a frame go out as CONTINUATION", () => {
  const client = rig("client");
  const value = "x".repeat(40_000);
  const channel = client.open([...GET, "big", value], "none");
  const frames = client.frames();
  assertEquals(frames.map(({ type, flags, id }) => [type, flags, id]), [
    [HEADERS, END_STREAM, channel.id],
    [CONTINUATION, 0, channel.id],
    [CONTINUATION, END_HEADERS, channel.id],
  ]);
  assert(frames.every(({ payload }) => payload.length <= 16_384));
  const server = rig("server");
  server.feed(...frames.map(({ type, flags, id, payload }) => frame(type, flags, id, payload)));
  assertEquals(server.heard(), ["1 none GET", "1 end"]);
});

test("a large header block behind data keeps the order", () => {
  const client = rig("client", { peer: { 4: 2 ** 31 - 1, 5: 65_536 } });
  client.feed(windowUpdate(0, 2 ** 30));
  client.draining = false;
  const one = client.open();
  one.write(new Uint8Array(120_000));
  client.open([...GET, "big", "x".repeat(30_000)]);
  assert(one.write(new Uint8Array(10)) === false, "data waits until the slab before it has gone");
  client.draining = true;
  const order = client.frames().map(({ type, id }) => `${type} ${id}`);
  assertEquals(order, ["1 1", "0 1", "0 1", "1 3", "0 1"]);
  assertEquals(client.heard(), ["1 accepted"]);
});

test("frame vectors: normal frames are taken", { needs: shared }, () => {
  for (const { wire, description } of vectors()) {
    const [one] = parseFrames(fromHex(wire));
    const self = rig(one!.type === PUSH_PROMISE || one!.id % 2 === 0 ? "client" : "server");
    // Their header blocks are no HPACK and their streams were never opened: what counts is the frame layer's verdict.
    self.feed(fromHex(wire));
    const codes = self.sent().filter((line) => line.startsWith("GOAWAY")).map((line) => line.split(" ")[2]);
    assert(!codes.includes("6"), `${description}: ${codes}`);
  }
});

test("frame vectors: malformed frames end the connection with an allowed code", { needs: shared }, () => {
  const wrong = vectors("error");
  assertEquals(wrong.length, 22);
  for (const { wire, error, description } of wrong) {
    const server = rig("server", { settings: { maxFrame: 16_384 } });
    server.feed(
      headers(1),
      fromHex(wire).length < 9 + parseLength(wire) ? concat(fromHex(wire), bytes(parseLength(wire))) : fromHex(wire),
    );
    const goaway = server.sent().find((line) => line.startsWith("GOAWAY"));
    // PUSH_PROMISE is refused whatever it holds, a WINDOW_UPDATE of 0 ends its stream alone.
    const reset = server.heard().includes("1 close reset 1 engine") ? "RST_STREAM 1 1" : undefined;
    const code = Number((goaway ?? reset)?.split(" ")[2]);
    assert(error!.includes(code), `${description}: ${goaway ?? reset}`);
  }
});

interface Vector {
  readonly wire: string;
  readonly error: number[] | null;
  readonly description: string;
}

function vectors(only?: string): Vector[] {
  const root = sharedPath("data", "frames");
  const folders = only === undefined
    ? readdirSync(root).filter((name) => name !== "error" && name !== "LICENSE")
    : [only];
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => JSON.parse(readFileSync(join(root, folder, name), "utf8")) as Vector)
  );
}

function parseLength(wire: string): number {
  return parseInt(wire.slice(0, 6), 16);
}
