import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { checkServers } from "../../src/servers/checking.ts";
import { collide, derivedUrl, hostPortOf, parseListen } from "../../src/servers/config/address.ts";
import { serversJsonSchema } from "../../src/servers/config/json_schema.ts";
import { parseJsonc } from "../../src/servers/config/jsonc.ts";
import { type HttpServerConfig, loadServers, ServerBatchError, validateServers } from "../../src/servers/mod.ts";
import * as certs from "../support/certs.ts";
import { test, type TestContext } from "../support/harness.ts";
import { problems, world } from "./support.ts";

const ADDRESSES: readonly [string, string, string, number, number][] = [
  ["127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1", 8080, 8080],
  ["LOCALHOST:80", "localhost:80", "localhost", 80, 80],
  ["Example.COM.:443", "example.com:443", "example.com", 443, 443],
  [":8080", ":8080", "", 8080, 8080],
  ["0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", 0, 0],
  ["[0:0:0::1]:8080", "[::1]:8080", "::1", 8080, 8080],
  ["[FE80::1%eth0]:80", "[fe80::1%eth0]:80", "fe80::1%eth0", 80, 80],
  ["127.0.0.1:08080", "127.0.0.1:8080", "127.0.0.1", 8080, 8080],
  ["127.0.0.1:8000-8100", "127.0.0.1:8000-8100", "127.0.0.1", 8000, 8100],
  [":9000-9000", ":9000", "", 9000, 9000],
];
test("listen addresses have one canonical form", () => {
  for (const [text, canonical, hostname, port, last] of ADDRESSES) {
    assertEquals(parseListen(text), { text: canonical, hostname, port, last });
    assertEquals(parseListen(canonical).text, canonical);
  }
});

test("what is no address says why", () => {
  for (
    const [text, why] of [
      ["8080", "the port is missing"],
      ["", "the port is missing"],
      ["localhost", "the port is missing"],
      ["::1", "needs brackets"],
      ["[::1]", "the port is missing"],
      ["http://a:80", "not a URL"],
      ["a:65536", "not a port"],
      ["a:-1", "not a port"],
      ["a:8100-8000", "not a range"],
      ["a:0-5", "not a range"],
      ["a:1-70000", "not a port"],
      ["127.0.0.256:80", "not an IPv4 address"],
      ["127.1:80", "not an IPv4 address"],
      ["0x7f.1:80", "not an IPv4 address"],
      ["a b:80", "not a host name"],
      ["-a:80", "not a host name"],
      ["a..b:80", "not a host name"],
      ["[1.2.3.4]:80", "not an IPv6 address"],
      ["unix:/tmp/x", "write host:port"],
    ] as const
  ) {
    const { message } = assertThrows(() => parseListen(text), TypeError);
    assertStringIncludes(message, text === "unix:/tmp/x" ? "Cannot read" : why, text);
  }
});

test("which addresses collide", () => {
  const pairs: readonly [string, string, boolean][] = [
    ["127.0.0.1:80", "127.0.0.1:80", true],
    ["127.0.0.1:80", "127.0.0.2:80", false],
    ["0.0.0.0:80", "127.0.0.1:80", true],
    ["0.0.0.0:80", "[::1]:80", false],
    ["[::]:80", "127.0.0.1:80", true],
    [":80", "[::1]:80", true],
    [":80", "localhost:80", true],
    [":80", ":81", false],
    [":0", ":0", false],
    ["127.0.0.1:80-90", "127.0.0.1:80", false],
  ];
  for (const [a, b, expected] of pairs) {
    assertEquals([collide(parseListen(a), parseListen(b)), collide(parseListen(b), parseListen(a))], [
      expected,
      expected,
    ], `${a} ${b}`);
  }
});

test("URLs of addresses, and addresses of URLs", () => {
  assertEquals(derivedUrl({ hostname: "", port: 8080 }, "http"), "http://localhost:8080");
  assertEquals(derivedUrl({ hostname: "::1", port: 443 }, "https"), "https://[::1]");
  assertEquals(derivedUrl({ hostname: "a.example", port: 80 }, "https"), "https://a.example:80");
  assertEquals([hostPortOf("https://a.example/x"), hostPortOf("http://[::1]:8080")], ["a.example:443", "[::1]:8080"]);
});

