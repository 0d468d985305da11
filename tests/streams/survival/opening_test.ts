// Whatever a server answers to an opening: the client counts it, tells it, and is full again as soon as the server is well.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { PoolError } from "../../../src/streams/mod.ts";
import { block, CONTINUATION, data, END_HEADERS, END_STREAM, frame, HEADERS, padded } from "../../support/frames.ts";
import { concat, headers, reset, settings, uint32, utf8, windowUpdate } from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { bytes } from "../support.ts";
import { answer, OK, ownId, type RawPeer, rawServer, type RawStream } from "./raw.ts";
import { closes, each, echoes, failure, ledger, quickClient, recovers, until } from "./support.ts";

type Answer = (stream: RawStream, peer: RawPeer) => Uint8Array;

const NONE = new Uint8Array();
const status = (code: string, flags = 0): Answer => ({ id }) => headers(id, [":status", code], flags);
const withBody = (code: string): Answer => ({ id }) =>
  concat(headers(id, [":status", code]), data(id, "404 page not found\n", END_STREAM));
const fields = (...list: string[]): Answer => ({ id }) => headers(id, list);
const after = (...parts: ((id: number) => Uint8Array)[]): Answer => ({ id }) =>
  concat(headers(id, OK), ...parts.map((part) => part(id)));
const idBytes = (n: number): (id: number) => Uint8Array => (id) => data(id, utf8("1234").subarray(0, n));
const rst = (code: number): (id: number) => Uint8Array => (id) => reset(id, code);
const trailers = (id: number): Uint8Array => headers(id, ["x-sum", "1"], END_STREAM);

/** As `stats()` counts them. */
interface Expected {
  readonly answer: Answer;
  readonly counts: "failed" | "rejected";
  readonly says?: RegExp;
}
const failed = (answer: Answer, says: RegExp): Expected => ({ answer, counts: "failed", says });
const full = (answer: Answer): Expected => ({ answer, counts: "rejected" });

const WRONG: Record<string, Expected> = {
  "404 with a body": full(withBody("404")),
  "404 without": full(status("404", END_STREAM)),
  "404 that never ends": full(status("404")),
  "429": full(withBody("429")),
  "503": full(withBody("503")),
  "REFUSED_STREAM": full(({ id }) => reset(id, 7)),
  "500": failed(withBody("500"), /status 500/),
  "201": failed(withBody("201"), /status 201/),
  "204": failed(status("204", END_STREAM), /status 204/),
  "301": failed(withBody("301"), /status 301/),
  "999": failed(withBody("999"), /status 999/),
  "no status": failed(fields("x", "y"), /code 1/),
  "a status that is none": failed(fields(":status", "abc"), /code 1/),
  "two statuses": failed(fields(":status", "200", ":status", "200"), /code 1/),
  "a pseudo-field that does not exist": failed(fields(":status", "200", ":x", "y"), /code 1/),
  "upper case": failed(fields(":status", "200", "X-Y", "z"), /code 1/),
  "connection: close": failed(fields(":status", "200", "connection", "close"), /code 1/),
  "300 fields": failed(
    ({ id }) => headers(id, [":status", "200", ...Array.from({ length: 300 }, () => ["x", "y"]).flat()]),
    /code 11/,
  ),
  "103 with END_STREAM": failed(status("103", END_STREAM), /code 1/),
  "200 with END_STREAM": failed(status("200", END_STREAM), /before its id/),
  "half an id and the end": failed(after(idBytes(2), (id) => data(id, NONE, END_STREAM)), /before its id/),
  "half an id and trailers": failed(after(idBytes(3), trailers), /before its id/),
  "trailers for an id": failed(after(trailers), /before its id/),
  "a second response": failed(after((id) => headers(id, OK)), /code 1/),
  "DATA before HEADERS": failed(({ id }) => data(id, "1234"), /code 1/),
  "DATA beyond the window": failed(
    after(...Array.from({ length: 5 }, () => (id: number) => data(id, new Uint8Array(16_000)))),
    /^$/,
  ),
  "RST NO_ERROR": failed(({ id }) => reset(id, 0), /code 0/),
  "RST PROTOCOL_ERROR": failed(({ id }) => reset(id, 1), /code 1/),
  "RST CANCEL": failed(({ id }) => reset(id, 8), /code 8/),
  "RST of an unknown code": failed(({ id }) => reset(id, 0xffff_ffff), /code 4294967295/),
  "RST after the headers": failed(after(rst(2)), /code 2/),
  "RST within the id": failed(after(idBytes(2), rst(0)), /code 0/),
};
// A stream that has its id is there, whatever follows.
delete WRONG["DATA beyond the window"];

