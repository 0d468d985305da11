/** RFC 9113 section 6.8: GOAWAY, and the end of a connection. */
import { assert, assertEquals } from "@std/assert";
import { data, END_STREAM, goaway, headers, ping, reset, windowUpdate } from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { answer, GET, rig } from "./rig.ts";

const OK = [":status", "200"];

test("6.8 client: streams above the last one are refused, the others go on, then the connection ends", () => {
  const client = rig("client");
  client.open(GET, "none");
  client.open();
  client.open();
  client.sent();
  client.feed(goaway(3, 0));
  assertEquals(client.heard(), ["goaway 0 3", "5 close refused"]);
  assertEquals(client.session.openable, 0);
  client.feed(headers(1, OK, END_STREAM), headers(3, OK));
  assertEquals(client.heard(), ["1 response :status 200", "1 end", "1 close", "3 response :status 200"]);
  assert(!client.session.ending);
  client.channel(3).end();
  client.feed(data(3, "x", END_STREAM));
  assertEquals(client.heard(), ["3 data x", "3 end", "3 close"]);
  assertEquals(client.sent(), ["DATA 3 END", "GOAWAY 0 0"]);
  assert(client.session.ending);
  client.session.transportClosed(undefined);
  assertEquals(client.heard(), ["closed"]);
});

test("6.8 client: a first GOAWAY with the highest id, then the final one", () => {
  const client = rig("client");
  client.open();
  client.open();
  client.feed(goaway(2 ** 31 - 1, 0), ping());
  assertEquals(client.heard(), ["goaway 0 2147483647"]);
  client.feed(goaway(1, 0));
  assertEquals(client.heard(), ["goaway 0 1", "3 close refused"]);
  client.feed(goaway(3, 0));
  assertEquals(client.heard(), ["goaway 0 1"], "it cannot be taken back");
  client.feed(headers(1, OK, END_STREAM));
  client.channel(1).reset();
  client.flush();
  assert(client.session.ending);
});

test("6.8 client: GOAWAY without streams ends the connection, whatever the id", () => {
  for (const last of [0, 1, 2, 2 ** 31 - 1]) {
    const client = rig("client");
    client.feed(goaway(last, 0));
    assertEquals(client.sent(), ["GOAWAY 0 0"]);
    assert(client.session.ending);
    client.session.transportClosed(new Error("reset behind our FIN"));
    assertEquals(client.heard(), [`goaway 0 ${last}`, "closed"]);
  }
});

test("6.8 GOAWAY with an error, then the end: the owner hears the code", () => {
  const client = rig("client");
  client.open();
  client.feed(goaway(1, 11));
  client.session.transportClosed(undefined);
  assertEquals(client.heard(), [
    "goaway 11 1",
    "1 close lost",
    "closed the peer closed the connection after GOAWAY ENHANCE_YOUR_CALM",
  ]);
  assertEquals((client.overs[0] as { code?: number }).code, 11);
});

test("6.8 our goaway, client: nothing new, and the end with the last stream", () => {
  const client = rig("client");
  const channel = client.open(GET, "none");
  client.session.goAway(0);
  client.session.goAway(0);
  assertEquals(client.session.openable, 0);
  assertEquals(client.sent(), ["HEADERS 1 END", "GOAWAY 0 0"]);
  client.feed(headers(channel.id, OK, END_STREAM));
  assert(client.session.ending);
});

