/** PING, GOAWAY and every way in which a connection ends. @module */
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { ConnectionClosedError } from "../../../src/adapter/contract.ts";
import { fakeClock } from "../../support/clock.ts";
import { test } from "../../support/harness.ts";
import { rawConnection } from "./connecting.ts";
import {
  DATA,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  PING,
  PREFACE,
  rawClient,
  request,
  SETTINGS,
  settings,
  words,
} from "./raw_peer.ts";
import { connect, ear, ends, type Engines, listen, ok, pattern, post, settled } from "./setup.ts";

export function endingsContract(name: string, engines: Engines): void {
  test(`${name}: ping measures the round trip, from either side, several at once`, async (t) => {
    const { client, server } = await ends(t, engines);
    for (const trip of await Promise.all([client.ping(5_000), client.ping(5_000), server.ping(5_000)])) {
      assert(trip >= 0 && trip < 5_000, `${trip} ms`);
    }
  });

  test(`${name}: an answered ping tells that what was ended before it has arrived`, async (t) => {
    const { pair, client } = await ends(t, engines);
    const { near, farEar } = await pair();
    assertEquals(near.write(pattern(60_000)), true);
    near.end();
    await client.ping(5_000);
    client.destroy();
    await farEar.gone;
    assertEquals([farEar.received, farEar.log], [60_000, ["data", "end", "close"]]);
  });

  test(`${name}: ping rejects in time, and the connection stays`, async (t) => {
    const clock = fakeClock();
    const { port, next } = await (await import("./raw_peer.ts")).rawServer(t);
    const connecting = connect(t, engines, port, { clock });
    const peer = await next();
    peer.send(settings);
    const { connection, ear } = await connecting;
    const ping = assertRejects(() => connection.ping(2_000), Error, "2000 ms");
    await peer.frame(PING);
    clock.advance(2_000);
    await ping;
    assertEquals(ear.log, []);
    const second = connection.ping(2_000);
    const { payload } = await peer.frame(PING);
    clock.advance(500);
    peer.send(frame(PING, 1, 0, payload));
    assertEquals(await second, 500);
    assertEquals(clock.pending, 0);
  });

  test(`${name}: ping rejects with the connection`, async (t) => {
    const { client, server } = await ends(t, engines);
    const ping = assertRejects(() => client.ping(60_000), Error);
    server.destroy();
    await ping;
    await assertRejects(() => client.ping(1_000), ConnectionClosedError);
  });

  test(`${name}: bytes are counted, and lastRead is when they came`, async (t) => {
    const clock = fakeClock(1_000);
    const { pair, client, server } = await ends(t, engines, { clock });
    const [sent, read] = [client.bytesOut, server.bytesIn];
    const { near, farEar } = await pair();
    clock.advance(500);
    near.write(pattern(1_000));
    await farEar.until(() => farEar.received === 1_000);
    assertEquals(server.lastRead, 1_500);
    const grown = [client.bytesOut - sent, server.bytesIn - read];
    assert(grown.every((bytes) => bytes > 1_009 && bytes < 1_200), String(grown));
  });

  test(`${name}: goaway of an idle connection ends it in order, from either side`, async (t) => {
    for (const side of ["client", "server"] as const) {
      const both = await ends(t, engines);
      both[side].goaway();
      both[side].goaway();
      assertEquals([await both.clientEar.gone, await both.serverEar.gone], [undefined, undefined]);
      const other = side === "client" ? both.serverEar : both.clientEar;
      assertEquals(other.goaways.at(-1)?.code, 0);
      assertEquals(both.client.openable, 0);
    }
  });

  test(`${name}: goaway by the server: streams in use finish, new ones are not opened`, async (t) => {
    const { pair, client, server, clientEar, serverEar, open } = await ends(t, engines);
    const { near, nearEar, far, farEar } = await pair();
    server.goaway();
    await clientEar.until(() => clientEar.goaways.length > 0);
    assertEquals([client.openable, clientEar.goaways[0]?.code], [0, 0]);
    assertThrows(() => open(), ConnectionClosedError);
    near.write(pattern(100_000));
    near.end();
    await farEar.ended;
    far.respond(ok);
    far.write(pattern(10));
    far.end();
    assertEquals([await nearEar.gone, await farEar.gone], [undefined, undefined]);
    assertEquals([farEar.received, nearEar.received], [100_000, 10]);
    assertEquals([await clientEar.gone, await serverEar.gone], [undefined, undefined]);
    assertEquals(clientEar.log.at(-1), "close");
  });

  test(`${name}: goaway by the server: a request that crosses it is served or refused, never lost`, async (t) => {
    const { open, server, served } = await ends(t, engines);
    server.goaway();
    const { ear } = open({ body: "none" });
    const serving = served.request().then(({ channel }) => channel.respond(ok, "none"));
    const fault = await ear.gone;
    if (fault === undefined) await serving;
    else assertEquals(fault.kind, "refused");
  });

  test(`${name}: goaway by the client: streams in use finish`, async (t) => {
    const { pair, client, server, clientEar, serverEar, open } = await ends(t, engines);
    const { near, nearEar, far, farEar } = await pair();
    client.goaway();
    assertEquals(client.openable, 0);
    assertThrows(() => open(), ConnectionClosedError);
    await serverEar.until(() => serverEar.goaways.length > 0);
    near.write(pattern(10));
    near.end();
    await farEar.ended;
    far.respond(ok, "none");
    assertEquals([await nearEar.gone, await farEar.gone], [undefined, undefined]);
    assertEquals([await clientEar.gone, await serverEar.gone], [undefined, undefined]);
    assertEquals([client.channels, server.channels], [0, 0]);
  });

  test(`${name}: goaway with a code is told, and what the peer did not look at is refused`, async (t) => {
    const { peer, connection, ear: connectionEar } = await rawConnection(t, engines);
    const ears = [ear(), ear(), ear()];
    for (const one of ears) connection.open(post("/"), one);
    for (let i = 0; i < 3; i++) await peer.frame(HEADERS);
    peer.send(frame(GOAWAY, 0, 0, words(3, 11)));
    assertEquals((await ears[2]?.gone)?.kind, "refused");
    assertEquals([ears[0]?.closed, ears[1]?.closed, connection.channels], [false, false, 2]);
    assertEquals(connectionEar.goaways, [{ code: 11, lastId: 3 }]);
    peer.send(headers(1, ok, 5), headers(3, ok, 5));
    await Promise.all([ears[0]?.ended, ears[1]?.ended]);
  });

  test(`${name}: destroy: every channel is lost before it returns, and the other side hears of it`, async (t) => {
    const { pair, client, clientEar, serverEar } = await ends(t, engines);
    const streams = [await pair(), await pair()];
    const reason = new Error("had enough");
    client.destroy(reason);
    for (const { nearEar } of streams) {
      assertEquals([nearEar.log, nearEar.fault], [["close"], { kind: "lost", cause: reason }]);
    }
    assertEquals([clientEar.log.at(-1), clientEar.error, client.channels, client.openable], ["close", reason, 0, 0]);
    client.destroy();
    client.goaway();
    assertThrows(() => client.open(post("/"), ear()), ConnectionClosedError);
    for (const { farEar } of streams) {
      assertEquals((await farEar.gone)?.kind, "lost");
      assertEquals(farEar.log.includes("end"), false);
    }
    assert((await serverEar.gone) instanceof Error);
    assertEquals(clientEar.log.filter((event) => event === "close").length, 1);
  });

  test(`${name}: destroy by the server`, async (t) => {
    const { pair, server, clientEar, serverEar } = await ends(t, engines);
    const { near, nearEar, farEar } = await pair();
    near.write(pattern(10));
    await farEar.until(() => farEar.received === 10);
    server.destroy();
    assertEquals([farEar.fault?.kind, serverEar.log.at(-1)], ["lost", "close"]);
    const fault = await nearEar.gone;
    assert(fault?.kind === "lost" && fault.cause instanceof Error);
    assert((await clientEar.gone) instanceof Error);
    assertThrows(() => near.write(pattern(1)), Error);
  });

  test(`${name}: a cut is never an end: FIN without END_STREAM, and in the middle of a frame`, async (t) => {
    const whole = frame(DATA, 0, 1, pattern(100));
    const cases = [
      [headers(1, ok), frame(DATA, 0, 1, pattern(50))],
      [headers(1, ok), whole.subarray(0, 59)],
      [headers(1, ok), whole.subarray(0, 5)],
      [headers(1, ok).subarray(0, 11)],
      [],
    ];
    for (const said of cases) {
      const { peer, connection, ear: connectionEar } = await rawConnection(t, engines);
      const handler = ear();
      connection.open(post("/"), handler);
      await peer.frame(HEADERS);
      peer.socket.end(Uint8Array.from(said.flatMap((part) => [...part])));
      const fault = await handler.gone;
      assertEquals([fault?.kind, handler.log.includes("end")], ["lost", false]);
      assert((await connectionEar.gone) instanceof Error);
    }
  });

  test(`${name}: a cut is never an end, at the server`, async (t) => {
    const { port, request: next, connection } = await listen(t, engines);
    const peer = await rawClient(t, port);
    peer.send(PREFACE, settings, headers(1, request), frame(DATA, 0, 1, pattern(100)).subarray(0, 59));
    const { ear: connectionEar } = await connection();
    const { ear } = await next();
    await ear.until(() => ear.received === 50);
    peer.socket.end();
    assertEquals([(await ear.gone)?.kind, ear.log], ["lost", ["data", "close"]]);
    assert((await connectionEar.gone) instanceof Error);
  });

  test(`${name}: half a frame and then silence disturbs nobody, and PING finds it`, async (t) => {
    const clock = fakeClock();
    const { port, request: next, connection: accepted } = await listen(t, engines);
    const peer = await rawClient(t, port);
    peer.send(PREFACE, settings, headers(1, request), frame(DATA, 0, 1, pattern(100)).subarray(0, 59));
    const { connection, ear: connectionEar } = await accepted();
    const { ear } = await next();
    await ear.until(() => ear.received === 50);
    const other = await connect(t, engines, port, { clock });
    const one = ear.log.length;
    await other.connection.ping(5_000);
    await assertRejects(() => connection.ping(50), Error);
    assertEquals([connectionEar.log, ear.log.length], [["channel"], one]);
    connection.destroy(new Error("frozen"));
    assertEquals(ear.fault?.kind, "lost");
    await peer.closed;
  });

  test(`${name}: a connection error of the peer ends the connection with its code, and nothing else`, async (t) => {
    const { port, connection: accepted, request: next } = await listen(t, engines);
    const steady = await connect(t, engines, port);
    await accepted();
    const wrong: [string, number, Uint8Array][] = [
      ["DATA on stream 0", 1, frame(DATA, 0, 0, pattern(1))],
      ["DATA on an idle stream", 1, frame(DATA, 0, 5, pattern(1))],
      ["SETTINGS of a wrong length", 6, frame(SETTINGS, 0, 0, pattern(5))],
      ["a frame that is too large", 6, frame(DATA, 0, 1, new Uint8Array(70_000))],
      ["broken HPACK", 9, frame(HEADERS, 4, 3, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
      ["PING of a wrong length", 6, frame(PING, 0, 0, pattern(7))],
    ];
    for (const [what, code, bytes] of wrong) {
      const peer = await rawClient(t, port);
      peer.send(PREFACE, settings, headers(1, request));
      const { ear: connectionEar } = await accepted();
      const { ear } = await next();
      peer.send(bytes);
      const { payload } = await peer.frame(GOAWAY);
      assertEquals([what, payload.readUInt32BE(4)], [what, code]);
      assertEquals((await ear.gone)?.kind, "lost");
      assert((await connectionEar.gone) instanceof Error);
      await peer.closed;
    }
    await steady.connection.ping(5_000);
  });

  test(`${name}: a stream error of the peer ends the stream with its code, and nothing else`, async (t) => {
    const { port, request: next, connection } = await listen(t, engines);
    const peer = await rawClient(t, port);
    peer.send(PREFACE, settings, headers(1, request));
    await connection();
    const { ear } = await next();
    // A body that is shorter than promised, RFC 9113 section 8.1.1.
    peer.send(headers(3, [...request, "content-length", "10"]), frame(DATA, END_STREAM, 3, pattern(5)));
    const other = await next();
    const fault = await other.ear.gone;
    assertEquals(fault?.kind === "reset" && [fault.by, fault.code], ["engine", 1]);
    const rst = await peer.frame(3);
    assertEquals([rst.id, rst.payload.readUInt32BE(0)], [3, 1]);
    peer.send(frame(DATA, END_STREAM, 1, pattern(5)));
    await ear.ended;
  });

  test(`${name}: whatever a callback calls, each channel and connection closes once`, async (t) => {
    const { open, client, clientEar, served } = await ends(t, engines);
    const inClose = ear({
      on: (event) => {
        if (event !== "close") return;
        client.destroy();
        client.goaway();
      },
    });
    const channel = client.open(post("/"), inClose);
    const other = open({ on: (event) => void (event === "close" && channel.reset()) });
    await served.request();
    await served.request();
    channel.reset();
    assertEquals(inClose.log, ["close"]);
    await other.ear.gone;
    await clientEar.gone;
    assertEquals([inClose.log, other.ear.log, clientEar.log], [["close"], ["close"], ["close"]]);
  });

  test(`${name}: re-entrancy: open, write, reset and destroy from inside data`, async (t) => {
    const { open, client, served } = await ends(t, engines);
    let opened: ReturnType<typeof open> | undefined;
    const first = open({
      on(event, self) {
        if (event !== "data") return;
        opened ??= open({ body: "none" });
        self.channel?.write(pattern(3));
        self.channel?.reset(5);
      },
    });
    const one = await served.request();
    one.channel.respond(ok);
    one.channel.write(pattern(100_000));
    assertEquals(await first.ear.gone, { kind: "aborted", code: 5 });
    assertEquals(first.ear.log, ["response", "data", "close"]);
    const two = await served.request();
    assertEquals((await one.ear.gone)?.kind, "reset");
    two.channel.respond(ok);
    two.channel.write(pattern(10));
    const third = open({ on: (event) => void (event === "data" && client.destroy()) });
    const three = await served.request();
    three.channel.respond(ok);
    three.channel.write(pattern(200_000));
    assertEquals((await third.ear.gone)?.kind, "lost");
    assertEquals([third.ear.log, opened?.ear.fault?.kind], [["response", "data", "close"], "lost"]);
    await three.ear.gone;
  });

  test(`${name}: a burst of resets harms nothing but its streams`, async (t) => {
    const { pair, client, clientEar, open } = await ends(t, engines);
    const steady = await pair();
    for (let i = 0; i < 500; i++) open({ body: "none" }).channel.reset();
    await settled(client);
    steady.near.write(pattern(10));
    await steady.farEar.until(() => steady.farEar.received === 10);
    assertEquals(clientEar.log.includes("close"), false);
  });

  test(`${name}: too many resets end the connection with ENHANCE_YOUR_CALM`, async (t) => {
    const limits = { resetBurst: 20, resetsPerSecond: 1 };
    const { client, clientEar, serverEar, open } = await ends(t, engines, { settings: { limits } });
    for (let i = 0; i < 40 && client.openable > 0; i++) open({ body: "none" }).channel.reset();
    const error = await clientEar.gone;
    assert(error instanceof ConnectionClosedError);
    assertEquals(clientEar.goaways.at(-1)?.code, 11);
    assertStringIncludes(String(await serverEar.gone), "reset");
  });

  const { server, client } = { server: engines.server.capabilities, client: engines.client.capabilities };
  test(`${name}: a malformed request ends its stream, or its connection, and disturbs nobody else`, async (t) => {
    const { port, connection: accepted, request: next } = await listen(t, engines);
    const steady = await connect(t, engines, port);
    await accepted();
    const path = request.indexOf(":path");
    for (
      const wrong of [[...request.slice(0, path)], [...request, "X-Upper", "1"], [...request, "connection", "close"]]
    ) {
      const peer = await rawClient(t, port);
      peer.send(PREFACE, settings, headers(1, request));
      const { ear: connectionEar } = await accepted();
      const { ear } = await next();
      peer.send(headers(3, wrong));
      if (server.messageErrors) {
        const rst = await peer.frame(3);
        assertEquals([rst.id, rst.payload.readUInt32BE(0)], [3, 1]);
        peer.send(frame(DATA, END_STREAM, 1, pattern(5)));
        await ear.ended;
        assertEquals(connectionEar.log, ["channel"]);
      } else {
        assertEquals((await peer.frame(GOAWAY)).payload.readUInt32BE(4), 1);
        assertEquals((await ear.gone)?.kind, "lost");
        assertEquals(ear.log, ["close"]);
        await peer.closed;
      }
    }
    await steady.connection.ping(5_000);
  });

  test(`${name}: a malformed response ends its stream, or its connection`, async (t) => {
    for (const wrong of [["x-status", "200"], [...ok, "X-Upper", "1"], [":status", "101"]]) {
      const { peer, connection, ear: connectionEar } = await rawConnection(t, engines);
      const [first, second] = [ear(), ear()];
      connection.open(post("/"), first);
      connection.open(post("/"), second);
      await peer.frame(HEADERS);
      await peer.frame(HEADERS);
      peer.send(headers(1, wrong));
      const fault = await first.gone;
      assertEquals(first.log, ["close"]);
      if (client.messageErrors) {
        assertEquals(fault?.kind === "reset" && [fault.by, fault.code], ["engine", 1]);
        peer.send(headers(3, ok, 5));
        await second.ended;
        assertEquals(connectionEar.log, []);
      } else {
        assertEquals([fault?.kind, (await second.gone)?.kind], ["lost", "lost"]);
        const error = await connectionEar.gone;
        assertEquals(error instanceof ConnectionClosedError && error.code, 1);
      }
    }
  });

  test(`${name}: a field value that is not allowed makes a request malformed, or is left out`, async (t) => {
    const { port, request: next, connection: accepted } = await listen(t, engines);
    const peer = await rawClient(t, port);
    peer.send(PREFACE, settings, headers(1, [...request, "x-a", "a\nb", "x-b", "2"]));
    await accepted();
    if (server.fieldValues) assertEquals((await peer.frame(3)).payload.readUInt32BE(0), 1);
    else assertEquals((await next()).fields, [...request, "x-b", "2"]);
  });
}
