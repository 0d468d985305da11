/** curl as the client of our server. @module */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { program } from "../support/needs.ts";
import { test, type TestContext } from "../support/harness.ts";
import { type Child, spawnProgram } from "../support/spawn.ts";
import { fieldsDigest, pattern, sha256 } from "../support/exchange/bodies.ts";
import { certFile } from "../support/certs.ts";
import { file, folder } from "./support/files.ts";
import { ourServer } from "../support/exchange/server.ts";

const options = { needs: program("curl"), timeout: 90_000 };

function curl(t: TestContext, ...args: string[]): Child {
  return spawnProgram(t, ["curl", "--silent", "--show-error", "--http2", "--cacert", certFile("ca.pem"), ...args]);
}

/** Its output, after it ended well. */
async function output(t: TestContext, ...args: string[]): Promise<Uint8Array> {
  const child = curl(t, ...args);
  const { code } = await child.exit(60_000);
  assertEquals([code, child.err.text], [0, ""]);
  return child.out.bytes;
}

const report = ["--write-out", "%{http_version} %{response_code}", "--output", "/dev/null"];

test("curl to us: 50 MB there and back", options, async (t) => {
  const { url, faults } = await ourServer(t);
  const body = pattern(50_000_000);
  const back = await output(t, "--data-binary", `@${file(t, body)}`, `${url}/echo`);
  assertEquals([back.length, sha256(back)], [body.length, sha256(body)]);
  assertEquals(faults, []);
});

test("curl to us: 100 streams at once", options, async (t) => {
  const { url, connections, faults } = await ourServer(t);
  const body = pattern(100_000);
  const into = folder(t);
  const names = Array.from({ length: 100 }, (_, i) => join(into, `${i}`));
  const config = file(t, names.map((name) => `url = "${url}/echo"\noutput = "${name}"\n`).join(""), "config");
  const parallel = ["--parallel", "--parallel-max", "100", "--no-progress-meter"];
  await output(t, ...parallel, "--data-binary", `@${file(t, body)}`, "--config", config);
  for (const name of names) assertEquals(sha256(readFileSync(name)), sha256(body));
  assert(connections.length < 100);
  assertEquals(faults, []);
});

test("curl to us: several requests share a connection", options, async (t) => {
  const { url, connections } = await ourServer(t);
  const back = await output(t, `${url}/bytes/1000`, `${url}/bytes/2000`, `${url}/bytes/0`);
  assertEquals(back.length, 3_000);
  assertEquals(connections.length, 1);
});

test("curl to us: a 103 before the response, trailers after it", options, async (t) => {
  const { url } = await ourServer(t);
  const child = curl(t, "--include", `${url}/early`);
  assertEquals((await child.exit()).code, 0);
  assertMatch(child.out.text, /^HTTP\/2 103 \r\nlink: <\/style.css>\r\n\r\nHTTP\/2 200 \r\n/);
});

test("curl to us: 50 kB of headers arrive", options, async (t) => {
  const { url } = await ourServer(t);
  const fields = Array.from({ length: 50 }, (_, i) => [`x-large-${i}`, `${i}`.padEnd(960, "v")]);
  const list = file(t, fields.map(([name, value]) => `${name}: ${value}\n`).join(""), "headers");
  const child = curl(t, "--include", "--header", `@${list}`, `${url}/`);
  assertEquals((await child.exit()).code, 0);
  assertMatch(child.out.text, new RegExp(`seen: ${fieldsDigest(fields.flat())}`));
});

test("curl to us: headers above our limit are refused, and the connection goes on", options, async (t) => {
  const { url, connections } = await ourServer(t, { limits: { maxHeaderBytes: 16_384 } });
  const list = file(t, `x-large: ${"v".repeat(50_000)}\n`, "headers");
  const next = ["--next", ...report, "--http2", "--cacert", certFile("ca.pem"), `${url}/`];
  const child = curl(t, ...report, "--header", `@${list}`, `${url}/`, ...next);
  await child.exit();
  assertMatch(child.err.text, /ENHANCE_YOUR_CALM/);
  assertEquals(child.out.text, "0 0002 200");
  assertEquals(connections.length, 1);
});

test("curl to us: 50 kB of response headers", options, async (t) => {
  const { url } = await ourServer(t);
  const child = curl(t, "--head", `${url}/fields/50`);
  assertEquals((await child.exit()).code, 0);
  assertEquals([...child.out.text.matchAll(/^x-field-\d+: v{1000}\r$/gm)].length, 50);
});

test("curl to us: small frames", options, async (t) => {
  const { url } = await ourServer(t, { maxFrame: 16_384, window: 1_000 });
  const body = pattern(300_000);
  const back = await output(t, "--data-binary", `@${file(t, body)}`, `${url}/echo`);
  assertEquals(sha256(back), sha256(body));
});

test("curl to us: our window of one octet", options, async (t) => {
  const { url } = await ourServer(t, { window: 1 });
  const body = pattern(2_000);
  const back = await output(t, "--data-binary", `@${file(t, body)}`, `${url}/echo`);
  assertEquals(sha256(back), sha256(body));
});
