// Fault 7: a clone shares its servers with the original.
import { assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { ask, freePort, realPool } from "../sockets/support.ts";

test("server fault 7: clones are independent", async (t) => {
  const port = await freePort();
  const pool = realPool(t, {
    servers: [{ name: "a", listen: `127.0.0.1:${port}` }],
    handler: () => new Response("original"),
  });
  await pool.start();
  const clone = pool.clone();
  t.cleanup(() => clone.stop({ grace: 0 }));
  assertEquals([clone.size, clone.running, clone.get("a")!.state], [1, false, "stopped"]);
  clone.handle({ handler: () => new Response("clone") });
  await clone.add({ name: "b", listen: "127.0.0.1:0" });
  await clone.stop();
  assertEquals([pool.size, pool.running, (await ask(`http://127.0.0.1:${port}/`)).text], [1, true, "original"]);
  await pool.clear();
  await clone.start();
  assertEquals((await ask(`http://127.0.0.1:${port}/`)).text, "clone");
});
