/** Byte-exact exchange with this runtime's node:http2, both roles. @module */
import { assert, assertEquals } from "@std/assert";
import { constants } from "node:http2";
import { certFile } from "../../support/certs.ts";
import { field, fieldsDigest, pattern, sha256 } from "../../support/exchange/bodies.ts";
import { type Answer, ourClient } from "../../support/exchange/client.ts";
import { ourServer } from "../../support/exchange/server.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { currentRuntime } from "../../support/runtime.ts";
import { spawnRuntime } from "../../support/spawn.ts";
import type { NodeAnswer, NodeRequest } from "./programs/node_http2_client.ts";

const options = { timeout: 60_000 };

interface PeerOptions {
  settings?: Record<string, number>;
  options?: Record<string, number>;
}

async function nodeRequests(
  t: TestContext,
  port: number,
  batches: readonly (readonly NodeRequest[])[],
  peer: PeerOptions = {},
): Promise<NodeAnswer[][]> {
  const program = new URL("./programs/node_http2_client.ts", import.meta.url);
  const child = spawnRuntime(t, currentRuntime(), program, [
    JSON.stringify({ port, ca: certFile("ca.pem"), batches, ...peer }),
  ]);
  const exit = await child.exit(50_000);
  const answers = child.out.text.trim().split("\n").filter((line) => line.startsWith("["));
  assertEquals(answers.length, batches.length, `${JSON.stringify(exit)} ${child.out.text}${child.err.text}`);
  return answers.map((line) => JSON.parse(line) as NodeAnswer[]);
}

async function nodeServer(t: TestContext, peer: PeerOptions = {}): Promise<number> {
  const program = new URL("./programs/node_http2_server.ts", import.meta.url);
  const child = spawnRuntime(t, currentRuntime(), program, [
    JSON.stringify({ cert: certFile("server.pem"), key: certFile("server.key"), ...peer }),
  ]);
  const [, port] = await child.out.line(/^listening (\d+)$/);
  return Number(port);
}

function assertEcho(answer: NodeAnswer | Answer | undefined, body: Uint8Array): void {
  assert(answer);
  const status = "status" in answer ? answer.status : Number(field((answer as Answer).fields, ":status"));
  const fault = "fault" in answer ? answer.fault : (answer as NodeAnswer).error;
  assertEquals(
    { status, length: answer.length, sha256: answer.sha256, fault },
    { status: 200, length: body.length, sha256: sha256(body), fault: undefined },
  );
}

test("node:http2 to us: 50 MB there and back", options, async (t) => {
  const { port, faults } = await ourServer(t);
  const [[answer] = []] = await nodeRequests(t, port, [[{ size: 50_000_000 }]]);
  assertEcho(answer, pattern(50_000_000));
  assertEquals(faults, []);
});

test("node:http2 to us: 100 streams at once", options, async (t) => {
  const { port, connections, faults } = await ourServer(t);
  const batch = Array.from({ length: 100 }, (_, i) => ({ size: 30_000 + i, seed: i + 1 }));
  const [answers = []] = await nodeRequests(t, port, [batch]);
  answers.forEach((answer, i) => assertEcho(answer, pattern(30_000 + i, i + 1)));
  assertEquals([answers.length, connections.length, faults], [100, 1, []]);
});

test("node:http2 to us: trailers both ways, and a 103", options, async (t) => {
  const { port } = await ourServer(t);
  const trailers = { "x-sum": "abc", "x-more": "1" };
  const [[echo, early] = []] = await nodeRequests(t, port, [[{ size: 100_000, trailers }, { path: "/early" }]]);
  assertEcho(echo, pattern(100_000));
  assertEquals(echo?.trailers, trailers);
  assertEquals([early?.status, early?.informational], [200, 1]);
});

test("node:http2 to us: headers above our limit are refused, and the connection goes on", options, async (t) => {
  const { port, connections } = await ourServer(t, { limits: { maxHeaderBytes: 16_384 } });
  const [[large] = [], [next] = []] = await nodeRequests(t, port, [[{ headerOctets: 50_000 }], [{ size: 1_000 }]]);
  assertEquals([large?.status, large?.reset], [undefined, 11]);
  assertEcho(next, pattern(1_000));
  assertEquals(connections.length, 1);
});

test("node:http2 to us: 60 kB of headers both ways", options, async (t) => {
  const { port } = await ourServer(t);
  const headers = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`x-large-${i}`, `${i}`.padEnd(950, "v")]));
  const [[answer] = []] = await nodeRequests(t, port, [[{ path: "/fields/50", headers }]]);
  assertEquals([answer?.status, answer?.fields], [200, 53]);
  assertEquals(answer?.seen, fieldsDigest(Object.entries(headers).flat()));
});

test("node:http2 to us: small writes, small frames, small windows", options, async (t) => {
  const { port } = await ourServer(t, { maxFrame: 16_384, window: 100 });
  const [answers = []] = await nodeRequests(t, port, [[{ size: 3_000, piece: 1 }, { size: 20_000, piece: 7 }]]);
  assertEcho(answers[0], pattern(3_000));
  assertEcho(answers[1], pattern(20_000));
});

test("node:http2 to us: a window of one octet", options, async (t) => {
  const { port } = await ourServer(t);
  const peer = { settings: { initialWindowSize: 1 } };
  const [answers = []] = await nodeRequests(t, port, [[{ size: 2_000 }, { size: 1_000, seed: 2 }]], peer);
  assertEcho(answers[0], pattern(2_000));
  assertEcho(answers[1], pattern(1_000, 2));
});

