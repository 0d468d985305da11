/** Python's h2 as the client of our server. @module */
import { assert, assertEquals } from "@std/assert";
import { test } from "../support/harness.ts";
import { pattern, sha256 } from "../support/exchange/bodies.ts";
import { type PythonAnswer, pythonH2, pythonRequests } from "./support/python.ts";
import { ourServer } from "../support/exchange/server.ts";

const options = { needs: pythonH2, timeout: 90_000 };

/** The echo of `size` octets. */
function assertEcho(answer: PythonAnswer | undefined, size: number, seed = 1): void {
  assert(answer);
  const { status, length, sha256: sum, seen, seen_there, reset } = answer;
  const expected = { status: "200", length: size, sha256: sha256(pattern(size, seed)), reset: undefined };
  assertEquals({ status, length, sha256: sum, reset }, expected);
  assertEquals(seen_there, seen);
}

test("python h2 to us: 50 MB there and back", options, async (t) => {
  const { port, faults } = await ourServer(t);
  const settings = { window: 1_048_576, frame: 65_536 };
  const [[answer] = []] = await pythonRequests(t, port, [[{ size: 50_000_000 }]], settings);
  assertEcho(answer, 50_000_000);
  assertEquals(faults, []);
});

test("python h2 to us: 100 streams at once", options, async (t) => {
  const { port, connections, faults } = await ourServer(t);
  const batch = Array.from({ length: 100 }, (_, i) => ({ size: 30_000 + i, seed: i + 1 }));
  const [answers = []] = await pythonRequests(t, port, [batch]);
  answers.forEach((answer, i) => assertEcho(answer, 30_000 + i, i + 1));
  assertEquals([answers.length, connections.length, faults.length], [100, 1, 0]);
});

test("python h2 to us: trailers both ways, and a 103", options, async (t) => {
  const { port } = await ourServer(t);
  const trailers = [["x-sum", "abc"], ["x-more", "1"]] as const;
  const [[echo, empty, early] = []] = await pythonRequests(t, port, [
    [{ size: 100_000, trailers }, { size: 0, trailers }, { path: "/early" }],
  ]);
  assertEcho(echo, 100_000);
  assertEcho(empty, 0);
  assertEquals(echo?.trailers, [["x-sum", "abc"], ["x-more", "1"]]);
  assertEquals(empty?.trailers, [["x-sum", "abc"], ["x-more", "1"]]);
  assertEquals([early?.status, early?.informational], ["200", 1]);
});

test("python h2 to us: 1 MB of headers is refused, and the connection goes on", options, async (t) => {
  const { port, connections } = await ourServer(t);
  // The first one waits for our SETTINGS: frames of 65,536 octets then.
  const batches = [[{ size: 1_000 }], [{ header_octets: 1_000_000 }], [{ size: 1_000 }]];
  const [, [large] = [], [next] = []] = await pythonRequests(t, port, batches);
  assertEquals([large?.status, large?.reset, large?.goaway, large?.lost], [undefined, 11, undefined, undefined]);
  assertEcho(next, 1_000);
  assertEquals(connections.length, 1);
});

test("python h2 to us: headers without end lose the connection, and only that one", options, async (t) => {
  const { port, connections } = await ourServer(t, { limits: { maxContinuations: 4 } });
  const [[large] = []] = await pythonRequests(t, port, [[{ header_octets: 1_000_000 }]]);
  assertEquals([large?.status, large?.goaway], [undefined, 11]);
  const [[next] = []] = await pythonRequests(t, port, [[{ size: 1_000 }]]);
  assertEcho(next, 1_000);
  assertEquals(connections.length, 2);
});

test("python h2 to us: 60 kB of headers arrive in CONTINUATION frames", options, async (t) => {
  const { port } = await ourServer(t);
  // At most 16,384 octets of a frame.
  const [[answer] = []] = await pythonRequests(t, port, [[{ header_octets: 60_000, size: 1_000 }]]);
  assertEcho(answer, 1_000);
});

test("python h2 to us: 50 kB of response headers leave in CONTINUATION frames", options, async (t) => {
  const { port } = await ourServer(t);
  const [[answer] = []] = await pythonRequests(t, port, [[{ path: "/fields/50" }]]);
  assertEquals([answer?.status, answer?.field_count], ["200", 53]);
});

test("python h2 to us: padded frames", options, async (t) => {
  const { port } = await ourServer(t);
  const [answers = []] = await pythonRequests(t, port, [
    [{ size: 300_000, pad: 255 }, { size: 300_000, pad: 0 }, { size: 3_000, pad: 200, piece: 1 }, { size: 0, pad: 9 }],
  ]);
  [300_000, 300_000, 3_000, 0].forEach((size, i) => assertEcho(answers[i], size));
});

test("python h2 to us: frames of one octet", options, async (t) => {
  const { port } = await ourServer(t);
  const [[answer] = []] = await pythonRequests(t, port, [[{ size: 5_000, piece: 1 }]]);
  assertEcho(answer, 5_000);
});

for (const frame of [16_384, 16_777_215]) {
  test(`python h2 to us: frames of up to ${frame} octets both ways`, options, async (t) => {
    const { port } = await ourServer(t, { maxFrame: frame, window: 4_194_304 });
    const settings = { frame, window: 4_194_304 };
    const [[answer] = []] = await pythonRequests(t, port, [[{ size: 8_000_000 }]], settings);
    assertEcho(answer, 8_000_000);
  });
}

test("python h2 to us: a window of one octet", options, async (t) => {
  const { port } = await ourServer(t);
  const [[one, other] = []] = await pythonRequests(t, port, [[{ size: 2_000 }, { size: 1_000, seed: 2 }]], {
    window: 1,
  });
  assertEcho(one, 2_000);
  assertEcho(other, 1_000, 2);
});

test("python h2 to us: our window of one octet", options, async (t) => {
  const { port } = await ourServer(t, { window: 1 });
  const [[answer] = []] = await pythonRequests(t, port, [[{ size: 2_000 }]]);
  assertEcho(answer, 2_000);
});

for (const table of [0, 100, 65_536]) {
  test(`python h2 to us: a header table of ${table} octets`, options, async (t) => {
    const { port } = await ourServer(t);
    const headers = [["x-a", "1"], ["x-b", "2"], ["user-agent", "python"]] as const;
    const requests = Array.from({ length: 20 }, (_, i) => [{ path: `/fields/${i % 3}`, headers }]);
    for (const [answer] of await pythonRequests(t, port, requests, { table })) {
      assertEquals([answer?.status, answer?.seen_there], ["200", answer?.seen]);
    }
  });
}
