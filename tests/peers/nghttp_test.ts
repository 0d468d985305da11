/** nghttp and h2load as the clients of our server. @module */
import { assertEquals, assertMatch } from "@std/assert";
import { program } from "../support/needs.ts";
import { test, type TestContext } from "../support/harness.ts";
import { type Child, spawnProgram } from "../support/spawn.ts";
import { fieldsDigest, pattern, sha256 } from "../support/exchange/bodies.ts";
import { file } from "./support/files.ts";
import { ourServer } from "../support/exchange/server.ts";

const options = { needs: program("nghttp"), timeout: 90_000 };
const load = { needs: program("h2load"), timeout: 90_000 };

async function nghttp(t: TestContext, ...args: string[]): Promise<Child> {
  const child = spawnProgram(t, ["nghttp", ...args]);
  assertEquals((await child.exit(60_000)).code, 0);
  return child;
}

test("nghttp to us: 50 MB there and back", options, async (t) => {
  const { url, faults } = await ourServer(t);
  const body = pattern(50_000_000);
  const { out } = await nghttp(t, "-d", file(t, body), `${url}/echo`);
  assertEquals([out.bytes.length, sha256(out.bytes)], [body.length, sha256(body)]);
  assertEquals(faults, []);
});

test("nghttp to us: trailers both ways, and a 103", options, async (t) => {
  const { url } = await ourServer(t);
  const { out } = await nghttp(t, "-v", "--trailer", "x-sum: abc", "-d", file(t, "body"), `${url}/early`);
  assertMatch(out.text, /recv \(stream_id=13\) :status: 103\n/);
  assertMatch(out.text, /recv \(stream_id=13\) link: <\/style.css>\n/);
  assertMatch(out.text, /recv \(stream_id=13\) :status: 200\n/);
  assertMatch(out.text, /recv \(stream_id=13\) x-sum: abc\n/);
});

for (const padding of ["1", "255"]) {
  test(`nghttp to us: frames padded by ${padding}`, options, async (t) => {
    const { url } = await ourServer(t);
    const body = pattern(1_000_000);
    const { out } = await nghttp(t, `--padding=${padding}`, "-d", file(t, body), `${url}/echo`);
    assertEquals([out.bytes.length, sha256(out.bytes)], [body.length, sha256(body)]);
  });
}

test("nghttp to us: headers in CONTINUATION frames", options, async (t) => {
  const { url } = await ourServer(t);
  const { out } = await nghttp(t, "-v", "--continuation", `${url}/`);
  // What --continuation adds.
  const fields = [...out.text.matchAll(/^ +(continuation-test-\d+): (.*)$/gm)].length;
  assertEquals(fields > 0, true, out.text);
  assertMatch(out.text, /recv \(stream_id=13\) :status: 200\n/);
});

test("nghttp to us: 50 kB of headers arrive", options, async (t) => {
  const { url } = await ourServer(t);
  const fields = Array.from({ length: 50 }, (_, i) => [`x-large-${i}`, `${i}`.padEnd(960, "v")]);
  const { out } = await nghttp(t, "-v", ...fields.flatMap(([name, value]) => ["-H", `${name}: ${value}`]), `${url}/`);
  assertMatch(out.text, new RegExp(`seen: ${fieldsDigest(fields.flat())}`));
});

test("nghttp to us: headers above our limit are refused, and the connection goes on", options, async (t) => {
  const { url, ends, connections } = await ourServer(t, { limits: { maxHeaderBytes: 16_384 } });
  const large = ["-H", `x-large: ${"v".repeat(50_000)}`];
  const { out } = await nghttp(t, "-v", ...large, `${url}/a`, `${url}/b`);
  assertEquals([...out.text.matchAll(/recv RST_STREAM/g)].length, 2, out.text);
  assertEquals([...out.text.matchAll(/error_code=ENHANCE_YOUR_CALM\(0x0b\)/g)].length, 2, out.text);
  assertEquals(out.text.includes("recv GOAWAY"), false);
  assertMatch((await nghttp(t, "-v", `${url}/`)).out.text, /:status: 200\n/);
  assertEquals([connections.length, ends.filter((error) => error !== undefined)], [2, []]);
});

test("nghttp to us: a window of one octet", options, async (t) => {
  const { url } = await ourServer(t);
  const body = pattern(3_000);
  const { out } = await nghttp(t, "-w", "1", "-d", file(t, body), `${url}/echo`);
  assertEquals(sha256(out.bytes), sha256(body));
});

test("nghttp to us: our window of one octet", options, async (t) => {
  const { url } = await ourServer(t, { window: 1 });
  const body = pattern(3_000);
  const { out } = await nghttp(t, "-d", file(t, body), `${url}/echo`);
  assertEquals(sha256(out.bytes), sha256(body));
});

test("nghttp to us: large windows", options, async (t) => {
  const { url } = await ourServer(t, { window: 0x7fffffff });
  const body = pattern(8_000_000);
  const { out } = await nghttp(t, "-w", "30", "-W", "30", "-d", file(t, body), `${url}/echo`);
  assertEquals(sha256(out.bytes), sha256(body));
});

for (const size of ["0", "100", "65536"]) {
  test(`nghttp to us: a header table of ${size} octets`, options, async (t) => {
    const { url } = await ourServer(t);
    const paths = Array.from({ length: 10 }, (_, i) => `${url}/fields/${i % 3}/${i}`);
    const { out } = await nghttp(t, "-v", "-c", size, `--encoder-header-table-size=${size}`, "-H", "x-a: 1", ...paths);
    assertEquals([...out.text.matchAll(/:status: 200\n/g)].length, 10, out.text);
    assertEquals([...out.text.matchAll(new RegExp(`seen: ${fieldsDigest(["x-a", "1"])}`, "g"))].length, 10);
  });
}

/** What h2load counted. */
async function h2load(t: TestContext, ...args: string[]): Promise<{ succeeded: number; octets: number }> {
  const child = spawnProgram(t, ["h2load", ...args]);
  assertEquals((await child.exit(60_000)).code, 0);
  assertMatch(child.out.text, / 0 failed, 0 errored, 0 timeout\n/);
  return {
    succeeded: Number(/(\d+) 2xx,/.exec(child.out.text)?.[1]),
    octets: Number(/\((\d+)\) data$/m.exec(child.out.text)?.[1]),
  };
}

test("h2load to us: 100 streams at once, 2,000 in all, on each of two connections", load, async (t) => {
  const { url, connections, faults } = await ourServer(t);
  const args = ["-n", "2000", "-m", "100", "-c", "2", "-d", file(t, pattern(10_000)), `${url}/echo`];
  assertEquals(await h2load(t, ...args), { succeeded: 2_000, octets: 20_000_000 });
  assertEquals([connections.length, faults.length], [2, 0]);
});

for (const frame of ["16384", "16777215"]) {
  test(`h2load to us: frames of up to ${frame} octets`, load, async (t) => {
    const { url } = await ourServer(t, { maxFrame: Number(frame) });
    const args = ["-n", "20", "-m", "4", "-f", frame, "-w", "24", "-W", "24", "-d", file(t, pattern(1_000_000))];
    assertEquals(await h2load(t, ...args, `${url}/echo`), { succeeded: 20, octets: 20_000_000 });
  });
}

test("h2load to us: a window of one octet", load, async (t) => {
  const { url } = await ourServer(t);
  const args = ["-n", "20", "-m", "10", "-w", "1", "-d", file(t, pattern(300)), `${url}/echo`];
  assertEquals(await h2load(t, ...args), { succeeded: 20, octets: 6_000 });
});
