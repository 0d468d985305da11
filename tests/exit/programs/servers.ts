// Servers that were asked, reloaded, checked and stopped: no timer, socket, watch or listener may be left.
import { request } from "node:http";
import { HttpServerPool } from "../../../mod.ts";
import { certFile } from "../../support/certs.ts";

const abort = new AbortController();
const pool = new HttpServerPool({
  servers: [
    { name: "a", listen: "127.0.0.1:0", health: { interval: "1h" } },
    {
      name: "b",
      listen: "127.0.0.1:0",
      tls: { certFile: certFile("server.pem"), keyFile: certFile("server.key") },
      health: { path: "/", interval: 50, restart: true, fall: 1 },
    },
  ],
  handler: (_request, { server }) => new Response("x", { status: server === "b" ? 500 : 200 }),
  signal: abort.signal,
});
await pool.start();
const sick = new Promise<void>((resolve) =>
  pool.addEventListener("health", ({ detail }) => {
    if (detail.status === "ko") resolve();
  })
);
await new Promise<void>((resolve, reject) => {
  const asked = request(pool.get("a")!.expose, (response) => response.resume().on("end", resolve));
  asked.on("error", reject).end();
});
await sick;
await pool.monitor();
await pool.reload([...pool.values()].map(({ config }) => ({ ...config, idleTimeout: "1h" })));
await pool.stop();
console.log("closed");
