// Fault 6: a server that was taken out, or replaced, goes on listening.
import { assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { ask, freePort, realPool } from "../sockets/support.ts";

test("server fault 6: removal frees the port", async (t) => {
  const port = await freePort();
  const config = { name: "a", listen: `127.0.0.1:${port}` };
  const pool = realPool(t, { handler: () => new Response("x") });
  const removals: (() => Promise<unknown>)[] = [
    () => pool.delete("a"),
    () => pool.clear(),
    () => pool.add({ name: "a", listen: "127.0.0.1:0" }),
    () => pool.merge([{ name: "a", listen: "127.0.0.1:0" }]),
    () => pool.reload([]),
  ];
  for (const remove of removals) {
    await pool.clear();
    await pool.add(config);
    await pool.start();
    assertEquals((await ask(`http://${config.listen}/`)).text, "x");
    await remove();
    const error = await ask(`http://${config.listen}/`).then(() => undefined, (error) => error);
    assertEquals(error?.code, "ECONNREFUSED");
  }
});
