import { Agent } from "node:http";
import { connect, createServer } from "node:net";
import { assert, assertEquals } from "@std/assert";
import { ServerBatchError, type ServerError } from "../../../src/servers/mod.ts";
import * as certs from "../../support/certs.ts";
import { test } from "../../support/harness.ts";
import { ask, freePort, realPool, retrying } from "./support.ts";

const tls = { cert: certs.server.cert, key: certs.server.key };

test("servers answer over sockets, plain and over TLS, fetch-style and Node-style", async (t) => {
  const pool = realPool(t, {
    servers: [
      { name: "plain", listen: "127.0.0.1:0" },
      { name: "tls", listen: "127.0.0.1:0", tls },
      { name: "node", listen: "127.0.0.1:0", handler: { node: (req, res) => void res.end(`node ${req.url}`) } },
      { name: "v6", listen: "[::1]:0" },
      { name: "dns", listen: "localhost:0" },
      { name: "all", listen: ":0" },
    ],
    handler: (request, { server, protocol, tls }) =>
      new Response(`${server} ${protocol} ${tls?.protocol ?? "plain"} ${new URL(request.url).pathname}`),
  });
  await pool.start();
  const text = async (name: string): Promise<string> => (await ask(`${pool.get(name)!.expose}/x`)).text;
  assertEquals(await text("plain"), "plain h1 plain /x");
  assertEquals(await text("tls"), "tls h1 TLSv1.3 /x");
  assertEquals(await text("node"), "node /x");
  assertEquals(await text("v6"), "v6 h1 plain /x");
  assertEquals(await text("dns"), "dns h1 plain /x");
  assertEquals(await text("all"), "all h1 plain /x");
  const stats = pool.stats().servers.find(({ name }) => name === "plain")!;
  assertEquals([stats.requests, stats.responses["2xx"]], [1, 1]);
  assert(stats.bytesIn > 0 && stats.bytesOut > 0);
  const binds = [...pool.values()].map(({ bind }) => bind);
  await pool.stop();
  for (const bind of binds) {
    await assertRefused(`http://${bind.replace(/^\[::\]/, "127.0.0.1")}/`);
  }
  await pool.start();
  assertEquals(await text("plain"), "plain h1 plain /x");
});

test("a busy port fails at once with its cause, naming the server", async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  t.cleanup(() => new Promise((resolve) => other.close(resolve)));
  const { port } = other.address() as { port: number };
  const pool = realPool(t, {
    servers: [{ name: "busy", listen: `127.0.0.1:${port}` }, { name: "ok", listen: "127.0.0.1:0" }],
  });
  const error = await pool.start().catch((error) => error);
  assert(error instanceof ServerBatchError);
  const [first] = error.errors;
  assertEquals([first!.server, first!.code, (first!.cause as { code: string }).code], [
    "busy",
    "ERR_SERVER_LISTEN",
    "EADDRINUSE",
  ]);
  assert(pool.get("ok")!.running);
});

test("a certificate is renewed without dropping a connection", async (t) => {
  const pool = realPool(t, { servers: [{ name: "a", listen: "127.0.0.1:0", tls }], handler: () => new Response("x") });
  await pool.start();
  const a = pool.get("a")!;
  assertEquals((await ask(a.expose)).text, "x");
  a.renewCertificate({ cert: certs.selfSigned.cert, key: certs.selfSigned.key });
  assertEquals((await ask(a.expose).catch((error) => error)) instanceof Error, true, "not of the authority any more");
  a.renewCertificate(tls);
  assertEquals((await ask(a.expose)).text, "x");
});

test("health over sockets: TCP, HTTP, HTTPS and HTTP/2 only", async (t) => {
  let status = 200;
  const health = { path: "/healthz", timeout: 3_000 };
  const pool = realPool(t, {
    servers: [
      { name: "tcp", listen: "127.0.0.1:0" },
      { name: "http", listen: ":0", health },
      { name: "https", listen: "127.0.0.1:0", tls, health },
      { name: "h2", listen: "127.0.0.1:0", tls, health, protocols: ["h2"] },
      { name: "down", listen: "127.0.0.1:0", disabled: true },
    ],
    handler: (request) => new Response("well", { status: new URL(request.url).pathname === "/healthz" ? status : 404 }),
  });
  await pool.start();
  const now = async (): Promise<string[]> => (await pool.monitor()).map(({ name, status }) => `${name} ${status}`);
  assertEquals(await now(), ["tcp ok", "http ok", "https ok", "h2 ok", "down warn"]);
  status = 500;
  assertEquals(await now(), ["tcp ok", "http warn", "https warn", "h2 warn", "down warn"]);
  assert((await pool.get("http")!.health()).message.includes("500"));
});

