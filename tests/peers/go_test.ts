/** Go's net/http, both roles, where a Go compiler is: not among what continuous integration installs. @module */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { certFile } from "../support/certs.ts";
import { field, pattern, sha256 } from "../support/exchange/bodies.ts";
import { type Answer, ourClient } from "../support/exchange/client.ts";
import { ourServer } from "../support/exchange/server.ts";
import { test, type TestContext } from "../support/harness.ts";
import { findProgram } from "../support/runtime.ts";
import { type Child, spawnProgram } from "../support/spawn.ts";
import { folder } from "./support/files.ts";

const options = { timeout: 110_000 };
let built: Promise<string> | undefined;

/** Compiles once. */
async function program(t: TestContext, ...args: string[]): Promise<Child> {
  built ??= (async () => {
    const binary = join(folder(t), "go_peer");
    const source = fileURLToPath(new URL("./programs/go_peer.go", import.meta.url));
    const build = spawnProgram(t, ["go", "build", "-o", binary, source]);
    assertEquals((await build.exit(100_000)).code, 0, build.err.text);
    return binary;
  })();
  return spawnProgram(t, [await built, ...args]);
}

function assertEcho(answer: Answer, body: Uint8Array): void {
  const { fields, length, sha256: sum, fault } = answer;
  assertEquals(
    { status: field(fields, ":status"), length, sum, fault },
    { status: "200", length: body.length, sum: sha256(body), fault: undefined },
  );
}

if (findProgram("go")) {
  test("Go's net/http, both roles: 50 MB, 100 streams at once, trailers, headers", options, async (t) => {
    const { port, connections } = await ourServer(t);
    const client = await program(t, "ask", `${port}`, certFile("ca.pem"));
    await client.exit(60_000);
    assertEquals(client.out.text, "done\n", client.err.text);
    assertEquals(connections.length, 1);

    const server = await program(t, "serve", certFile("server.pem"), certFile("server.key"));
    const [, at] = await server.out.line(/^listening (\d+)$/);
    const { request } = await ourClient(t, Number(at));
    const body = pattern(50_000_000);
    assertEcho(await request({ body }), body);
    const small = pattern(100_000);
    const echo = await request({ body: small, fields: ["trailer", "x-sum"], trailers: ["x-sum", "abc"] });
    assertEcho(echo, small);
    assertEquals(echo.trailers, ["x-sum", "abc"]);
    const bodies = Array.from({ length: 100 }, (_, i) => pattern(30_000 + i, i + 1));
    const answers = await Promise.all(bodies.map((body) => request({ body })));
    answers.forEach((answer, i) => assertEcho(answer, bodies[i]!));
    assertEquals((await request({ path: "/fields/50" })).fault, undefined);
    const { fault } = await request({ path: "/fields/200" });
    assertEquals(fault?.kind === "reset" && fault.by, "engine");
    assertEcho(await request({ body: small }), small);
  });
}