test("validateServers takes what is right, as a copy", () => {
  const given: HttpServerConfig[] = [
    { listen: ":8080" },
    {
      name: "all",
      listen: "[::1]:8443",
      expose: "https://a.example/base",
      handlerKey: "k",
      disabled: true,
      tls: { cert: certs.server.cert, key: certs.server.key, clientCaFile: "ca.pem" },
      tlsMandatory: true,
      protocols: ["h1", "h2"],
      readTimeout: "1h30m",
      readHeaderTimeout: 500,
      writeTimeout: "0",
      idleTimeout: "1.5s",
      maxHeaderBytes: 8_192,
      maxConcurrentStreams: 10,
      maxReadFrameSize: 16_384,
      maxUploadBufferPerConnection: 65_535,
      maxUploadBufferPerStream: 1,
      disableKeepAlive: true,
      reusePort: true,
      health: { path: "/x?y=1", interval: "10s", timeout: 5, rise: 1, fall: 1, restart: false },
      static: "./public",
      handlers: { k: () => new Response("x") },
    },
  ];
  const valid = validateServers(given);
  assertEquals(valid.length, 2);
  assertEquals(Object.keys(valid[1]!).sort(), Object.keys(given[1]!).sort());
  given[1]!.tls!.cert = "changed";
  assertEquals(valid[1]!.tls!.cert, certs.server.cert);
  assertEquals(validateServers([]), []);
});

const WRONG: readonly [unknown, string, string][] = [
  [undefined, "", "the value is null, expected an array of servers"],
  [{}, "", "the value is an object, expected an array of servers"],
  [[5], "[0]", "`[0]` is 5, expected an object"],
  [[{}], "[0].listen", "`[0].listen` is missing, expected an address such as"],
  [[{ listen: 80 }], "[0].listen", "`[0].listen` is 80, expected an address such as"],
  [[{ listne: ":80", listen: ":1" }], "[0].listne", "`[0].listne` is not a field; did you mean `listen`?"],
  [[{ listen: ":1", colour: "red" }], "[0].colour", "`[0].colour` is not a field"],
  [[{ listen: ":1", "a-b": 1 }], '[0]["a-b"]', '`[0]["a-b"]` is not a field'],
  [[{ listen: ":1", __proto__x: 1 }], "[0].__proto__x", "is not a field"],
  [[{ listen: ":1", toString: 1 }], "[0].toString", "is not a field"],
  [[{ listen: ":1", disabled: "yes" }], "[0].disabled", '`[0].disabled` is "yes", expected true or false'],
  [[{ listen: ":1", readTimeout: "5 s" }], "[0].readTimeout", 'is "5 s", expected milliseconds, or a time such as'],
  [[{ listen: ":1", idleTimeout: -1 }], "[0].idleTimeout", "is -1, expected milliseconds"],
  [[{ listen: ":1", idleTimeout: "30d" }], "[0].idleTimeout", "up to 24 days"],
  [
    [{ listen: ":1", maxReadFrameSize: 1 }],
    "[0].maxReadFrameSize",
    "is 1, expected a whole number from 16384 to 16777215",
  ],
  [[{ listen: ":1", protocols: ["h3"] }], "[0].protocols[0]", '`[0].protocols[0]` is "h3", expected "h2" or "h1"'],
  [[{ listen: ":1", protocols: [] }], "[0].protocols", "is an array of 0, expected a list of"],
  [[{ listen: ":1", expose: "a.example" }], "[0].expose", 'is "a.example", expected an http or https URL'],
  [[{ listen: ":1", expose: "http://u:p@a" }], "[0].expose", "a URL with a user"],
  [[{ listen: ":1", health: { path: "x" } }], "[0].health.path", "a path that begins with a slash"],
  [[{ listen: ":1", health: { every: 5 } }], "[0].health.every", "is not a field"],
  [[{ listen: ":1", tls: { certFile: "c" } }], "[0].tls.key", "is missing, expected the key"],
  [[{ listen: ":1", tls: { keyFile: "c" } }], "[0].tls.cert", "is missing, expected the certificate"],
  [[{ listen: ":1", tls: {} }], "[0].tls.cert", "is missing, expected `cert` and `key`"],
  [[{ listen: ":1", tls: { cert: "secret" } }], "[0].tls.cert", "`[0].tls.cert` is set, expected PEM text or bytes"],
  [[{ listen: ":1", handler: "x" }], "[0].handler", "expected a function, { fetch } or { node }"],
  [[{ listen: ":1", handlers: { a: 1 } }], "[0].handlers.a", "`[0].handlers.a` is 1, expected a function"],
  [[{ listen: ":1", export: "x" }], "[0].export", "expected only together with `module`"],
  [[{ listen: ":1", static: "a", module: "b" }], "[0].static", "expected only without `module`"],
];
for (const [configs, path, message] of WRONG) {
  test(`validateServers: ${message}`, () => {
    const error = assertThrows(() => validateServers(configs));
    assert(error instanceof ServerBatchError && error.code === "ERR_SERVERS_VALIDATE");
    const [first] = error.errors;
    assertEquals(first!.path, path);
    assertStringIncludes(first!.message, message);
  });
}

