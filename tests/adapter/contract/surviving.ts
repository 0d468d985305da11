/** What a peer may do at any moment, and what it may not; neither harms anything but its own streams or connection. @module */
import { assert, assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { rawConnection } from "./connecting.ts";
import {
  DATA,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  PREFACE,
  rawClient,
  request,
  RST_STREAM,
  settings,
  words,
} from "./raw_peer.ts";
import { connect, ear, type Engines, listen, ok, pattern, post } from "./setup.ts";

const CODES = [0, 1, 2, 3, 5, 7, 8, 11, 13, 14, 255, 0xffffffff];

export function survivingContract(name: string, engines: Engines): void {
  test(`${name}: GOAWAY with any code and any last id ends the connection, never the process`, async (t) => {
    for (const code of CODES) {
      for (const lastId of [0, 1, 2, 3, 0x7fffffff]) {
        const { peer, connection, ear: connectionEar } = await rawConnection(t, engines);
        const ears = [ear(), ear()];
        for (const one of ears) connection.open(post("/"), one);
        await peer.frame(HEADERS);
        await peer.frame(HEADERS);
        peer.send(frame(GOAWAY, 0, 0, words(lastId, code)));
        await connectionEar.until(() => connectionEar.goaways.length > 0 || connectionEar.log.includes("close"));
        assertEquals(connection.openable, 0);
        peer.socket.destroy();
        const kinds = await Promise.all(ears.map(async (one) => (await one.gone)?.kind));
        kinds.forEach((kind, i) =>
          assert(kind === (1 + 2 * i <= lastId ? "lost" : "refused") || kind === "lost", kind)
        );
        await connectionEar.gone;
        assertEquals(connection.channels, 0);
      }
    }
  });

  test(`${name}: GOAWAY twice, the second with a lower last id`, async (t) => {
    const { peer, connection, ear: connectionEar } = await rawConnection(t, engines);
    const ears = [ear(), ear()];
    for (const one of ears) connection.open(post("/"), one);
    await peer.frame(HEADERS);
    await peer.frame(HEADERS);
    peer.send(frame(GOAWAY, 0, 0, words(0x7fffffff, 0)), frame(GOAWAY, 0, 0, words(1, 0)));
    assertEquals((await ears[1]?.gone)?.kind, "refused");
    peer.send(headers(1, ok, 5));
    await ears[0]?.ended;
    connection.destroy();
    await connectionEar.gone;
  });

  test(`${name}: RST of a stream at any moment ends the stream, and it alone`, async (t) => {
    const { peer, connection, ear: connectionEar } = await rawConnection(t, engines);
    const moments: Uint8Array[][] = [
      [],
      [headers(1, [":status", "103"])],
      [headers(1, ok)],
      [headers(1, ok), frame(DATA, 0, 1, pattern(10))],
      [headers(1, ok), frame(DATA, END_STREAM, 1, pattern(10))],
      [headers(1, ok), headers(1, ["x-sum", "1"], 5)],
    ];
    for (const moment of moments) {
      for (const code of CODES) {
        const handler = ear();
        const { id } = connection.open(post("/"), handler);
        await peer.frame(HEADERS);
        const said = [...moment, frame(RST_STREAM, 0, 1, words(code))].map((bytes) => {
          const own = Uint8Array.from(bytes);
          own.set(words(id), 5);
          return own;
        });
        peer.send(...said);
        const fault = await handler.gone;
        assert(
          fault?.kind === "reset"
            ? fault.code === code && fault.by === "peer"
            : fault?.kind === "refused" && code === 7,
        );
        const ended = moment.some((bytes) => (bytes[4]! & END_STREAM) !== 0);
        assertEquals(handler.log.includes("end"), ended);
        assertEquals(handler.log.at(-1), "close");
      }
    }
    assertEquals([connectionEar.log, connection.channels], [[], 0]);
  });

  test(`${name}: frames for a stream that we have reset are dropped`, async (t) => {
    const { peer, connection, ear: connectionEar } = await rawConnection(t, engines);
    const handler = ear();
    const channel = connection.open(post("/"), handler);
    await peer.frame(HEADERS);
    channel.reset();
    const other = ear();
    connection.open(post("/"), other);
    peer.send(
      headers(1, ok),
      frame(DATA, 0, 1, pattern(1_000)),
      frame(8, 0, 1, words(100)),
      frame(RST_STREAM, 0, 1, words(5)),
      headers(3, ok, 5),
    );
    await other.ended;
    assertEquals([handler.log, connectionEar.log], [["close"], []]);
  });

  test(`${name}: streams beyond the limit are refused, the others go on`, async (t) => {
    const { port, request: next, connection } = await listen(t, engines, { settings: { maxStreams: 2 } });
    const peer = await rawClient(t, port);
    peer.send(PREFACE, settings, frame(4, 1, 0));
    await connection();
    peer.send(headers(1, request), headers(3, request), headers(5, request));
    const rst = await peer.frame(RST_STREAM);
    assertEquals([rst.id, rst.payload.readUInt32BE(0)], [5, 7]);
    const one = await next();
    await next();
    one.channel.respond(ok, "none");
    peer.send(frame(DATA, END_STREAM, 1));
    await one.ear.gone;
    peer.send(headers(7, request, 5));
    assertEquals((await next()).channel.id, 7);
  });

  test(`${name}: whatever bytes come after the handshake, only their own connection ends`, async (t) => {
    const { port, connection: accepted } = await listen(t, engines);
    const steady = await connect(t, engines, port);
    await accepted();
    let state = 12_345;
    const random = (below: number): number => {
      state = Math.imul(state, 1_664_525) + 1_013_904_223 >>> 0;
      return Math.floor(state / 0x100000000 * below);
    };
    for (let round = 0; round < 40; round++) {
      const peer = await rawClient(t, port);
      peer.send(PREFACE, settings, headers(1, request));
      for (let i = 0; i < 20; i++) {
        // Frames whose heads are mostly sound, so that they get somewhere.
        const payload = Uint8Array.from({ length: [0, 4, 5, 6, 8, 13, 40][random(7)]! }, () => random(256));
        peer.send(frame(random(11), random(256), [0, 1, 1, 3, random(0x7fffffff)][random(5)]!, payload));
      }
      peer.socket.end();
      await peer.closed;
    }
    await steady.connection.ping(10_000);
    assertEquals(steady.ear.log, []);
  });
}
