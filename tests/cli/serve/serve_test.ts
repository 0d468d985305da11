import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { showTime, table } from "../../../src/cli/serve/table.ts";
import * as certs from "../../support/certs.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { linux } from "../../support/needs.ts";
import { currentRuntime } from "../../support/runtime.ts";
import { spawnRuntime } from "../../support/spawn.ts";
import { ask, freePort } from "../../servers/sockets/support.ts";
import { main } from "../../../src/cli/main.ts";
import { fakeIo, runInside } from "../io.ts";

async function folder(t: TestContext, files: Record<string, string>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "h2pool-serve-"));
  t.cleanup(() => rm(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return path;
}

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = fakeIo();
  const code = await main(args, io);
  return { code, out: io.out.join("\n"), err: io.err.join("") };
}

const API = `export default () => new Response("one");`;

test("check: 0 for a good file, 2 with every problem", async (t) => {
  const path = await folder(t, {
    "good.json": `[{ "name": "a", "listen": "127.0.0.1:0", "module": "./api.js" }, /* none */ { "listen": ":0" },]`,
    "bad.json":
      `[{ "listen": "x" }, { "listen": ":1", "disbled": true }, { "listen": ":1", "expose": "https://a.example" }]`,
    "later.json": `[
      { "name": "x", "listen": ":1", "tls": { "certFile": "none.pem", "keyFile": "none.pem" } },
      { "name": "y", "listen": ":2", "tls": { "certFile": "api.js", "keyFile": "api.js" } },
    ]`,
    "api.js": API,
  });
  const good = await run("check", join(path, "good.json"));
  assertEquals([good.code, good.out.split(": ").at(-1)], [0, "2 servers, no problem"]);
  assertMatch(good.err, /note: :0 has no handler/);
  const bad = await run("check", join(path, "bad.json"));
  assertEquals([bad.code, bad.out, bad.err.trim().split("\n").length], [2, "", 4]);
  assertMatch(bad.err, /`\[0\]\.listen` is "x", expected an address/);
  assertMatch(bad.err, /`\[2\]\.listen` is ":1", but \[1\] has this name already/);
  assertMatch(bad.err, /Server ":1" has no certificate, and `expose` is an https URL/);
  assertMatch(bad.err, /`\[1\]\.disbled` is not a field; did you mean `disabled`\?/);
  const later = await run("check", join(path, "later.json"));
  assertEquals([later.code, later.err.trim().split("\n").length], [2, 2]);
  assertMatch(later.err, /Server "x" cannot use its certificate: .*none\.pem/);
  const none = await run("check", join(path, "none.json"));
  assertEquals(none.code, 2);
  assertMatch(none.err, /there is no such file/);
});

test("serve and check take one file", async () => {
  for (const command of ["serve", "check"]) {
    assertEquals((await run(command)).code, 2);
    assertMatch((await run(command)).err, new RegExp(`h2pool ${command} needs FILE`));
    assertMatch((await run(command, "a", "b")).err, /takes one FILE, not "b" besides/);
    assertMatch((await run(command, "--help")).out, /FILE +The servers, as JSON/);
  }
});

test("serve: a file with problems is told, with code 2; a busy port is code 1, and nothing stays open", async (t) => {
  const busy = createServer();
  await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
  t.cleanup(() => new Promise((resolve) => busy.close(resolve)));
  const { port } = busy.address() as { port: number };
  const path = await folder(t, {
    "bad.json": `[{ "listen": 5 }]`,
    "busy.json": `[{ "name": "ok", "listen": "127.0.0.1:0" }, { "name": "b", "listen": "127.0.0.1:${port}" }]`,
  });
  assertEquals((await run("serve", join(path, "bad.json"))).code, 2);
  const { code, err } = await run("serve", join(path, "busy.json"));
  assertEquals(code, 1);
  assertMatch(err, /Server "b" cannot listen on 127\.0\.0\.1:\d+: the address is in use \(EADDRINUSE\)/);
});