test("6.8 our goaway, server: what was under way is still served, then the final id goes out", () => {
  const server = rig("server");
  server.feed(headers(1));
  assert(server.session.goAway(0));
  const announced = server.frames();
  assertEquals(announced.length, 2);
  assertEquals(announced[0]!.payload, Uint8Array.of(127, 255, 255, 255, 0, 0, 0, 0));
  server.feed(headers(3));
  server.feed(answer(announced));
  assertEquals(server.sent(), ["GOAWAY 3 0"]);
  // Above it, nothing is looked at, and nothing is an error; header compression and windows stay right.
  server.feed(headers(5), data(5, "x"), headers(5, ["a", "b"], END_STREAM), windowUpdate(5, 1), reset(5, 8));
  assertEquals(server.sent(), []);
  assertEquals(server.heard(), ["1 body POST", "3 body POST"]);
  for (const id of [1, 3]) {
    server.channel(id).respond(OK, "none");
    server.feed(data(id, "", END_STREAM));
  }
  assert(server.session.ending);
  server.session.transportClosed(undefined);
  assertEquals(server.heard(), ["1 end", "1 close", "3 end", "3 close", "closed"]);
});

test("6.8 our goaway, server: it does not end before the PING is answered, or has waited long enough", () => {
  const server = rig("server");
  assert(server.session.goAway(0));
  server.flush();
  assert(!server.session.ending);
  server.session.leaveNow();
  server.flush();
  assert(server.session.ending);
  server.session.leaveNow();
  assertEquals(server.sent(), ["GOAWAY 2147483647 0", "PING", "GOAWAY 0 0"]);
});

test("6.8 our goaway with an error goes out at once", () => {
  const server = rig("server");
  server.feed(headers(1));
  assert(!server.session.goAway(2));
  assertEquals(server.sent(), ["GOAWAY 1 2"]);
  assert(!server.session.ending);
});

test("6.8 server: a client's GOAWAY lets its streams finish", () => {
  const server = rig("server");
  server.feed(headers(1), goaway(0, 0));
  assertEquals(server.heard(), ["1 body POST", "goaway 0 0"]);
  assert(!server.session.ending);
  server.feed(data(1, "", END_STREAM));
  server.channel(1).respond(OK, "none");
  assertEquals(server.sent(), ["HEADERS 1 END", "GOAWAY 1 0"]);
  assert(server.session.ending);
});

test("a FIN without GOAWAY is an error, and streams are lost", () => {
  const client = rig("client");
  client.open();
  client.feed(headers(1, OK), data(1, "half"));
  client.session.transportClosed(undefined);
  assertEquals(client.heard(), [
    "1 response :status 200",
    "1 data half",
    "1 close lost",
    "closed the peer closed the connection",
  ]);
  client.session.transportClosed(new Error("again"));
  assertEquals(client.overs.length, 1);
});

test("an end in the middle of a frame says so", () => {
  const client = rig("client");
  client.feed(headers(1).subarray(0, 5));
  client.session.transportClosed(undefined);
  assertEquals(client.heard(), ["closed the peer closed the connection in the middle of a frame"]);
});

test("a reset of the socket is the cause that streams hear", () => {
  const client = rig("client");
  client.open();
  const cause = new Error("read ECONNRESET");
  client.session.transportClosed(cause);
  assertEquals(client.heard(), ["1 close lost", "closed the connection was lost: read ECONNRESET"]);
  assertEquals(client.overs[0]?.cause, cause);
});

test("destroy tells everybody before it returns, and says GOAWAY", () => {
  const server = rig("server");
  server.feed(headers(1), headers(3));
  server.heard();
  server.session.destroy(undefined);
  assertEquals(server.heard(), ["1 close lost", "3 close lost", "closed the connection was destroyed"]);
  assertEquals(server.sent(), ["GOAWAY 3 0"]);
  server.session.destroy(undefined);
  server.feed(headers(5), ping());
  assertEquals([server.heard(), server.sent()], [[], []]);
  const other = rig("server");
  other.session.destroy(new Error("mine"));
  assertEquals([other.heard(), other.sent()], [["closed mine"], ["GOAWAY 0 2"]]);
});

test("a stream that has ended in the call before destroy is lost: its last bytes never left", () => {
  const server = rig("server");
  server.feed(headers(1, GET, END_STREAM));
  server.heard();
  server.channel(1).respond(OK, "none");
  server.session.destroy(undefined);
  assertEquals(server.heard(), ["1 close lost", "closed the connection was destroyed"]);
});