test("100 reloads under load lose nothing on the servers that stay, and those that keep their address", {
  timeout: 60_000,
}, async (t) => {
  const [stay, change, moving] = await Promise.all([freePort(), freePort(), freePort()]);
  const configs = (round: number): { name: string; listen: string; idleTimeout?: number }[] => [
    { name: "stay", listen: `127.0.0.1:${stay}` },
    { name: "change", listen: `127.0.0.1:${change}`, idleTimeout: 10_000 + round },
    ...(round % 2 === 0 ? [{ name: "comes and goes", listen: `127.0.0.1:${moving}` }] : []),
  ];
  const pool = realPool(t, { servers: configs(0), handler: (_request, { server }) => new Response(server) });
  await pool.start();
  let over = false;
  const failures: unknown[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  t.cleanup(() => agent.destroy());
  let answered = 0, round = 0, seen = 0;
  let next = (): void => {};
  const load = [stay, change].flatMap((port) =>
    [undefined, agent].map(async (agent) => {
      while (!over) {
        const got = await retrying(`http://127.0.0.1:${port}/`, agent).catch((error: Error) => error);
        if (got instanceof Error || got.status !== 200) failures.push(got);
        if (++answered - seen >= 4) next();
      }
    })
  );
  while (++round <= 100) {
    const some = new Promise<void>((resolve) => next = resolve);
    seen = answered;
    await Promise.all([pool.reload(configs(round)), some]);
  }
  over = true;
  await Promise.all(load);
  assertEquals(failures, []);
  assert(answered >= 400, `${answered} requests`);
  const broken = await pool.reload([{ name: "stay", listen: "bad" }]).catch((error) => error);
  assertEquals((broken.errors as ServerError[])[0]!.path, "[0].listen");
  assertEquals((await ask(`http://127.0.0.1:${stay}/`)).text, "stay");
});

test("stop under load loses no accepted request", async (t) => {
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => open = resolve);
  const pool = realPool(t, {
    servers: [{ name: "a", listen: "127.0.0.1:0" }],
    handler: async () => {
      await gate;
      return new Response("done");
    },
  });
  await pool.start();
  const { expose } = pool.get("a")!;
  const answers = Array.from({ length: 50 }, () => ask(expose));
  while (pool.stats().servers[0]!.inFlight < 50) await new Promise((resolve) => setTimeout(resolve, 1));
  const stopping = pool.stop();
  await assertRefused(expose);
  open();
  const all = await Promise.all(answers);
  assert(all.every(({ text }) => text === "done"));
  await stopping;
});

test("a Node-style handler takes over an upgraded connection; a stop ends it", async (t) => {
  const pool = realPool(t, {
    servers: [{ name: "a", listen: "127.0.0.1:0" }],
    handler: {
      node: (_req, res) => void res.end("plain"),
      upgrade: (req, socket) => {
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${req.headers.upgrade}\r\n\r\nhello`,
        );
        socket.on("data", (chunk: Uint8Array) => socket.write(chunk)).on("error", () => {});
      },
    },
  });
  await pool.start();
  const { expose, bind } = pool.get("a")!;
  assertEquals((await ask(expose)).text, "plain");
  const socket = connect(Number(bind.split(":")[1]), "127.0.0.1");
  t.cleanup(() => socket.destroy());
  let got = "";
  let heard = (): void => {};
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    got += chunk;
    heard();
  });
  const until = async (text: string): Promise<void> => {
    while (!got.includes(text)) await new Promise<void>((resolve) => heard = resolve);
  };
  const closed = new Promise((resolve) => socket.on("error", () => {}).on("close", resolve));
  socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
  await until("hello");
  socket.write("and back");
  await until("and back");
  const errors: Error[] = [];
  pool.addEventListener("error", ({ detail }) => errors.push(detail.error));
  await pool.stop({ grace: 100 });
  await closed;
  assertEquals(errors.map((error) => (error as ServerError).code), ["ERR_SERVER_STOP"]);
});

async function assertRefused(url: string): Promise<void> {
  const error = await ask(url).then(() => undefined, (error) => error as { code?: string });
  assertEquals(error?.code, "ECONNREFUSED", url);
}
