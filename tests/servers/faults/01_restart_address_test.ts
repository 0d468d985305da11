// Fault 1: after a stop and a start the server listens elsewhere than it was told.
import { assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { ask, freePort, realPool } from "../sockets/support.ts";

test("server fault 1: after stop and start it listens where it was told", async (t) => {
  const port = await freePort();
  const pool = realPool(t, {
    servers: [{ name: "a", listen: `127.0.0.1:${port}` }],
    handler: () => new Response("here"),
  });
  for (let i = 0; i < 3; i++) {
    await pool.start();
    assertEquals(pool.get("a")!.bind, `127.0.0.1:${port}`);
    assertEquals((await ask(`http://127.0.0.1:${port}/`)).text, "here");
    await pool.stop();
  }
  await pool.start();
  await pool.restart();
  assertEquals((await ask(`http://127.0.0.1:${port}/`)).text, "here");
});
