/** Our client against nghttpd. @module */
import { assert, assertEquals } from "@std/assert";
import { createServer } from "node:net";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { program } from "../support/needs.ts";
import { test, type TestContext } from "../support/harness.ts";
import { spawnProgram } from "../support/spawn.ts";
import { field, pattern, sha256 } from "../support/exchange/bodies.ts";
import { certFile } from "../support/certs.ts";
import { type Answer, ourClient } from "../support/exchange/client.ts";
import { folder } from "./support/files.ts";

const NGHTTPD = "/usr/sbin/nghttpd";
const options = { needs: { missing: program("nghttpd").missing && program(NGHTTPD).missing }, timeout: 90_000 };

/** Starts it; its port. */
async function nghttpd(t: TestContext, ...args: string[]): Promise<number> {
  // It cannot say which port it got.
  const port = await freePort();
  const where = ["-v", "-a", "127.0.0.1"];
  const child = spawnProgram(t, [
    NGHTTPD,
    ...where,
    "--echo-upload",
    ...args,
    `${port}`,
    certFile("server.key"),
    certFile("server.pem"),
  ]);
  await child.out.line(/^IPv4: listen 127\.0\.0\.1/);
  return port;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function assertEcho(answer: Answer, body: Uint8Array): void {
  const { fields, length, sha256: sum, fault } = answer;
  assertEquals(
    { status: field(fields, ":status"), length, sum, fault },
    { status: "200", length: body.length, sum: sha256(body), fault: undefined },
  );
}

test("us to nghttpd: 50 MB there and back", options, async (t) => {
  const { request } = await ourClient(t, await nghttpd(t));
  const body = pattern(50_000_000);
  assertEcho(await request({ body }), body);
});

test("us to nghttpd: 100 streams at once", options, async (t) => {
  const { request } = await ourClient(t, await nghttpd(t));
  const bodies = Array.from({ length: 100 }, (_, i) => pattern(30_000 + i, i + 1));
  const answers = await Promise.all(bodies.map((body) => request({ body })));
  answers.forEach((answer, i) => assertEcho(answer, bodies[i]!));
});

test("us to nghttpd: 300 streams, 5 at once", options, async (t) => {
  const { request, openable, connection } = await ourClient(t, await nghttpd(t, "-m", "5"));
  const body = pattern(2_000);
  const answers: Promise<Answer>[] = [];
  for (let i = 0; i < 300; i++) {
    await openable();
    assert(connection.channels < 5);
    answers.push(request({ body }));
  }
  for (const answer of await Promise.all(answers)) assertEcho(answer, body);
});

test("us to nghttpd: files, and trailers after them", options, async (t) => {
  const root = folder(t);
  const body = pattern(1_000_000);
  writeFileSync(join(root, "file"), body);
  const { request } = await ourClient(t, await nghttpd(t, "-d", root, "--trailer", "x-sum: abc"));
  const answer = await request({ path: "/file" });
  assertEcho(answer, body);
  assertEquals(answer.trailers, ["x-sum", "abc"]);
  const missing = await request({ path: "/missing" });
  assertEquals([field(missing.fields, ":status"), missing.fault], ["404", undefined]);
});

test("us to nghttpd: our trailers", options, async (t) => {
  const { request } = await ourClient(t, await nghttpd(t));
  const body = pattern(10_000);
  assertEcho(await request({ body, trailers: ["x-sum", "abc"] }), body);
});

test("us to nghttpd: 1 MB of headers is refused, and the next request works", options, async (t) => {
  const port = await nghttpd(t);
  const { request } = await ourClient(t, port);
  const fields = Array.from({ length: 100 }, (_, i) => [`x-large-${i}`, "v".repeat(10_000)]).flat();
  const { fields: response, fault } = await request({ fields });
  assertEquals(response === undefined || field(response, ":status") === "431", true);
  assert(fault !== undefined || response !== undefined);
  const body = pattern(1_000);
  assertEcho(await (await ourClient(t, port)).request({ body }), body);
});

test("us to nghttpd: 60 kB of headers leave in CONTINUATION frames", options, async (t) => {
  const { request } = await ourClient(t, await nghttpd(t));
  const fields = Array.from({ length: 60 }, (_, i) => [`x-large-${i}`, `${i}`.padEnd(950, "v")]).flat();
  const body = pattern(1_000);
  assertEcho(await request({ fields, body }), body);
});

for (const padding of ["1", "255"]) {
  test(`us to nghttpd: frames padded by ${padding}`, options, async (t) => {
    const { request } = await ourClient(t, await nghttpd(t, `--padding=${padding}`));
    const body = pattern(1_000_000);
    assertEcho(await request({ body }), body);
  });
}

test("us to nghttpd: a window of one octet", options, async (t) => {
  const { request } = await ourClient(t, await nghttpd(t, "-w", "1"));
  const bodies = [pattern(2_000), pattern(1_000, 2)];
  const answers = await Promise.all(bodies.map((body) => request({ body })));
  answers.forEach((answer, i) => assertEcho(answer, bodies[i]!));
});

test("us to nghttpd: our window of one octet", options, async (t) => {
  const { request } = await ourClient(t, await nghttpd(t), { window: 1 });
  const body = pattern(2_000);
  assertEcho(await request({ body }), body);
});

test("us to nghttpd: large windows", options, async (t) => {
  const { request } = await ourClient(t, await nghttpd(t, "-w", "30", "-W", "30"), { window: 0x7fffffff });
  const body = pattern(8_000_000);
  assertEcho(await request({ body }), body);
});

for (const frame of [16_384, 16_777_215]) {
  test(`us to nghttpd: our frames of up to ${frame} octets`, options, async (t) => {
    const { request } = await ourClient(t, await nghttpd(t), { maxFrame: frame });
    const body = pattern(3_000_000);
    assertEcho(await request({ body, piece: body.length }), body);
  });
}

for (const size of ["0", "100", "65536"]) {
  test(`us to nghttpd: a header table of ${size} octets`, options, async (t) => {
    const port = await nghttpd(t, "-c", size, `--encoder-header-table-size=${size}`);
    const { request } = await ourClient(t, port);
    const body = pattern(10);
    for (let i = 0; i < 20; i++) {
      const fields = ["user-agent", "h2pool", "x-a", `${i % 3}`, "authorization", "Bearer secret"];
      assertEcho(await request({ body, fields }), body);
    }
  });
}
