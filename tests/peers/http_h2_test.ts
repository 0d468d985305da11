/** curl, nghttp and h2load as clients of HTTP/2 requests: the listener with handlers of both styles. @module */
import { assertEquals, assertMatch } from "@std/assert";
import { pipeline } from "node:stream/promises";
import type { Answer } from "../../src/adapter/http/contract.ts";
import { certs, serve, type Served } from "../adapter/http/support.ts";
import { certFile } from "../support/certs.ts";
import { pattern, sha256 } from "../support/exchange/bodies.ts";
import { test, type TestContext } from "../support/harness.ts";
import { program } from "../support/needs.ts";
import { type Child, spawnProgram } from "../support/spawn.ts";
import { file } from "./support/files.ts";

const curlNeeds = { needs: program("curl"), timeout: 90_000 };

const answers: Record<string, Answer> = {
  fetch: {
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/refuse") return new Response("too much", { status: 413 });
      return new Response(request.body ?? `${request.method} ${pathname}`, { headers: { "x-style": "fetch" } });
    },
  },
  node: {
    node: async (req, res) => {
      res.setHeader("x-style", "node");
      if (req.url === "/refuse") return void res.writeHead(413).end("too much");
      if (req.method === "POST") return await pipeline(req, res);
      res.end(`${req.method} ${req.url}`);
    },
  },
};

function served(t: TestContext, answer: Answer): Promise<Served> {
  return serve(t, answer, { tls: certs.server, protocols: ["h2", "h1"], limits: { maxHeaderBytes: 20_000 } });
}

async function run(t: TestContext, ...command: string[]): Promise<Child> {
  const child = spawnProgram(t, command);
  const { code } = await child.exit(80_000);
  assertEquals(code, 0, child.err.text);
  return child;
}

for (const [style, answer] of Object.entries(answers)) {
  const curl = async (t: TestContext, port: number, path: string, ...args: string[]): Promise<Child> =>
    await run(
      t,
      ...["curl", "--silent", "--show-error", "--http2", "--cacert", certFile("ca.pem")],
      ...[...args, `https://localhost:${port}${path}`],
    );
  const report = ["--write-out", "%{http_version} %{response_code}", "--output", "/dev/null"];

  test(`curl over HTTP/2, ${style}: GET, HEAD, and 50 MB there and back`, curlNeeds, async (t) => {
    const { port, owner } = await served(t, answer);
    const got = await curl(t, port, "/a?b", "--include");
    assertMatch(got.out.text, /^HTTP\/2 200 \r\n/);
    assertMatch(got.out.text, new RegExp(`\r\nx-style: ${style}\r\n`));
    assertMatch(got.out.text, /\r\ndate: .* GMT\r\n/);
    assertMatch(got.out.text, /\r\n\r\nGET \/a/);
    const head = await curl(t, port, "/", "--head");
    assertMatch(head.out.text, /^HTTP\/2 200 \r\n[^]*\r\n\r\n$/);
    const body = pattern(50_000_000);
    const back = (await curl(t, port, "/", "--data-binary", `@${file(t, body)}`)).out.bytes;
    assertEquals([back.length, sha256(back)], [body.length, sha256(body)]);
    assertEquals(owner.failures, []);
  });

  test(
    `curl over HTTP/2, ${style}: 100-continue, an upload that is refused, a head that is too large`,
    curlNeeds,
    async (t) => {
      const { port } = await served(t, answer);
      const upload = ["--data-binary", `@${file(t, pattern(3_000_000))}`, "--expect100-timeout", "60"];
      const expected = await curl(t, port, "/", "--verbose", ...report, "-H", "expect: 100-continue", ...upload);
      assertMatch(expected.err.text, /< HTTP\/2 100/);
      assertEquals(expected.out.text, "2 200");
      const refused = await curl(t, port, "/refuse", ...report, "-H", "expect: 100-continue", ...upload);
      assertEquals(refused.out.text, "2 413");
      const large = await curl(t, port, "/", ...report, "-H", `x-large: ${"y".repeat(30_000)}`);
      assertEquals(large.out.text, "2 431");
    },
  );

  test(`nghttp over HTTP/2, ${style}: padded frames, trailers`, {
    needs: program("nghttp"),
    timeout: 90_000,
  }, async (t) => {
    const { port, owner } = await served(t, answer);
    const body = pattern(2_000_000);
    const more = ["--padding=200", "--trailer", "x-sum: 1", "-d", file(t, body)];
    const { out } = await run(t, "nghttp", ...more, `https://localhost:${port}/`);
    assertEquals([out.bytes.length, sha256(out.bytes)], [body.length, sha256(body)]);
    assertEquals(owner.failures, []);
  });

  test(
    `h2load over HTTP/2, ${style}: every request is answered`,
    { needs: program("h2load"), timeout: 90_000 },
    async (t) => {
      const { port, owner, listener } = await served(t, answer);
      const { out } = await run(t, "h2load", "-c", "4", "-m", "100", "-n", "20000", `https://localhost:${port}/`);
      assertMatch(out.text, /20000 succeeded, 0 failed, 0 errored, 0 timeout/);
      assertMatch(out.text, /20000 2xx/);
      assertEquals([owner.begun, owner.outcomes.length, listener.inFlight], [20_000, 20_000, 0]);
      const uploads = ["-d", file(t, pattern(100_000)), "-c", "2", "-m", "20", "-n", "500"];
      const posted = await run(t, "h2load", ...uploads, `https://localhost:${port}/`);
      assertMatch(posted.out.text, /500 succeeded, 0 failed, 0 errored, 0 timeout/);
      assertEquals(owner.failures, []);
    },
  );
}