test("serve: answers, reloads on a change of the file and of a module, stops on a signal", async (t) => {
  const port = await freePort();
  const path = await folder(t, {
    "servers.json": `[{ "name": "a", "listen": "127.0.0.1:${port}", "module": "./api.js" }]`,
    "api.js": API,
  });
  const file = join(path, "servers.json");
  const replace = async (name: string, text: string): Promise<void> => {
    await writeFile(join(path, `${name}.new`), text);
    await rename(join(path, `${name}.new`), join(path, name));
  };
  const url = `http://127.0.0.1:${port}/`;
  const serving = runInside(t, "serve", file, "--watch");
  await serving.err.line(/a on http:\/\/127\.0\.0\.1/);
  assertEquals((await ask(url)).text, "one");
  await replace("api.js", `export default () => new Response("two");`);
  await serving.err.line(/reloaded: changed a; kept 0/);
  assertEquals((await ask(url)).text, "two");
  await replace("servers.json", `[{ "name": "a", "listen": "nonsense" }]`);
  await serving.err.line(/nothing was reloaded/);
  assertEquals((await ask(url)).text, "two");
  await replace(
    "servers.json",
    `[
    { "name": "a", "listen": "127.0.0.1:${port}", "module": "./api.js" }, { "name": "b", "listen": "127.0.0.1:0" },
  ]`,
  );
  await serving.err.line(/reloaded: added b; kept 1/);
  serving.kill("SIGTERM");
  await serving.err.line(/stopped: 3 requests/);
  assertEquals((await serving.exit()).code, 0);
});

test("serve: a request that hangs is cut by a second signal", async (t) => {
  const port = await freePort();
  const path = await folder(t, {
    "servers.json": `[{ "name": "a", "listen": "127.0.0.1:${port}", "module": "./api.js" }]`,
    "api.js": `export default () => new Promise(() => globalThis.h2poolAsked());`,
  });
  const asked = new Promise<void>((resolve) => Object.assign(globalThis, { h2poolAsked: resolve }));
  t.cleanup(() => void Reflect.deleteProperty(globalThis, "h2poolAsked"));
  const serving = runInside(t, "serve", join(path, "servers.json"), "--grace", "1h");
  await serving.err.line(/a on http/);
  const lost = ask(`http://127.0.0.1:${port}/`).catch((error) => error);
  await asked;
  serving.kill("SIGTERM");
  await serving.err.line(/finishing 1 request; once more cuts/);
  serving.kill("SIGTERM");
  assertEquals((await serving.exit()).code, 143);
  assert(await lost instanceof Error);
});

test("serve: a process of its own, SIGHUP reloads, SIGTERM ends it", { needs: linux }, async (t) => {
  const path = await folder(t, {
    "servers.json": `{ "servers": [{ "name": "files", "listen": "127.0.0.1:0", "static": "." }] }`,
    "hello.txt": "hello",
  });
  const file = join(path, "servers.json");
  const child = spawnRuntime(t, currentRuntime(), new URL("../../../cli.ts", import.meta.url), ["serve", file]);
  const [, url] = await child.err.line(/files on (http:\S+)/);
  assertEquals((await ask(`${url}/hello.txt`)).text, "hello");
  await writeFile(file, `[{ "name": "files", "listen": "127.0.0.1:0", "static": ".", "idleTimeout": "9s" }]`);
  child.kill("SIGHUP");
  await child.err.line(/reloaded: changed files; kept 0/);
  assertEquals((await ask(`${url}/hello.txt`)).text, "hello");
  child.kill("SIGTERM");
  await child.err.line(/stopped: 2 requests/);
  assertEquals((await child.exit()).code, 0);
});

test("serve: a file without servers is served, too, until it has some", { needs: linux }, async (t) => {
  const one = (disabled: string): string =>
    `[{ "name": "files", "listen": "127.0.0.1:0", "static": "."${disabled} }, { "name": "b", "listen": "127.0.0.1:0", "disabled": true }]`;
  const path = await folder(t, { "servers.json": one(""), "hello.txt": "hello" });
  const file = join(path, "servers.json");
  const child = spawnRuntime(t, currentRuntime(), new URL("../../../cli.ts", import.meta.url), [
    "serve",
    file,
    "--verbose",
  ]);
  const reload = async (text: string, said: RegExp): Promise<void> => {
    await writeFile(file, text);
    child.kill("SIGHUP");
    await child.err.line(said);
  };
  await child.err.line(/files on http:/);
  await reload("[]", /reloaded: removed files, b; kept 0/);
  await reload(one(`, "disabled": true`), /reloaded: added files, b; kept 0/);
  await reload(one(""), /files is running/);
  child.kill("SIGTERM");
  await child.err.line(/stopped: 0 requests/);
  assertEquals((await child.exit()).code, 0);
});