test("opening: wrong answers of every kind fail the opening and nothing else", async (t) => {
  await each(WRONG, async ({ answer: wrong, counts, says }) => {
    const server = await rawServer(t, { open: (peer, stream) => peer.send(wrong(stream, peer)) });
    const client = quickClient(t, server.port);
    const errors: unknown[] = [];
    client.addEventListener("error", ({ detail }) => errors.push(detail));
    await client.start();
    const waiting = client.incomingGet();
    await until("three openings are over", () => client.stats()[counts] >= 3);
    const stats = client.stats();
    assertEquals({ active: stats.active, created: stats.created, waiting: stats.waiting, state: stats.state }, {
      active: 0,
      created: 0,
      waiting: 1,
      state: "ready",
    });
    assertEquals(counts === "failed" ? stats.rejected : stats.failed, 0);
    if (says === undefined) assertEquals(errors, [], "a full server is no error");
    else {
      assert(stats.lastError instanceof PoolError && stats.lastError.code === "ERR_POOL_HANDSHAKE");
      assertMatch(stats.lastError.message, says);
      assertEquals(client.errorCount, errors.length);
    }
    assertEquals(server.peers.length, 1, "the connection is not to blame");
    server.script = {};
    await echoes(await waiting);
    await recovers(client);
    await closes(client);
  });
});

test("opening: 403 ends start() at once with ERR_POOL_FORBIDDEN, whatever body it has", async (t) => {
  await each({ "403": status("403", END_STREAM), "403 with a body": withBody("403") }, async (forbidden) => {
    const server = await rawServer(t, { open: (peer, stream) => peer.send(forbidden(stream, peer)) });
    const client = quickClient(t, server.port);
    const began = performance.now();
    const error = await failure("start", client.start());
    assertEquals(error.code, "ERR_POOL_FORBIDDEN");
    assert(error instanceof PoolError);
    assert(performance.now() - began < 3_000, "not at once");
    assertEquals(client.state, "closed");
    await closes(client);
  });
});

const RIGHT: Record<string, Answer> = {
  "at once": (stream, peer) => answer(stream, ownId(peer, stream)),
  "id in four frames": (stream, peer) =>
    concat(headers(stream.id, OK), ...[...uint32(ownId(peer, stream))].map((b) => data(stream.id, Uint8Array.of(b)))),
  "empty frames in between": (stream, peer) => {
    const id = uint32(ownId(peer, stream));
    const empty = data(stream.id, NONE);
    return concat(
      headers(stream.id, OK),
      empty,
      data(stream.id, id.subarray(0, 1)),
      empty,
      data(stream.id, id.subarray(1)),
    );
  },
  "padding": (stream, peer) => {
    const id = String.fromCharCode(0, 0, 0x11 + peer.nth, 0x11 + stream.nth);
    return concat(headers(stream.id, OK), padded(stream.id, id, 200));
  },
  "103 before": (stream, peer) =>
    concat(headers(stream.id, [":status", "103", "link", "</x>"]), answer(stream, ownId(peer, stream))),
  "100 a hundred times before": (stream, peer) =>
    concat(
      ...Array.from({ length: 100 }, () => headers(stream.id, [":status", "100"])),
      answer(stream, ownId(peer, stream)),
    ),
  "fields that nobody asked for": (stream, peer) =>
    concat(
      headers(stream.id, [...OK, "content-type", "text/html", "set-cookie", "a=b", "x-powered-by", "y"]),
      data(stream.id, uint32(ownId(peer, stream))),
    ),
  "headers in pieces": (stream, peer) => {
    const all = block(...OK);
    return concat(
      frame(HEADERS, 0, stream.id, all.subarray(0, 3)),
      frame(CONTINUATION, 0, stream.id, all.subarray(3, 4)),
      frame(CONTINUATION, END_HEADERS, stream.id, all.subarray(4)),
      data(stream.id, uint32(ownId(peer, stream))),
    );
  },
};

test("opening: every right answer opens, however it is cut into frames", async (t) => {
  await each(RIGHT, async (right) => {
    const server = await rawServer(t, { open: (peer, stream) => peer.send(right(stream, peer)) });
    const client = quickClient(t, server.port);
    await client.start();
    await recovers(client);
    assertEquals([client.stats().failed, client.stats().rejected, client.errorCount], [0, 0, 0]);
    await closes(client);
  });
});

test("opening: bytes behind the id, in its frame and in the next, are the stream's", async (t) => {
  const server = await rawServer(t, {
    open: (peer, stream) =>
      peer.send(
        headers(stream.id, OK),
        data(stream.id, concat(uint32(ownId(peer, stream)), utf8("tun"))),
        data(stream.id, "nel"),
      ),
  });
  const client = quickClient(t, server.port);
  await client.start();
  await client.filled();
  const stream = await client.outgoingGet("00000000");
  const buffer = new Uint8Array(10);
  let text = "";
  while (text.length < 6) text += new TextDecoder().decode(buffer.subarray(0, (await stream.read(buffer))!));
  assertEquals(text, "tunnel");
  await echoes(stream);
  await closes(client);
});