test("validateServers tells everything at once", () => {
  const error = assertThrows(() =>
    validateServers([{ name: 5 }, { listen: ":1", x: 1, y: 2 }, { listen: ":2", tls: { cert: 1, keyFile: "" } }])
  ) as ServerBatchError;
  assertEquals(error.errors.map(({ path }) => path), [
    "[0].listen",
    "[0].name",
    "[1].x",
    "[1].y",
    "[2].tls.cert",
    "[2].tls.keyFile",
  ]);
  assertEquals(error.errors.map(({ code }) => code), Array(6).fill("ERR_SERVER_CONFIG"));
});

test("what is wrong between servers is told together with what is wrong in them", async (t) => {
  const configs = [
    { name: "a", listen: "127.0.0.1:99999" },
    { name: "a", listen: ":80", readTimeout: "5 parsecs", tlsMandatory: true, tls: { key: certs.server.key } },
    { listen: "127.0.0.1:80", reusePort: 1 },
    { name: 5, listen: "127.0.0.1:80", export: "x", module: 5 },
    { name: "b", listen: "0.0.0.0:80" },
  ];
  const paths = (errors: readonly { path?: string }[]): string[] => errors.map(({ path }) => path ?? "").sort();
  const own = ["[0].listen", "[1].name", "[1].readTimeout", "[1].tls.key", "[2].reusePort", "[3].module", "[3].name"];
  const expected = [...own.map((path) => path === "[1].tls.key" ? "[1].tls.cert" : path), "[3].listen", "[4].listen"];
  const told = paths((assertThrows(() => validateServers(configs)) as ServerBatchError).errors);
  assertEquals([...new Set(told)], expected.sort());
  const pool = world(t).pool();
  await pool.add({ name: "x", listen: ":1" });
  const servers = [
    { name: "a", listen: "127.0.0.1:99999" },
    { name: "a", listen: ":80", readTimeout: "5 parsecs", tlsMandatory: true },
    { name: "c", listen: ":80", handlerKey: "nowhere", idleTimeout: -1 },
  ];
  const all = [
    "[0].listen",
    "[1].name",
    "[1].readTimeout",
    "[1].tls",
    "[2].handlerKey",
    "[2].idleTimeout",
    "[2].listen",
  ];
  const batch = async (call: () => unknown, code: string): Promise<string[]> =>
    paths(await problems(call, code as never));
  assertEquals(await batch(() => world(t).pool({ servers: servers as never }), "ERR_SERVERS_ADD"), all);
  assertEquals(await batch(() => pool.merge(servers as never), "ERR_SERVERS_ADD"), all);
  assertEquals(await batch(() => pool.reload(servers as never), "ERR_SERVERS_RELOAD"), all);
  assertEquals([...pool.keys()], ["x"]);
});

