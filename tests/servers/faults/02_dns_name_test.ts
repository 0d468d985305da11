// Fault 2: a server that is told a DNS name listens on every address.
import { networkInterfaces } from "node:os";
import { assert, assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { ask, realPool } from "../sockets/support.ts";

test("server fault 2: a DNS name binds that name, and nothing else", async (t) => {
  const pool = realPool(t, { servers: [{ name: "a", listen: "localhost:0" }], handler: () => new Response("here") });
  await pool.start();
  const { bind } = pool.get("a")!;
  assert(/^(?:127\.0\.0\.1|\[::1\]):\d+$/.test(bind), bind);
  const port = bind.slice(bind.lastIndexOf(":") + 1);
  assertEquals((await ask(`http://localhost:${port}/`)).text, "here");
  const outside = Object.values(networkInterfaces()).flatMap((list) => list ?? []).find((one) =>
    !one.internal && one.family === "IPv4"
  );
  const others = ["127.0.0.2", ...(outside === undefined ? [] : [outside.address])];
  for (const host of others) {
    const error = await ask(`http://${host}:${port}/`).then(() => undefined, (error) => error);
    assertEquals(error?.code, "ECONNREFUSED", host);
  }
});
