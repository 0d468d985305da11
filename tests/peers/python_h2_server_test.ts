/** Our client against Python's h2 as the server. @module */
import { assertEquals } from "@std/assert";
import { test } from "../support/harness.ts";
import { field, fieldsDigest, pattern, sha256 } from "../support/exchange/bodies.ts";
import { type Answer, ourClient } from "../support/exchange/client.ts";
import { pythonH2, pythonServer } from "./support/python.ts";

const options = { needs: pythonH2, timeout: 90_000 };

function assertEcho(answer: Answer, body: Uint8Array): void {
  const { fields, length, sha256: sum, fault } = answer;
  assertEquals(
    { status: field(fields, ":status"), length, sum, fault },
    { status: "200", length: body.length, sum: sha256(body), fault: undefined },
  );
}

test("us to python h2: 50 MB there and back", options, async (t) => {
  const { request } = await ourClient(t, await pythonServer(t, { window: 1_048_576, frame: 65_536 }));
  const body = pattern(50_000_000);
  assertEcho(await request({ body }), body);
});

test("us to python h2: 100 streams at once", options, async (t) => {
  const { request } = await ourClient(t, await pythonServer(t));
  const bodies = Array.from({ length: 100 }, (_, i) => pattern(30_000 + i, i + 1));
  const answers = await Promise.all(bodies.map((body) => request({ body })));
  answers.forEach((answer, i) => assertEcho(answer, bodies[i]!));
});

test("us to python h2: 200 streams, 7 at once", options, async (t) => {
  const { request, openable, connection } = await ourClient(t, await pythonServer(t, { streams: 7 }));
  const body = pattern(10_000);
  const answers: Promise<Answer>[] = [];
  for (let i = 0; i < 200; i++) {
    await openable();
    assertEquals(connection.channels <= 6, true);
    answers.push(request({ body }));
  }
  for (const answer of await Promise.all(answers)) assertEcho(answer, body);
});

test("us to python h2: trailers both ways, and a 103", options, async (t) => {
  const { request } = await ourClient(t, await pythonServer(t));
  const trailers = ["x-sum", "abc", "x-more", "1"];
  const body = pattern(100_000);
  const [echo, empty, early] = await Promise.all([
    request({ body, trailers }),
    request({ body: new Uint8Array(0), trailers }),
    request({ path: "/early" }),
  ]);
  assertEcho(echo, body);
  assertEquals([echo.trailers, empty.trailers], [trailers, trailers]);
  assertEquals(early.informational, [[":status", "103", "link", "</style.css>"]]);
  assertEquals([field(early.fields, ":status"), early.fault], ["200", undefined]);
});

test("us to python h2: 1 MB of response headers is refused, and the connection goes on", options, async (t) => {
  const { request } = await ourClient(t, await pythonServer(t, { frame: 65_536 }), { maxFrame: 65_536 });
  const { fields, fault } = await request({ path: "/fields/1000" });
  assertEquals([fields, fault?.kind, fault?.kind === "reset" && fault.by], [undefined, "reset", "engine"]);
  const body = pattern(1_000);
  assertEcho(await request({ body }), body);
});

test("us to python h2: 1 MB of request headers is refused, and we go on", options, async (t) => {
  const port = await pythonServer(t);
  const { request } = await ourClient(t, port);
  const fields = Array.from({ length: 100 }, (_, i) => [`x-large-${i}`, "v".repeat(10_000)]).flat();
  const { fields: response, fault } = await request({ fields });
  // h2 gives the whole connection up.
  assertEquals([response, fault?.kind], [undefined, "lost"]);
  const body = pattern(1_000);
  assertEcho(await (await ourClient(t, port)).request({ body }), body);
});

test("us to python h2: 60 kB of headers leave in CONTINUATION frames", options, async (t) => {
  const { request } = await ourClient(t, await pythonServer(t));
  const fields = Array.from({ length: 60 }, (_, i) => [`x-large-${i}`, `${i}`.padEnd(950, "v")]).flat();
  const body = pattern(1_000);
  const answer = await request({ fields, body });
  assertEcho(answer, body);
  assertEquals(field(answer.fields, "seen"), fieldsDigest(fields));
});

test("us to python h2: 50 kB of response headers arrive in CONTINUATION frames", options, async (t) => {
  const { request } = await ourClient(t, await pythonServer(t));
  const { fields, fault } = await request({ path: "/fields/50" });
  const expected = Array.from({ length: 50 }, (_, i) => [`x-field-${i}`, `${i}`.padStart(4, "0") + "v".repeat(996)]);
  assertEquals([fields?.slice(4), fault], [expected.flat(), undefined]);
});

for (const pad of [0, 255]) {
  test(`us to python h2: frames padded by ${pad}`, options, async (t) => {
    const { request } = await ourClient(t, await pythonServer(t, {}, { pad }));
    const body = pattern(1_000_000);
    assertEcho(await request({ body }), body);
  });
}

for (const frame of [16_384, 16_777_215]) {
  test(`us to python h2: frames of up to ${frame} octets both ways`, options, async (t) => {
    const port = await pythonServer(t, { frame, window: 4_194_304 });
    const { request } = await ourClient(t, port, { maxFrame: frame, window: 4_194_304 });
    const body = pattern(8_000_000);
    assertEcho(await request({ body, piece: body.length }), body);
  });
}

test("us to python h2: writes of one octet", options, async (t) => {
  const { request } = await ourClient(t, await pythonServer(t));
  const body = pattern(3_000);
  assertEcho(await request({ body, piece: 1 }), body);
});

test("us to python h2: a window of one octet", options, async (t) => {
  const { request } = await ourClient(t, await pythonServer(t, { window: 1 }));
  const bodies = [pattern(2_000), pattern(1_000, 2)];
  const answers = await Promise.all(bodies.map((body) => request({ body })));
  answers.forEach((answer, i) => assertEcho(answer, bodies[i]!));
});

test("us to python h2: our window of one octet", options, async (t) => {
  const { request } = await ourClient(t, await pythonServer(t), { window: 1 });
  const body = pattern(2_000);
  assertEcho(await request({ body }), body);
});

for (const table of [0, 100, 65_536]) {
  test(`us to python h2: a header table of ${table} octets`, options, async (t) => {
    const { request } = await ourClient(t, await pythonServer(t, { table }));
    for (let i = 0; i < 20; i++) {
      const fields = ["user-agent", "h2pool", "x-a", `${i % 3}`, "x-b", "2"];
      const { fields: response, fault } = await request({ path: `/fields/${i % 4}`, fields });
      assertEquals([field(response, "seen"), response?.length, fault], [
        fieldsDigest(fields),
        4 + 2 * (i % 4),
        undefined,
      ]);
    }
  });
}