test("check tells everything about a file at once: fields, handlers, folders, certificates, collisions", async (t) => {
  const path = await folder(t, {
    "servers.json": `{ "servers": [
      { "name": "a", "listen": "127.0.0.1:99999", "module": "./none.js" },
      { "name": "a", "listen": ":80", "readTimeout": "5 parsecs", "tlsMandatory": true },
      { "name": "b", "listen": ":80", "static": "nowhere", "tls": { "certFile": "none.pem", "keyFile": "none.pem" } },
      { "name": "c", "listen": ":81", "handlerKey": "nowhere", "expose": "https://c.example" },
    ] }`,
  });
  const checked = await checkServers(join(path, "servers.json"));
  assert("problems" in checked);
  const told = checked.problems.map(({ server, path, code }) => `${server} ${path ?? code}`).sort();
  assertEquals(told, [
    "a servers[0].listen",
    "a servers[0].module",
    "a servers[1].name",
    "a servers[1].readTimeout",
    "a servers[1].tls",
    "b ERR_SERVER_TLS",
    "b servers[2].listen",
    "b servers[2].static",
    "c servers[3].handlerKey",
    "c servers[3].tls",
  ]);
  const broken = `{ "tls": null, "servers": [{ "listen": ":1", "tlsMandatory": true }, { "listen": ":1" }] }`;
  const other = await checkServers(join(await folder(t, { "servers.json": broken }), "servers.json"));
  assert("problems" in other);
  assertEquals(other.problems.map(({ path }) => path), ["tls", "servers[1].listen"]);
});

test("JSON with comments and trailing commas", () => {
  const text = `\ufeff// servers
    { /* one */ "a": [1, -2.5e3, true, false, null,], "b": "x\\n\\u00e4 // no comment", "__proto__": {}, } // end`;
  const value = parseJsonc(text) as Record<string, unknown>;
  assertEquals([value.a, value.b], [[1, -2500, true, false, null], "x\nä // no comment"]);
  assertEquals([Object.hasOwn(value, "__proto__"), Object.getPrototypeOf(value) === Object.prototype], [true, true]);
});

test("broken JSON says where", () => {
  for (
    const [text, where] of [
      ["", "line 1, column 1: expected a value"],
      ["[1\n 2]", 'line 2, column 2: expected "," or "]"'],
      ['{"a" 1}', 'line 1, column 6: expected ":"'],
      ["{a: 1}", "line 1, column 2: expected a key"],
      ['["a\n"]', "line 1, column 2: a text without its end"],
      ['["\\x"]', 'line 1, column 3: "\\x" is no escape'],
      ["[1] 2", "line 1, column 5: expected the end"],
      ["[01]", "expected a value"],
      ["[,]", "expected a value"],
      ["/* x", "a comment without its end"],
      ['{"a":1,"a":2}', 'line 1, column 8: the key "a" is given twice'],
      ["[".repeat(200), "nested too deeply"],
    ] as const
  ) assertStringIncludes(assertThrows(() => parseJsonc(text), SyntaxError).message, where, text);
});

async function folder(t: TestContext, files: Record<string, string>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "h2pool-config-"));
  t.cleanup(() => rm(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(path, name, ".."), { recursive: true });
    await writeFile(join(path, name), text);
  }
  return path;
}

