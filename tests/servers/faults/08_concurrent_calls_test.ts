// Fault 8: calls at the same time leave a server that says one thing and does another.
import { assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { ask, freePort, realPool } from "../sockets/support.ts";

test("server fault 8: concurrent lifecycle calls end in one true state", { timeout: 60_000 }, async (t) => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const pool = realPool(t, {
    servers: [{ name: "a", listen: `127.0.0.1:${port}` }],
    handler: () => new Response("x"),
  });
  const a = pool.get("a")!;
  let seed = 7;
  const random = (n: number): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) % n;
  const calls = [
    () => pool.start(),
    () => a.start(),
    () => pool.stop(),
    () => a.stop(),
    () => pool.restart(),
    () => a.restart(),
  ];
  for (let round = 0; round < 20; round++) {
    const all = Array.from({ length: 5 }, () => calls[random(calls.length)]!());
    const last = round % 2 === 0 ? a.start() : a.stop();
    await Promise.all([...all, last]);
    assertEquals(a.state, round % 2 === 0 ? "running" : "stopped");
    const got = await ask(url).then(({ text }) => text, (error) => error.code);
    assertEquals(got, round % 2 === 0 ? "x" : "ECONNREFUSED");
  }
});
