// Fault 3: a start that cannot work waits for its timeout, or hides why and who.
import { createServer } from "node:net";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ServerBatchError, ServerError } from "../../../src/servers/mod.ts";
import { test } from "../../support/harness.ts";
import { realPool } from "../sockets/support.ts";

function codeOf({ cause }: ServerError): string | undefined {
  return (cause as { code?: string }).code;
}

test("server fault 3: a failed start fails at once, with its cause, and names the server", async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  t.cleanup(() => new Promise((resolve) => other.close(resolve)));
  const { port } = other.address() as { port: number };
  const pool = realPool(t, {
    servers: [
      { name: "busy", listen: `127.0.0.1:${port}` },
      { name: "not ours", listen: "192.0.2.1:0" },
      { name: "not ours 6", listen: "[2001:db8::1]:0" },
      { name: "nowhere", listen: "no-such-name.invalid:0" },
      { name: "no file", listen: "127.0.0.1:0", tls: { certFile: "/nowhere/c.pem", keyFile: "/nowhere/k.pem" } },
      { name: "fine", listen: "127.0.0.1:0" },
    ],
  });
  const start = performance.now();
  const error = await pool.start({ timeout: 30_000 }).catch((error) => error);
  assert(performance.now() - start < 5_000, "at once, but for a moment of trying a busy port again");
  assert(error instanceof ServerBatchError && error.code === "ERR_SERVERS_START");
  const found = error.errors.map((one) => [one.server, one.code, codeOf(one)]);
  assertEquals(found, [
    ["busy", "ERR_SERVER_LISTEN", "EADDRINUSE"],
    ["not ours", "ERR_SERVER_LISTEN", "EADDRNOTAVAIL"],
    ["not ours 6", "ERR_SERVER_LISTEN", "EADDRNOTAVAIL"],
    ["nowhere", "ERR_SERVER_LISTEN", "ENOTFOUND"],
    ["no file", "ERR_SERVER_TLS", "ENOENT"],
  ]);
  for (const one of error.errors) {
    assertStringIncludes(error.message, one.server);
    assert(pool.get(one.server)!.error instanceof ServerError);
    assertEquals(pool.get(one.server)!.state, "failed");
  }
  assert(pool.get("fine")!.running);
});