test("a file names modules, folders and certificates relative to itself", async (t) => {
  const path = await folder(t, {
    "servers.json": `{
      "$schema": "./schema.json",
      "tls": { "certFile": "cert.pem", "keyFile": "key.pem" },
      "servers": [
        { "name": "api", "listen": ":8080", "module": "./handlers/api.js", "export": "api" },
        { "name": "app", "listen": ":8081", "module": "handlers/api.js", "tls": { "inheritDefault": true } },
        { "name": "files", "listen": ":8082", "static": "public", "tlsMandatory": true }, // comment
      ],
    }`,
    "handlers/api.js":
      `export const api = () => new Response("api"); export default { fetch: () => new Response("app") };`,
    "public/index.html": "<p>hello",
    "cert.pem": certs.server.cert,
    "key.pem": certs.server.key,
  });
  const configs = await loadServers(join(path, "servers.json"));
  assertEquals(configs.map(({ static: folder }) => folder), [undefined, undefined, join(path, "public")]);
  assertEquals(configs.map(({ tls }) => tls?.certFile), [undefined, join(path, "cert.pem"), join(path, "cert.pem")]);
  const w = world(t);
  const pool = w.pool({ servers: configs });
  await pool.start();
  assertEquals(await Promise.all([8080, 8081, 8082].map((port) => w.http.text(port))), ["api", "app", "<p>hello"]);
  const { kept } = await pool.reload(await loadServers(join(path, "servers.json")));
  assertEquals(kept, ["api", "app", "files"]);
});

test("a changed module is loaded anew, on the open port", async (t) => {
  const path = await folder(t, {
    "servers.json": `[{ "name": "a", "listen": ":8080", "module": "./a.js" }]`,
    "a.js": `export default () => new Response("one");`,
  });
  const file = join(path, "servers.json");
  const w = world(t);
  const pool = w.pool({ servers: await loadServers(file) });
  await pool.start();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await writeFile(join(path, "a.js"), `export default () => new Response("two");`);
  const { changed } = await pool.reload(await loadServers(file));
  assertEquals([changed, await w.http.text(8080), w.http.opened.length], [["a"], "two", 1]);
});

test("a file's problems are all told, with their place", async (t) => {
  const path = await folder(t, {
    "broken.json": `[{ "listen": ":1", }`,
    "wrong.json": `{ "servers": [{ "listen": 5 }, { "lisen": ":1" }], "sever": [] }`,
    "missing.json": `[
      { "listen": ":1", "module": "./none.js" }, { "listen": ":2", "module": "./bad.js", "export": "nope" },
      { "listen": ":3", "module": "./bad.js" }, { "listen": ":4", "static": "nowhere" }
    ]`,
    "bad.js": "export default 5;",
  });
  const found = async (name: string): Promise<string[]> =>
    (await problems(() => loadServers(join(path, name)), "ERR_SERVERS_VALIDATE")).map(({ message }) => message);
  assertStringIncludes((await found("broken.json"))[0]!, 'line 1, column 21: expected "," or "]"');
  assertStringIncludes((await found("none.json"))[0]!, "there is no such file");
  const wrong = await found("wrong.json");
  assertEquals(wrong.length, 4);
  assertStringIncludes(wrong[0]!, "`sever` is not a field");
  assertStringIncludes(wrong[1]!, "`servers[0].listen` is 5");
  const missing = await found("missing.json");
  assertEquals(missing.map((text) => text.replace(/, .*/, "")), [
    '`[0].module` is "./none.js"',
    '`[1].module` is "./bad.js"',
    '`[2].module` is "./bad.js"',
    '`[3].static` is "nowhere"',
  ]);
  assertStringIncludes(missing[1]!, 'it has no export "nope"');
  assertStringIncludes(missing[2]!, "is no handler");
});

test("add refuses a module that nobody has loaded", async (t) => {
  const [error] = await problems(() => world(t).pool().add({ listen: ":1", module: "./x.js" }), "ERR_SERVERS_ADD");
  assertEquals([error?.code, error?.path], ["ERR_SERVER_HANDLER", "module"]);
});

test("the JSON Schema has every field, with words for editors", () => {
  const schema = serversJsonSchema() as {
    $defs: { server: { properties: Record<string, { description: string }>; required: string[] } };
  };
  const { properties, required } = schema.$defs.server;
  assertEquals(required, ["listen"]);
  assert(Object.keys(properties).length >= 23 && !("handler" in properties));
  for (const [name, { description }] of Object.entries(properties)) assert(description?.length > 10, name);
});