test("opening: answers out of order reach the right streams", async (t) => {
  const held: RawStream[] = [];
  const server = await rawServer(t, {
    open(peer, stream) {
      held.push(stream);
      if (held.length < 3) return;
      for (const one of held.splice(0).reverse()) peer.send(answer(one, ownId(peer, one)));
    },
  });
  const client = quickClient(t, server.port);
  await client.start();
  await client.filled();
  for (const { id, nth } of [...server.peers[0]!.streams.values()].slice(0, 3)) {
    const stream = await client.outgoingGet((nth === 0 ? 0 : 0x10000 + nth).toString(16).padStart(8, "0"));
    await stream.write(bytes(`for ${id}`));
    const buffer = new Uint8Array(20);
    assertEquals(new TextDecoder().decode(buffer.subarray(0, (await stream.read(buffer))!)), `for ${id}`);
    assertEquals(String.fromCharCode(...server.peers[0]!.streams.get(id)!.received), `for ${id}`);
  }
  await closes(client);
});

test("opening: a server that answers too late is asked again, and its late answers harm nobody", async (t) => {
  const late: (() => void)[] = [];
  const server = await rawServer(t, {
    open: (peer, stream) => void late.push(() => peer.send(answer(stream, ownId(peer, stream)))),
  });
  const client = quickClient(t, server.port, { handshakeTimeout: 300 });
  const began = performance.now();
  await client.start();
  assert(performance.now() - began < 3_000);
  const waiting = client.incomingGet({ timeout: 10_000 });
  assertEquals(client.stats().failed > 0, true);
  assertMatch(client.stats().lastError!.message, /no id within 300 ms/);
  await until("they are reset", () => [...server.peers[0]!.streams.values()].every(({ reset }) => reset === 8));
  server.script = {};
  for (const answer of late) answer();
  await echoes(await waiting);
  // It answered PING but not the openings: a fresh connection has taken over.
  await until("a fresh connection", () => server.peers.length >= 2);
  await recovers(client);
  await closes(client);
});

test("opening: an id that another idle stream has is refused, and the first one stays", async (t) => {
  let same = true;
  const server = await rawServer(t, {
    open: (peer, stream) => peer.send(answer(stream, same ? 7 : ownId(peer, stream))),
  });
  const client = quickClient(t, server.port);
  await client.start();
  await until("two are refused", () => client.stats().failed >= 2);
  assertEquals(client.active, 1);
  assertMatch(client.stats().lastError!.message, /00000007 to two/);
  await echoes(await client.outgoingGet("00000007"));
  same = false;
  await recovers(client);
  await closes(client);
});

test("opening: a server that is not well is asked in rounds, not without end, however many streams it allows", async (t) => {
  const answers: Record<string, Answer> = {
    "END_STREAM with the id": (stream, peer) =>
      concat(headers(stream.id, OK), data(stream.id, uint32(ownId(peer, stream)), END_STREAM)),
    "RST behind the id": (stream, peer) => concat(answer(stream, ownId(peer, stream)), reset(stream.id, 8)),
    "REFUSED_STREAM": ({ id }) => reset(id, 7),
    "404": withBody("404"),
    "500": withBody("500"),
    "RST": ({ id }) => reset(id, 2),
  };
  const cases: Record<string, { wrong: Answer; streams: number }> = {};
  for (const [name, wrong] of Object.entries(answers)) {
    for (const streams of [1, 2, 100]) cases[`${name}, ${streams} streams at once`] = { wrong, streams };
  }
  await each(cases, async ({ wrong, streams }) => {
    const server = await rawServer(t, {
      greet: (peer) => peer.send(settings({ 3: streams }), windowUpdate(0, 0x7000_0000)),
      open: (peer, stream) => peer.send(wrong(stream, peer)),
    });
    // Three streams in each round, one round in 200 ms.
    const client = quickClient(t, server.port, {
      minInterval: 200,
      maxInterval: 200,
      backoff: { initial: 200, max: 200, jitter: 0 },
    });
    await client.start();
    const waiting = client.outgoingGet("deadbeef", 10_000).catch(() => {});
    const began = performance.now();
    await until("a second is over", () => performance.now() - began > 1_000);
    const opened = server.peers.reduce((sum, peer) => sum + peer.streams.size, 0);
    const rate = opened / (performance.now() - began) * 1_000;
    assert(rate <= 3 * (1_000 / 200) + 9, `${Math.round(rate)} openings in a second`);
    ledger(client);
    server.script = {};
    server.peers.at(-1)!.send(settings({ 3: 100 }));
    await recovers(client);
    await closes(client);
    await waiting;
  });
});