test("serve: the table on a terminal", async (t) => {
  const path = await folder(t, { "servers.json": `[{ "name": "web", "listen": "127.0.0.1:0", "static": "." }]` });
  const io = fakeIo({}, { columns: 60 });
  const code = main(["serve", join(path, "servers.json")], io);
  while (!io.err.join("").includes("UPTIME")) await new Promise((resolve) => setTimeout(resolve, 5));
  const text = io.err.join("");
  assertMatch(text, /NAME +ADDRESS +STATE +REQUESTS +UPTIME/);
  assertMatch(text, /web +127\.0\.0\.1:\d+ +running +0/);
  io.signal("SIGINT");
  assertEquals(await code, 0);
});

test("serve: rows of the table", () => {
  const server = {
    bind: ":8080",
    connections: 0,
    inFlight: 0,
    errors: 0,
    restarts: 0,
    bytesIn: 0,
    bytesOut: 0,
    responses: {},
  };
  const more = { ...server, duration: { buckets: [], sum: 0, count: 0 } };
  const text = table({
    name: "x",
    servers: [
      { ...more, name: "a", state: "running", health: "warn", requests: 12, uptime: 200_000 },
      { ...more, name: "longer", state: "stopped", health: "ko", requests: 0, uptime: 0 },
    ],
  });
  assertEquals(text.split("\n"), [
    "NAME    ADDRESS  STATE           REQUESTS  UPTIME",
    "a       :8080    running (warn)        12  3m 20s",
    "longer  :8080    stopped                0       -",
  ]);
  assertEquals([0, 999, 59_000, 3_600_000, 7_500_000, 345_600_000].map(showTime), [
    "0s",
    "0s",
    "59s",
    "1h",
    "2h 5m",
    "4d",
  ]);
  assertStringIncludes(table({ name: "x", servers: [] }), "NAME");
});

test("serve: TLS from the file's default, a named export, a Node-style handler; a reload that fails changes nothing", async (t) => {
  const [secure, plain] = [await freePort(), await freePort()];
  const busy = createServer();
  await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
  t.cleanup(() => new Promise((resolve) => busy.close(resolve)));
  const servers = (more: string): string =>
    `{
      "tls": { "certFile": "server.pem", "keyFile": "server.key" },
      "servers": [
        { "name": "secure", "listen": "localhost:${secure}", "expose": "https://localhost:${secure}", "module": "api.js", "export": "named" },
        { "name": "plain", "listen": "127.0.0.1:${plain}", "module": "api.js", "export": "old" },
        ${more}
      ],
    }`;
  const path = await folder(t, {
    "servers.json": servers(""),
    "server.pem": certs.server.cert,
    "server.key": certs.server.key,
    "api.js": `export const named = { fetch: (request) => new Response(new URL(request.url).protocol) };
      export const old = { node: (req, res) => void res.end(req.method) };`,
  });
  const file = join(path, "servers.json");
  assertEquals((await run("check", file)).code, 0);
  const serving = runInside(t, "serve", file, "--watch");
  await serving.err.line(/plain on http:/);
  assertEquals((await ask(`https://localhost:${secure}/`)).text, "https:");
  assertEquals((await ask(`http://127.0.0.1:${plain}/`)).text, "GET");
  const { port } = busy.address() as { port: number };
  await writeFile(file, servers(`{ "name": "busy", "listen": "127.0.0.1:${port}" }`));
  await serving.err.line(/"busy" cannot listen on 127\.0\.0\.1:\d+: the address is in use/);
  assertEquals((await ask(`https://localhost:${secure}/`)).text, "https:");
  assertEquals((await ask(`http://127.0.0.1:${plain}/`)).text, "GET");
  serving.kill("SIGINT");
  await serving.err.line(/stopped: 4 requests/);
  assertEquals((await serving.exit()).code, 0);
});
