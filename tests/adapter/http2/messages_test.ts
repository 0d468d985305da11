/** RFC 9113 section 8: requests, responses, trailers, content-length. */
import { assertEquals } from "@std/assert";
import { data, END_STREAM, headers, REQUEST, reset } from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { GET, rig } from "./rig.ts";

const OK = [":status", "200"];

test("8.1 trailers, both ways", () => {
  const server = rig("server");
  server.feed(headers(1), data(1, "x"), headers(1, ["sum", "1"], END_STREAM));
  assertEquals(server.heard(), ["1 body POST", "1 data x", "1 trailers sum 1", "1 end"]);
  server.channel(1).respond(OK);
  server.channel(1).end(["sum", "2"]);
  assertEquals(server.sent(), ["HEADERS 1", "HEADERS 1 END"]);

  const client = rig("client");
  client.open(GET, "none");
  client.feed(headers(1, OK), headers(1, ["sum", "2"], END_STREAM));
  assertEquals(client.heard(), ["1 response :status 200", "1 trailers sum 2", "1 end", "1 close"]);
});

test("8.1 informational responses come before the response", () => {
  const client = rig("client");
  client.open();
  client.feed(headers(1, [":status", "100"]), headers(1, [":status", "103", "link", "x"]), headers(1, OK));
  assertEquals(client.heard(), [
    "1 informational :status 100",
    "1 informational :status 103 link x",
    "1 response :status 200",
  ]);
  const server = rig("server");
  server.feed(headers(1));
  server.channel(1).inform([":status", "103"]);
  server.channel(1).respond(OK);
  assertEquals(server.sent(), ["HEADERS 1", "HEADERS 1"]);
});

for (
  const [name, frames] of [
    ["8.1 an informational response with END_STREAM", [headers(1, [":status", "103"], END_STREAM)]],
    ["8.1 DATA before the response", [data(1, "x")]],
    ["8.1 a second response without END_STREAM", [headers(1, OK), headers(1, OK)]],
    ["8.1 trailers with a pseudo-field", [headers(1, OK), headers(1, OK, END_STREAM)]],
    ["8.3.2 a response without :status", [headers(1, ["a", "b"])]],
    ["8.6 :status 101", [headers(1, [":status", "101"])]],
    ["8.2.1 a name in upper case", [headers(1, [":status", "200", "A", "b"])]],
    ["8.2.2 a field of connections", [headers(1, [":status", "200", "connection", "close"])]],
    ["8.1.1 more than content-length", [headers(1, [...OK, "content-length", "2"]), data(1, "abc")]],
    ["8.1.1 less than content-length", [headers(1, [...OK, "content-length", "2"]), data(1, "a", END_STREAM)]],
    ["8.1.1 no body for content-length", [headers(1, [...OK, "content-length", "2"], END_STREAM)]],
    [
      "8.1.1 trailers before content-length is reached",
      [headers(1, [...OK, "content-length", "2"]), data(1, "a"), headers(1, ["a", "b"], END_STREAM)],
    ],
  ] as const
) {
  test(`${name} is malformed: a stream error PROTOCOL_ERROR`, () => {
    const client = rig("client");
    client.open();
    client.open();
    client.sent();
    client.feed(...frames);
    assertEquals(client.sent(), ["RST_STREAM 1 1"]);
    const heard = client.heard();
    assertEquals(heard.at(-1), "1 close reset 1 engine");
    assertEquals(heard.filter((line) => line.endsWith("end")), [], "a malformed message never ends in order");
    client.feed(headers(3, OK));
    assertEquals(client.heard(), ["3 response :status 200"]);
  });
}

test("8.1.1 malformed requests never reach the owner", () => {
  const wrong: readonly (readonly string[])[] = [
    [":method", "GET"],
    [...GET, ":path", "/"],
    ["a", "b", ...GET],
    [...GET, "te", "gzip"],
    [...GET, "content-length", "x"],
    [...GET, "content-length", "1", "content-length", "2"],
  ];
  const server = rig("server");
  wrong.forEach((fields, i) => server.feed(headers(2 * i + 1, fields)));
  server.feed(headers(21, [...GET, "content-length", "1"], END_STREAM));
  assertEquals(server.heard(), []);
  assertEquals(server.sent(), [...wrong.map((_, i) => `RST_STREAM ${2 * i + 1} 1`), "RST_STREAM 21 1"]);
});

test("8.1.1 a body of exactly its content-length", () => {
  const server = rig("server");
  server.feed(headers(1, [...REQUEST, "content-length", "3"]), data(1, "ab"), data(1, "c"), data(1, "", END_STREAM));
  assertEquals(server.heard(), ["1 body POST", "1 data ab", "1 data c", "1 end"]);
});

test("8.1.1 content-length without content: HEAD, 204, 304", () => {
  for (
    const [request, status] of [[[":method", "HEAD", ...GET.slice(2)], "200"], [GET, "204"], [GET, "304"]] as const
  ) {
    const client = rig("client");
    client.open(request, "none");
    client.feed(headers(1, [":status", status, "content-length", "5"], END_STREAM));
    assertEquals(client.heard(), [`1 response :status ${status} content-length 5`, "1 end", "1 close"]);
    client.open(request, "none");
    client.feed(headers(3, [":status", status, "content-length", "5"]), data(3, "12345", END_STREAM));
    assertEquals(client.heard().at(-1), "3 close reset 1 engine");
  }
});

test("8.5 CONNECT: content-length says nothing", () => {
  const client = rig("client");
  client.open([":method", "CONNECT", ":authority", "a:1"]);
  client.feed(headers(1, [...OK, "content-length", "1"]), data(1, "abc", END_STREAM));
  assertEquals(client.heard(), ["1 response :status 200 content-length 1", "1 data abc", "1 end"]);
});

test("8.1 RST_STREAM NO_ERROR after a complete response: the response has ended in order, the request has not", () => {
  const client = rig("client");
  client.open();
  client.feed(headers(1, OK), data(1, "done", END_STREAM), reset(1, 0));
  assertEquals(client.heard(), ["1 response :status 200", "1 data done", "1 end", "1 close reset 0 peer"]);
});

test("8.1 RST_STREAM NO_ERROR in the middle of a response is a cut, not an end", () => {
  const client = rig("client");
  client.open(GET, "none");
  client.feed(headers(1, OK), data(1, "half"), reset(1, 0));
  assertEquals(client.heard(), ["1 response :status 200", "1 data half", "1 close reset 0 peer"]);
});

test("8.7 REFUSED_STREAM before a response: the peer did not look at it", () => {
  const client = rig("client");
  client.open();
  client.open();
  client.feed(reset(1, 7), headers(3, OK), reset(3, 7));
  assertEquals(client.heard(), ["1 close refused", "3 response :status 200", "3 close reset 7 peer"]);
  const server = rig("server");
  server.feed(headers(1), reset(1, 7));
  assertEquals(server.heard(), ["1 body POST", "1 close reset 7 peer"]);
});
