/** The same bytes in pieces of any size are the same events. */
import { assert, assertEquals, assertFalse } from "@std/assert";
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
  padded,
  ping,
  PREFACE,
  PRIORITY,
  REQUEST,
  reset,
  settings,
  settingsAck,
  windowUpdate,
} from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { GET, type Rig, rig } from "./rig.ts";

const whole = block(...REQUEST);
const FOR_SERVER = concat(
  PREFACE,
  settings({ 4: 100, 5: 20_000 }),
  settingsAck(),
  headers(1),
  data(1, "hello"),
  data(1, ""),
  padded(1, "padded", 9),
  ping(5),
  frame(99, 1, 1, new Uint8Array(20)),
  frame(HEADERS, 0, 3, whole.subarray(0, 5)),
  frame(CONTINUATION, 0, 3),
  frame(CONTINUATION, END_HEADERS, 3, whole.subarray(5)),
  frame(PRIORITY, 0, 3, new Uint8Array(5)),
  windowUpdate(3, 50),
  data(1, "more"),
  headers(1, ["t", "1"], END_STREAM),
  reset(3, 8),
  headers(5, GET, END_STREAM),
  goaway(0, 0),
);
const OK = [":status", "200"];
const FOR_CLIENT = concat(
  settings({ 3: 9 }),
  settingsAck(),
  headers(1, [":status", "103"]),
  headers(1, OK),
  data(1, "answer"),
  padded(1, "x", 3),
  headers(3, OK, END_STREAM),
  data(1, "", END_STREAM),
  reset(5, 7),
  goaway(7, 0),
);

/** Pieces of one stream's DATA in a row are one. */
function events(self: Rig): string[] {
  const merged: string[] = [];
  for (const line of self.heard()) {
    const [id, kind] = line.split(" ");
    const last = merged.at(-1);
    if (kind === "data" && last?.startsWith(`${id} data `)) {
      merged[merged.length - 1] = last + line.slice(`${id} data `.length);
    } else merged.push(line);
  }
  return merged;
}

function run(role: "client" | "server", pieces: readonly Uint8Array[]): unknown[] {
  const self = rig(role, { bare: true });
  for (const [i, piece] of pieces.entries()) {
    self.session.receive(piece);
    // A client cannot open before SETTINGS are here; the rest comes behind them.
    if (role === "client" && i === 0) { for (let k = 0; k < 4; k++) self.open(); }
    self.flush();
  }
  return [events(self), self.sent(), self.overs];
}

test("server: cut in two at every byte", () => {
  const expected = run("server", [FOR_SERVER]);
  assertEquals((expected[0] as string[]).length, 10);
  for (let at = 1; at < FOR_SERVER.length; at++) {
    assertEquals(run("server", [FOR_SERVER.subarray(0, at), FOR_SERVER.subarray(at)]), expected, `cut at ${at}`);
  }
});

test("server: in pieces of every size", () => {
  const expected = run("server", [FOR_SERVER]);
  for (let size = 1; size < 60; size++) {
    assertEquals(run("server", inPieces(FOR_SERVER, size)), expected, `pieces of ${size}`);
  }
});

test("client: cut in two at every byte, and in pieces of every size", () => {
  const greeting = settings({ 3: 9 });
  const rest = FOR_CLIENT.subarray(greeting.length);
  const expected = run("client", [greeting, rest]);
  assertEquals((expected[0] as string[]).length, 8);
  for (let at = 1; at < rest.length; at++) {
    assertEquals(run("client", [greeting, rest.subarray(0, at), rest.subarray(at)]), expected, `cut at ${at}`);
  }
  for (let size = 1; size < 60; size++) assertEquals(run("client", [greeting, ...inPieces(rest, size)]), expected);
});

test("garbage of any kind ends a connection, never the process", () => {
  // A linear congruential generator: the same garbage on every runtime.
  let state = 42;
  const random = (): number => (state = (state * 1_103_515_245 + 12_345) & 0x7fffffff) >>> 8;
  for (let round = 0; round < 300; round++) {
    const role = round % 2 === 0 ? "server" : "client";
    const self = rig(role, { settings: { limits: { resetBurst: 20 } } });
    if (role === "server") self.feed(headers(1), headers(3));
    else for (let k = 0; k < 3; k++) self.open();
    for (let k = 0; k < 60; k++) {
      const payload = Uint8Array.from({ length: random() % 40 }, random);
      // Mostly well-formed heads on plausible streams, so that the garbage gets far.
      self.feed(
        frame(random() % 11, random() & 0xff, random() % 8, payload),
        Uint8Array.from({ length: random() % 2 }, random),
      );
    }
    self.session.transportClosed(undefined);
    const heard = self.heard();
    assertEquals(self.overs.length, 1);
    assertEquals(heard.filter((line) => line.startsWith("closed")).length, 1);
    assertEquals(heard.at(-1)!.startsWith("closed"), true);
  }
});

function inPieces(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

test("a chunk is used up when every owner of its DATA says so, and nothing else of it waits", () => {
  const answers: ("used" | void)[] = [];
  const server = rig("server", { use: () => answers.shift() });
  const receive = (...frames: Uint8Array[]): boolean => server.session.receive(concat(...frames));
  assert(receive(headers(1), headers(3)));
  answers.push("used", "used");
  assert(receive(data(1, "one"), data(3, "two")));
  answers.push("used", undefined);
  assertFalse(receive(data(1, "one"), data(3, "two")));
  answers.push(undefined, "used");
  assertFalse(receive(data(1, "one"), data(3, "two")));
  answers.push("used");
  assert(receive(padded(1, "one", 5)));
  answers.push(undefined);
  assertFalse(receive(padded(1, "one", 5)));
  // Half a frame's head, then half its payload: what waits is a copy.
  const ping8 = ping(1);
  assert(receive(ping8.subarray(0, 4)));
  assert(receive(ping8.subarray(4, 12)));
  assert(receive(ping8.subarray(12)));
  // A stream that is gone: its bytes are dropped.
  assert(receive(reset(3, 8)));
  assert(receive(data(3, "late")));
  // A header block in parts is kept by view.
  const block5 = block(...REQUEST);
  assertFalse(receive(frame(HEADERS, 0, 5, block5.subarray(0, 3))));
  assertFalse(receive(frame(CONTINUATION, END_HEADERS, 5, block5.subarray(3))));
  assertEquals(server.heard().at(-1), "5 body POST");
});