test("node:http2 to us: padded frames, large frames", options, async (t) => {
  const { port } = await ourServer(t, { maxFrame: 16_777_215, window: 4_194_304 });
  const peer = { settings: { maxFrameSize: 16_777_215 }, options: { paddingStrategy: constants.PADDING_STRATEGY_MAX } };
  const requests = [{ size: 4_000_000, piece: 4_000_000 }, { size: 500_000, piece: 1_000 }];
  const [answers = []] = await nodeRequests(t, port, [requests], peer);
  assertEcho(answers[0], pattern(4_000_000));
  assertEcho(answers[1], pattern(500_000));
});

test("node:http2 to us: 1 MB of headers is refused, and the next request works", options, async (t) => {
  const { port } = await ourServer(t);
  const peer = { options: { maxSendHeaderBlockLength: 2_000_000 } };
  const [[large] = []] = await nodeRequests(t, port, [[{ headerOctets: 1_000_000 }]], peer);
  assertEquals(large?.status, undefined);
  const [[next] = []] = await nodeRequests(t, port, [[{ size: 1_000 }]]);
  assertEcho(next, pattern(1_000));
});

test("us to node:http2: 50 MB there and back", options, async (t) => {
  const { request } = await ourClient(t, await nodeServer(t));
  const body = pattern(50_000_000);
  assertEcho(await request({ body }), body);
});

test("us to node:http2: 100 streams at once", options, async (t) => {
  const { request } = await ourClient(t, await nodeServer(t));
  const bodies = Array.from({ length: 100 }, (_, i) => pattern(30_000 + i, i + 1));
  const answers = await Promise.all(bodies.map((body) => request({ body })));
  answers.forEach((answer, i) => assertEcho(answer, bodies[i]!));
});

test("us to node:http2: trailers both ways, and a 103", options, async (t) => {
  const { request } = await ourClient(t, await nodeServer(t));
  const trailers = ["x-sum", "abc", "x-more", "1"];
  const body = pattern(100_000);
  const [echo, early] = await Promise.all([
    request({ path: "/trailers", body, trailers }),
    request({ path: "/early" }),
  ]);
  assertEcho(echo, body);
  assertEquals(echo.trailers, trailers);
  assertEquals(early.informational, [[":status", "103", "link", "</style.css>"]]);
});

test("us to node:http2: headers above our limit are refused, and the connection goes on", options, async (t) => {
  const { request } = await ourClient(t, await nodeServer(t), { limits: { maxHeaderBytes: 16_384 } });
  const { fields, fault } = await request({ path: "/fields/50" });
  assertEquals([fields, fault?.kind, fault?.kind === "reset" && fault.by], [undefined, "reset", "engine"]);
  const body = pattern(1_000);
  assertEcho(await request({ body }), body);
});

test("us to node:http2: 50 kB of headers both ways", options, async (t) => {
  const { request } = await ourClient(t, await nodeServer(t));
  const headers = Array.from({ length: 50 }, (_, i) => [`x-large-${i}`, `${i}`.padEnd(950, "v")]).flat();
  const { fields, fault } = await request({ path: "/fields/50", fields: headers });
  assertEquals([field(fields, "seen"), fault], [fieldsDigest(headers), undefined]);
  assertEquals(field(fields, "x-field-49"), "v".repeat(1_000));
});

test("us to node:http2: small writes, small frames, small windows", options, async (t) => {
  const { request } = await ourClient(t, await nodeServer(t), { maxFrame: 16_384, window: 100 });
  const bodies = [pattern(3_000), pattern(20_000, 2)];
  const answers = await Promise.all(bodies.map((body, i) => request({ body, piece: [1, 7][i] })));
  answers.forEach((answer, i) => assertEcho(answer, bodies[i]!));
});

test("us to node:http2: 300 streams, 10 at once", options, async (t) => {
  const port = await nodeServer(t, { settings: { maxConcurrentStreams: 10 } });
  const { request, openable, connection } = await ourClient(t, port);
  const body = pattern(2_000);
  const answers: Promise<Answer>[] = [];
  for (let i = 0; i < 300; i++) {
    await openable();
    assert(connection.channels < 10);
    answers.push(request({ body }));
  }
  for (const answer of await Promise.all(answers)) assertEcho(answer, body);
});

test("us to node:http2: a window of one octet", options, async (t) => {
  const { request } = await ourClient(t, await nodeServer(t, { settings: { initialWindowSize: 1 } }));
  const bodies = [pattern(2_000), pattern(1_000, 2)];
  const answers = await Promise.all(bodies.map((body) => request({ body })));
  answers.forEach((answer, i) => assertEcho(answer, bodies[i]!));
});

test("us to node:http2: padded frames, large frames", options, async (t) => {
  const peer = { settings: { maxFrameSize: 16_777_215 }, options: { paddingStrategy: constants.PADDING_STRATEGY_MAX } };
  const { request } = await ourClient(t, await nodeServer(t, peer), { maxFrame: 16_777_215, window: 4_194_304 });
  const body = pattern(4_000_000);
  assertEcho(await request({ body, piece: body.length }), body);
});

test("us to node:http2: 1 MB of headers is refused, and the next request works", options, async (t) => {
  const port = await nodeServer(t);
  const { request } = await ourClient(t, port);
  const fields = Array.from({ length: 100 }, (_, i) => [`x-large-${i}`, "v".repeat(10_000)]).flat();
  const { fields: response, fault } = await request({ fields });
  assertEquals(response, undefined);
  assert(fault !== undefined);
  const body = pattern(1_000);
  assertEcho(await (await ourClient(t, port)).request({ body }), body);
});
