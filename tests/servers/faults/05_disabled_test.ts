// Fault 5: disabled servers come up with the others.
import { assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { ask, freePort, realPool } from "../sockets/support.ts";

test("server fault 5: disabled servers stay down", async (t) => {
  const port = await freePort();
  const listen = `127.0.0.1:${port}`;
  const pool = realPool(t, {
    servers: [{ name: "off", listen, disabled: true }, { name: "on", listen: "127.0.0.1:0" }],
    handler: () => new Response("x"),
  });
  const down = async (): Promise<void> => {
    assertEquals(pool.get("off")!.state, "disabled");
    const error = await ask(`http://${listen}/`).then(() => undefined, (error) => error);
    assertEquals(error?.code, "ECONNREFUSED");
  };
  await pool.start();
  await down();
  await pool.restart();
  await down();
  await pool.get("off")!.start();
  await down();
  await pool.reload([{ name: "off", listen }, { name: "on", listen: "127.0.0.1:0" }]);
  assertEquals((await ask(`http://${listen}/`)).text, "x");
  await pool.reload([{ name: "off", listen, disabled: true }, { name: "on", listen: "127.0.0.1:0" }]);
  await down();
});
