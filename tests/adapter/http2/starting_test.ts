/** RFC 9113 section 3.4: the preface, and SETTINGS as the first frame. */
import { assertEquals, assertInstanceOf } from "@std/assert";
import { ConnectionClosedError } from "../../../src/adapter/contract.ts";
import {
  concat,
  goaway,
  headers,
  parseFrames,
  ping,
  PREFACE,
  settings,
  settingsAck,
  utf8,
} from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { rig } from "./rig.ts";

test("3.4 a client begins with the preface and SETTINGS", () => {
  const client = rig("client", { bare: true });
  const out = client.session.takeOutput()!;
  assertEquals(out.subarray(0, PREFACE.length), PREFACE);
  const [first, second] = parseFrames(out.subarray(PREFACE.length));
  const values = settingsOf(first!.payload);
  assertEquals(values, { 2: 0, 3: 0, 4: 65_536, 5: 65_536, 6: 65_536 });
  // The connection's window is as large as it can be, from the start.
  assertEquals(second!.payload, Uint8Array.of(0x7f, 0xff, 0, 0));
});

test("3.4 a server begins with SETTINGS", () => {
  const server = rig("server", { bare: true, settings: { window: 1_000_000, maxStreams: 7, maxFrame: 20_000 } });
  const [first] = server.frames();
  assertEquals(settingsOf(first!.payload), { 3: 7, 4: 1_000_000, 5: 20_000, 6: 65_536 });
});

test("3.4 the preface may come in pieces", () => {
  const server = rig("server", { bare: true });
  server.frames();
  for (const byte of concat(PREFACE, settings())) server.feed(Uint8Array.of(byte));
  assertEquals(server.sent(), ["SETTINGS ACK"]);
  assertEquals(server.overs, []);
});

test("3.4 a wrong preface ends the connection", () => {
  const server = rig("server", { bare: true });
  server.frames();
  server.feed(utf8("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
  assertEquals(server.sent(), ["GOAWAY 0 1"]);
  assertEquals(server.overs.map((error) => error?.message), ["HTTP/2 PROTOCOL_ERROR: the client's preface is wrong"]);
  // Nobody owned it yet.
  assertEquals(server.heard(), []);
});

for (const role of ["client", "server"] as const) {
  test(`3.4 ${role}: another first frame than SETTINGS ends the connection`, () => {
    for (const first of [ping(), settingsAck(), headers(1)]) {
      const self = rig(role, { bare: true });
      self.frames();
      self.feed(role === "server" ? PREFACE : new Uint8Array(0), first);
      assertEquals(self.sent(), ["GOAWAY 0 1"]);
      assertEquals(self.overs.length, 1);
    }
  });

  test(`6.5.3 ${role}: SETTINGS are acknowledged`, () => {
    const self = rig(role, { bare: true });
    self.frames();
    self.feed(role === "server" ? PREFACE : new Uint8Array(0), settings({ 4: 100 }));
    assertEquals(self.sent(), ["SETTINGS ACK"]);
  });
}

function settingsOf(payload: Uint8Array): Record<number, number> {
  const values: Record<number, number> = {};
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  for (let at = 0; at < payload.length; at += 6) values[view.getUint16(at)] = view.getUint32(at + 2);
  return values;
}

test("3.4 a server that says GOAWAY first refuses the client: its code is told, not that SETTINGS are missing", () => {
  const client = rig("client", { bare: true });
  client.frames();
  client.feed(goaway(0, 12));
  assertEquals(client.sent(), []);
  const [error] = client.overs;
  assertInstanceOf(error, ConnectionClosedError);
  assertEquals([error.code, error.message], [12, "the peer refused the connection with GOAWAY INADEQUATE_SECURITY"]);
  const server = rig("server", { bare: true });
  server.frames();
  server.feed(PREFACE, goaway(0, 12));
  assertEquals(server.sent(), ["GOAWAY 0 1"]);
});
