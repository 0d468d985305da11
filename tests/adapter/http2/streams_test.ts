/** RFC 9113 section 5.1: the states of a stream, and its identifiers. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConnectionClosedError } from "../../../src/adapter/contract.ts";
import { StreamIds } from "../../../src/adapter/http2/stream_ids.ts";
import {
  data,
  END_STREAM,
  frame,
  goaway,
  headers,
  PRIORITY,
  reset,
  settings,
  utf8,
  windowUpdate,
} from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { GET, rig } from "./rig.ts";

const OK = [":status", "200"];

test("5.1 client: request and response, both halves closed in order", () => {
  const client = rig("client");
  const channel = client.open();
  assertEquals(channel.id, 1);
  assert(channel.write(utf8("question")));
  channel.end();
  assertEquals(client.sent(), ["HEADERS 1", "DATA 1 END question"]);
  assert(channel.writeEnded && !channel.readEnded);
  client.feed(headers(1, OK), data(1, "answer"), data(1, "", END_STREAM));
  assertEquals(client.heard(), ["1 response :status 200", "1 data answer", "1 end", "1 close"]);
  assertEquals(client.session.streams.size, 0);
});

test("5.1 server: the response may end before the request does", () => {
  const server = rig("server");
  server.feed(headers(1), data(1, "a"));
  server.channel(1).respond(OK);
  server.channel(1).write(utf8("b"));
  server.channel(1).end();
  assertEquals(server.sent(), ["HEADERS 1", "DATA 1 END b"]);
  assertEquals(server.heard(), ["1 body POST", "1 data a"]);
  server.feed(data(1, "c", END_STREAM));
  assertEquals(server.heard(), ["1 data c", "1 end", "1 close"]);
});

test("5.1 END_STREAM on HEADERS, both ways", () => {
  const server = rig("server");
  server.feed(headers(1, GET, END_STREAM));
  assertEquals(server.heard(), ["1 none GET", "1 end"]);
  assert(server.channel(1).readEnded);
  server.channel(1).respond(OK, "none");
  assertEquals(server.heard(), [], "not from within the owner's own call");
  assertEquals(server.sent(), ["HEADERS 1 END"]);
  assertEquals(server.heard(), ["1 close"]);

  const client = rig("client");
  client.open(GET, "none");
  assertEquals(client.sent(), ["HEADERS 1 END"]);
  client.feed(headers(1, OK, END_STREAM));
  assertEquals(client.heard(), ["1 response :status 200", "1 end", "1 close"]);
});

test("5.1 an end right after the header block goes out on it", () => {
  const client = rig("client");
  client.open().end();
  assertEquals(client.sent(), ["HEADERS 1 END"]);
});

test("5.1 closed: the owner hears of it after its own call, not within", () => {
  const server = rig("server", { on: (event, channel) => event === "end" && channel.respond(OK, "none") });
  server.feed(headers(1, GET, END_STREAM));
  assertEquals(server.heard(), ["1 none GET", "1 end", "1 close"]);
  assertEquals(server.woken.count, 0, "the output goes out with the receive");
});

test("5.1 half-closed (remote): DATA and HEADERS after END_STREAM are a stream error STREAM_CLOSED", () => {
  for (const late of [data(1, "x"), headers(1, ["a", "b"], END_STREAM)]) {
    const server = rig("server");
    server.feed(headers(1, GET, END_STREAM), late);
    assertEquals(server.heard(), ["1 none GET", "1 end", "1 close reset 5 engine"]);
    assertEquals(server.sent(), ["RST_STREAM 1 5"]);
    server.feed(headers(3, GET, END_STREAM));
    assertEquals(server.heard(), ["3 none GET", "3 end"], "the connection goes on");
  }
});

test("5.1 closed by END_STREAM on both sides: DATA and HEADERS end the connection with STREAM_CLOSED", () => {
  for (const late of [data(1, "x"), headers(1, GET)]) {
    const server = rig("server", { on: (event, channel) => event === "end" && channel.respond(OK, "none") });
    server.feed(headers(1, GET, END_STREAM));
    server.sent();
    server.feed(late);
    assertEquals(server.sent(), ["GOAWAY 1 5"]);
  }
});

test("5.1 closed: WINDOW_UPDATE, RST_STREAM and PRIORITY are ignored", () => {
  const server = rig("server", { on: (event, channel) => event === "end" && channel.respond(OK, "none") });
  server.feed(headers(1, GET, END_STREAM));
  server.sent();
  server.feed(windowUpdate(1, 5), windowUpdate(1, 0), reset(1, 8), frame(PRIORITY, 0, 1, new Uint8Array(5)));
  assertEquals(server.sent(), []);
  assertEquals(server.overs, []);
});

test("5.1 closed by our RST_STREAM: what was under way is ignored, and the connection's window stays right", () => {
  const server = rig("server");
  server.feed(headers(1));
  server.channel(1).reset(8);
  assertEquals(server.heard(), ["1 body POST", "1 close aborted 8"]);
  assertEquals(server.sent(), ["RST_STREAM 1 8"]);
  const filler = data(1, new Uint8Array(65_536));
  // More than half of the connection's window: it is given back although nobody reads.
  for (let i = 0; i < 16_385; i++) server.session.receive(filler);
  server.feed(headers(1, ["trailer", "x"], END_STREAM));
  assertEquals(server.sent(), ["WINDOW_UPDATE 0 1073807360"]);
  assertEquals(server.heard(), []);
});

test("5.1 closed by the peer's RST_STREAM: later DATA is a stream error STREAM_CLOSED", () => {
  const server = rig("server");
  server.feed(headers(1), reset(1, 8), data(1, "x"));
  assertEquals(server.heard(), ["1 body POST", "1 close reset 8 peer"]);
  assertEquals(server.sent(), ["RST_STREAM 1 5"]);
});

test("5.1 of many resets the oldest are forgotten and forgiven", () => {
  const server = rig("server", { settings: { limits: { resetBurst: 5_000 } } });
  for (let id = 1; id < 1_001; id += 2) {
    server.feed(headers(id));
    server.channel(id).reset();
  }
  server.sent();
  server.feed(data(1, "late"), data(999, "late"));
  assertEquals(server.sent(), []);
  assertEquals(server.overs, []);
});

test("5.1 idle: DATA, RST_STREAM, WINDOW_UPDATE end the connection with PROTOCOL_ERROR", () => {
  for (const role of ["client", "server"] as const) {
    for (const early of [data(5, "x"), reset(5, 8), windowUpdate(5, 1), data(2, "x"), headers(2, OK)]) {
      const self = rig(role);
      self.feed(early);
      assertEquals(self.sent(), ["GOAWAY 0 1"]);
    }
  }
});

test("5.1 idle: PRIORITY is ignored", () => {
  const server = rig("server");
  server.feed(frame(PRIORITY, 0, 5, new Uint8Array(5)));
  assertEquals(server.sent(), []);
});

test("5.1.1 identifiers go up: a lower one that was left out is a PROTOCOL_ERROR", () => {
  const server = rig("server");
  server.feed(headers(5), headers(3));
  assertEquals(server.sent(), ["GOAWAY 5 1"]);
  assertEquals(server.heard(), [
    "5 body POST",
    "5 close lost",
    "closed HTTP/2 PROTOCOL_ERROR: HEADERS on closed stream 3",
  ]);
});

test("5.1.1 a client's identifiers are odd", () => {
  const server = rig("server");
  server.feed(headers(2));
  assertEquals(server.sent(), ["GOAWAY 0 1"]);
});

test("5.1.1 our own identifiers go up by two until they are used up", () => {
  const client = rig("client");
  assertEquals([client.open().id, client.open().id, client.open().id], [1, 3, 5]);
  assertEquals(client.session.openable, 2 ** 30 - 3);
  const ids = new StreamIds("client", 2 ** 31 - 3);
  assertEquals([ids.left, ids.take(), ids.left, ids.take(), ids.left], [2, 2 ** 31 - 3, 1, 2 ** 31 - 1, 0]);
});

test("5.1.2 openable counts against the peer's SETTINGS_MAX_CONCURRENT_STREAMS", () => {
  const client = rig("client", { peer: { 3: 2 } });
  assertEquals(client.session.openable, 2);
  const first = client.open();
  client.open();
  assertEquals(client.session.openable, 0);
  assertThrows(() => client.open(), ConnectionClosedError, "the peer allows 2 streams at once");
  client.flush();
  assertEquals(client.heard(), []);
  first.reset();
  assertEquals(client.session.openable, 1);
  client.flush();
  assertEquals(client.heard(), ["1 close aborted 8", "available"]);
});

test("5.1.2 available is told when SETTINGS raise the number, and when a stream ends by itself", () => {
  const client = rig("client", { peer: { 3: 0 } });
  assertEquals(client.session.openable, 0);
  client.feed(settings({ 3: 1 }));
  assertEquals(client.heard(), ["available"]);
  client.open(GET, "none");
  client.feed(headers(1, OK, END_STREAM));
  assertEquals(client.heard(), ["1 response :status 200", "1 end", "1 close", "available"]);
  client.feed(settings({ 3: 0 }));
  client.feed(settings({ 3: 5 }));
  assertEquals(client.heard(), ["available"]);
  client.feed(goaway(0, 0));
  assertEquals(client.heard(), ["goaway 0 0"]);
  assertEquals(client.session.openable, 0);
});

test("5.1.2 a server refuses what is above its limit with REFUSED_STREAM, and header compression stays in step", () => {
  const server = rig("server", { settings: { maxStreams: 1 } });
  server.feed(headers(1), headers(3), data(3, "x"));
  assertEquals(server.sent(), ["RST_STREAM 3 7"]);
  server.feed(data(1, "", END_STREAM));
  server.channel(1).respond(OK, "none");
  server.flush();
  server.feed(headers(5, GET, END_STREAM));
  assertEquals(server.heard(), ["1 body POST", "1 end", "1 close", "5 none GET", "5 end"]);
});

test("write, respond and end in a wrong state throw and say which", () => {
  const server = rig("server");
  server.feed(headers(1));
  const channel = server.channel(1);
  assertThrows(() => channel.write(utf8("x")), Error, "Cannot write: stream 1 is waiting for respond()");
  assertThrows(() => channel.end(), Error, "Cannot end: stream 1 is waiting for respond()");
  channel.respond(OK);
  assertThrows(() => channel.respond(OK), Error, "Cannot respond: stream 1 is responding");
  assertThrows(() => channel.inform([":status", "103"]), Error, "Cannot inform");
  channel.end();
  channel.end();
  assertThrows(() => channel.write(utf8("x")), Error, "Cannot write: stream 1 is ended");
  channel.reset();
  assertThrows(() => channel.write(utf8("x")), Error, "Cannot write: stream 1 is closed");
  channel.end();
  channel.reset();
  channel.consume(1);
  assertEquals(server.sent(), ["HEADERS 1 END", "RST_STREAM 1 8"]);
});

test("a header block that cannot be encoded throws and changes nothing", () => {
  const server = rig("server");
  server.feed(headers(1));
  assertThrows(() => server.channel(1).respond([":status", "200", "x", "\u{1f600}"]), TypeError);
  server.channel(1).respond(OK);
  assertEquals(server.sent(), ["HEADERS 1"]);
});
