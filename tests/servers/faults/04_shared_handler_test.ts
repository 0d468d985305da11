// Fault 4: the pool's shared handler is never asked.
import { assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { ask, realPool } from "../sockets/support.ts";

test("server fault 4: the shared handler is used, also when it came after the server", async (t) => {
  const pool = realPool(t, { servers: [{ name: "a", listen: "127.0.0.1:0" }] });
  await pool.start();
  const { expose } = pool.get("a")!;
  assertEquals((await ask(expose)).status, 500);
  pool.handle({ handler: () => new Response("shared") });
  assertEquals((await ask(expose)).text, "shared");
  await pool.restart();
  assertEquals((await ask(pool.get("a")!.expose)).text, "shared");
});
