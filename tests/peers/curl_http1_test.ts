/** curl as the client of our HTTP listener, over HTTP/1.1 and by ALPN. @module */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { serve } from "../adapter/http/support.ts";
import { certFile, server as identity } from "../support/certs.ts";
import { pattern, sha256 } from "../support/exchange/bodies.ts";
import { test, type TestContext } from "../support/harness.ts";
import { program } from "../support/needs.ts";
import { spawnProgram } from "../support/spawn.ts";
import { file } from "./support/files.ts";

const options = { needs: program("curl"), timeout: 60_000 };

async function curl(t: TestContext, ...args: string[]): Promise<{ out: Uint8Array; text: string }> {
  const child = spawnProgram(t, ["curl", "--silent", "--show-error", "--cacert", certFile("ca.pem"), ...args]);
  const { code } = await child.exit(30_000);
  assertEquals([code, child.err.text], [0, ""]);
  return { out: child.out.bytes, text: child.out.text };
}

const app = {
  fetch(request: Request): Response {
    const { pathname } = new URL(request.url);
    if (pathname === "/echo") return new Response(request.body);
    if (pathname === "/events") {
      let n = 0;
      const body = new ReadableStream({
        async pull(controller) {
          if (n++ === 3) return controller.close();
          controller.enqueue(new TextEncoder().encode(`data: ${n}\n\n`));
          await new Promise((resolve) => setTimeout(resolve, 10));
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    }
    if (pathname === "/unread") return new Response("no", { status: 413 });
    return new Response(`${request.method} ${pathname}`, {
      headers: { "content-length": String(request.method.length + 1 + pathname.length) },
    });
  },
};

test("curl: HTTP/1.1, several requests on a connection, HEAD", options, async (t) => {
  const { port, owner } = await serve(t, app);
  const url = `http://localhost:${port}`;
  const { text } = await curl(
    t,
    "--http1.1",
    "-w",
    "|%{http_version} %{response_code} %{num_connects}|",
    `${url}/a`,
    `${url}/b`,
  );
  assertEquals(text, "GET /a|1.1 200 1|GET /b|1.1 200 0|");
  assertMatch((await curl(t, "--head", `${url}/abc`)).text, /^HTTP\/1.1 200 OK\r\n[^]*content-length: 9\r\n/i);
  assertEquals(owner.outcomes.every(({ cut }) => cut === undefined), true);
});

for (const how of ["http", "https"] as const) {
  test(`curl: 20 MB there and back over ${how}, announced with Expect, and chunked`, options, async (t) => {
    const { port } = await serve(t, app, how === "https" ? { tls: identity } : {});
    const body = pattern(20_000_000), path = file(t, body);
    for (const headers of [["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"]]) {
      const { out } = await curl(
        t,
        "--http1.1",
        ...headers,
        "--data-binary",
        `@${path}`,
        `${how}://localhost:${port}/echo`,
      );
      assertEquals(sha256(out), sha256(body));
    }
  });
}

test("curl: by ALPN the protocol it asks for", options, async (t) => {
  const { port } = await serve(t, app, { tls: identity, protocols: ["h2", "h1"] });
  const version = async (...args: string[]): Promise<string> =>
    (await curl(t, ...args, "-o", "/dev/null", "-w", "%{http_version}", `https://localhost:${port}/`)).text;
  assertEquals([await version("--http2"), await version("--http1.1"), await version("--no-alpn")], ["2", "1.1", "1.1"]);
});

test(
  "curl: it asks to upgrade to HTTP/2 without TLS, and is answered over HTTP/1.1; prior knowledge is HTTP/2",
  options,
  async (t) => {
    const { port } = await serve(t, app, { protocols: ["h2", "h1"] });
    const url = `http://localhost:${port}/`;
    const { text } = await curl(t, "--http2", "-w", "|%{http_version}|", url, url);
    assertEquals(text, "GET /|1.1|GET /|1.1|");
    assertMatch((await curl(t, "--http2-prior-knowledge", "-w", "|%{http_version}", url)).text, /\|2$/);
  },
);

test("curl: server-sent events, and an answer before a large upload was read", options, async (t) => {
  const { port } = await serve(t, app);
  assertEquals(
    (await curl(t, "--no-buffer", `http://localhost:${port}/events`)).text,
    "data: 1\n\ndata: 2\n\ndata: 3\n\n",
  );
  const path = file(t, pattern(5_000_000));
  const { text } = await curl(
    t,
    "-w",
    "%{response_code}",
    "--data-binary",
    `@${path}`,
    `http://localhost:${port}/unread`,
  );
  assert(text.startsWith("no") && text.endsWith("413"), text);
});
