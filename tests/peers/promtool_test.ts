/** What Prometheus' own checker says about our metrics. Debian: `prometheus`. @module */
import { assertEquals } from "@std/assert";
import { ClientPool, HttpServerPool, prometheus } from "../../mod.ts";
import { test } from "../support/harness.ts";
import { program } from "../support/needs.ts";
import { spawnProgram } from "../support/spawn.ts";
import { ask } from "../servers/sockets/support.ts";

test("promtool check metrics accepts both kinds of pool", { needs: program("promtool") }, async (t) => {
  const web = new HttpServerPool({
    name: 'the "web"',
    servers: [{ name: "a", listen: "127.0.0.1:0" }, { name: "off", listen: "127.0.0.1:0", disabled: true }],
    handler: (request) => new Response("x", { status: request.url.endsWith("/no") ? 404 : 200 }),
  });
  const streams = new ClientPool({ name: "tunnel", address: "127.0.0.1:1" });
  t.cleanup(() => Promise.all([web.stop({ grace: 0 }), streams.close()]));
  await web.start();
  const { expose } = web.get("a")!;
  await ask(expose);
  await ask(`${expose}/no`);
  const child = spawnProgram(t, ["promtool", "check", "metrics"]);
  child.write(prometheus(web, streams));
  child.end();
  const { code } = await child.exit();
  assertEquals([code, child.out.text, child.err.text], [0, "", ""]);
});
