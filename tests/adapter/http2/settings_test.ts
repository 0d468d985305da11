/** RFC 9113 section 6.5: SETTINGS. */
import { assertEquals, assertThrows } from "@std/assert";
import { resolveSettings } from "../../../src/adapter/http2/limits.ts";
import { concat, frame, headers, SETTINGS, settings, uint32 } from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { GET, rig } from "./rig.ts";

for (
  const [name, role, values, code] of [
    ["ENABLE_PUSH 2", "server", { 2: 2 }, 1],
    ["ENABLE_PUSH 1 from a server", "client", { 2: 1 }, 1],
    ["INITIAL_WINDOW_SIZE 2^31", "server", { 4: 2 ** 31 }, 3],
    ["MAX_FRAME_SIZE 16383", "server", { 5: 16_383 }, 1],
    ["MAX_FRAME_SIZE 2^24", "client", { 5: 2 ** 24 }, 1],
  ] as const
) {
  test(`6.5.2 ${name} ends the connection`, () => {
    const self = rig(role);
    self.feed(settings(values));
    assertEquals(self.sent(), [`GOAWAY 0 ${code}`]);
  });
}

test("6.5.2 unknown settings and allowed values are taken", () => {
  for (const role of ["server", "client"] as const) {
    const self = rig(role);
    self.feed(settings({ 0: 1, 2: 0, 3: 0, 4: 0, 5: 16_384, 6: 0, 8: 1, 999: 5 }));
    assertEquals(self.sent(), ["SETTINGS ACK"]);
  }
  const server = rig("server");
  server.feed(settings({ 2: 1 }));
  assertEquals(server.sent(), ["SETTINGS ACK"]);
});

test("6.5.3 values are taken in their order", () => {
  const client = rig("client");
  const twice = concat(Uint8Array.of(0, 4), uint32(7), Uint8Array.of(0, 4), uint32(9));
  client.feed(frame(SETTINGS, 0, 0, twice));
  assertEquals(client.open().sendWindow, 9);
});

test("6.5.2 HEADER_TABLE_SIZE: header blocks keep to it", () => {
  const client = rig("client");
  client.open([...GET, "x-a", "1"], "none");
  const server = rig("server");
  const replay = (): void =>
    server.feed(...client.frames().map(({ type, flags, id, payload }) => frame(type, flags, id, payload)));
  replay();
  client.feed(settings({ 1: 0 }));
  client.open([...GET, "x-a", "1"], "none");
  // The acknowledgement, then a block that begins with the table's new size.
  const frames = client.frames();
  assertEquals(frames[1]!.payload[0], 0x20);
  server.feed(...frames.map(({ type, flags, id, payload }) => frame(type, flags, id, payload)));
  assertEquals(server.heard(), ["1 none GET", "1 end", "3 none GET", "3 end"]);
});

test("6.5.3 SETTINGS without end cost one walk over the streams per frame", () => {
  const server = rig("server", { peer: { 4: 10 } });
  server.feed(headers(1));
  const many = Array.from({ length: 1_000 }, (_, i) => concat(Uint8Array.of(0, 4), uint32(i + 1)));
  server.feed(frame(SETTINGS, 0, 0, concat(...many)));
  assertEquals(server.channel(1).sendWindow, 1_000);
});

test("a setting of ours out of its range is named", () => {
  assertThrows(() => resolveSettings({ maxFrame: 16_383 }), RangeError, "maxFrame 16383");
  assertThrows(() => resolveSettings({ window: 0 }), RangeError, "window 0");
  assertThrows(() => resolveSettings({ limits: { resetBurst: -1 } }), RangeError, "resetBurst -1");
  assertEquals(resolveSettings(undefined).limits.maxContinuations, 32);
  assertEquals(resolveSettings({ limits: { maxHeaders: 3 } }).limits.maxHeaders, 3);
});
