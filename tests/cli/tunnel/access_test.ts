import { assert, assertEquals, assertMatch, assertNotMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TcpConnection } from "../../../src/adapter/tcp.ts";
import { ClientPool, type PoolStream, ServerPool } from "../../../src/streams/mod.ts";
import { certFile, server as serverPair } from "../../support/certs.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { runInside, type Running } from "../io.ts";
import { ask, clientArgs, echo, runProcess, type ServerEnd, service, tunnelServer, visit } from "./tunnel.ts";

test("tunnel: a wrong token, a wrong pin and an unknown authority end the client at once with one sentence", async (t) => {
  const server = await tunnelServer(t, runInside);
  const wrong = join(server.state, "wrong");
  await writeFile(wrong, "wrong-token");
  const base = ["tunnel", "client", "--server", server.listen, "--to", "127.0.0.1:1"];
  const token = ["--token-file", server.token];
  const otherPin = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  const clients = {
    token: runProcess(t, ...base, "--token-file", wrong, "--pin", server.pin),
    none: runInside(t, ...base, "--pin", server.pin),
    pin: runInside(t, ...base, ...token, "--pin", otherPin),
    authority: runInside(t, ...base, ...token),
  };
  const says: Record<keyof typeof clients, RegExp> = {
    token: /refused it \(403\): its token is another one$/,
    none: /refused it \(403\): does it want a token\?/,
    pin: /public key is .*, expected AAAA/,
    authority: /authority.*; a development certificate needs the --pin that the server prints/,
  };
  for (const [name, client] of Object.entries(clients)) {
    assertEquals(await client.exit(), { code: 1, signal: null }, name);
    const last = client.err.text.trimEnd().split("\n").at(-1) ?? "";
    assertMatch(last, /^h2pool: /);
    assertMatch(last, says[name as keyof typeof clients]);
    assertNotMatch(client.err.text, /is gone|no control stream/);
  }
  await server.child.err.line(/refused 127\.0\.0\.1: (wrong token|it shows no token)/);
  assertNotMatch(server.child.err.text, /serves/);
});

test("tunnel: client certificates instead of a token, and certificates of an authority instead of a pin", async (t) => {
  const { to } = await service(t, echo);
  const server = runInside(t, "tunnel", "server", "--listen", "127.0.0.1:0", "--public", "127.0.0.1:0", ...[
    ...["--cert", certFile("server.pem"), "--key", certFile("server.key"), "--client-ca", certFile("ca.pem")],
  ]);
  const [, listen = ""] = await server.err.line(/clients connect to (\S+)/);
  const [, open = ""] = await server.err.line(/the public connects to (\S+)/);
  const base = ["tunnel", "client", "--server", listen.replace("127.0.0.1", "localhost"), "--to", to];
  const refused = runInside(t, ...base, "--ca", certFile("ca.pem"));
  assertEquals((await refused.exit()).code, 1);
  assertMatch(refused.err.text, /h2pool: .*certificate/);
  runInside(t, ...base, "--ca", certFile("ca.pem"), "--cert", certFile("client.pem"), "--key", certFile("client.key"));
  await server.err.line(/client \S+ serves/);
  const end = { child: server, pin: "", listen, open, state: "", token: "" };
  assertEquals(await ask(await visit(t, end), "trusted"), "trusted");
});

test("tunnel: --allow keeps other addresses out, before TLS", async (t) => {
  const server = await tunnelServer(t, runInside, { args: ["--allow", "192.0.2.0/24"] });
  const client = runInside(t, ...clientArgs(server, "127.0.0.1:1"));
  await client.err.line(/warn /);
  assertNotMatch(server.child.err.text, /serves/);
  client.kill("SIGINT");
  assertEquals((await client.exit()).code, 0);
});

test("tunnel: a port that is taken is one sentence and exit code 1", async (t) => {
  const server = await tunnelServer(t, runInside);
  for (const [listen, open] of [[server.listen, "127.0.0.1:0"], ["127.0.0.1:0", server.open]] as const) {
    const other = runInside(t, "tunnel", "server", "--listen", listen, "--public", open, "--insecure-open", ...[
      ...["--state", server.state],
    ]);
    assertEquals((await other.exit()).code, 1);
    assertMatch(other.err.text, /h2pool: [^\n]*(EADDRINUSE|in use)[^\n]*\n$/i);
  }
});

test("tunnel: a client of another version is told so and disconnected, having served nothing", async (t) => {
  const server = await tunnelServer(t, runInside);
  const pool = playClient(t, server);
  const disconnected = new Promise((resolve) => pool.addEventListener("disconnect", resolve, { once: true }));
  await pool.start({ timeout: 5_000 });
  const control = await pool.outgoingGet("00000000", 5_000);
  await control.write(new TextEncoder().encode('{"h2pool":2}\n'));
  const buffer = new Uint8Array(4_096);
  let said = "";
  for (let n = await control.read(buffer); n !== null; n = await control.read(buffer)) {
    said += new TextDecoder().decode(buffer.subarray(0, n));
  }
  assertStringIncludes(said, '{"h2pool":1}\n');
  assertStringIncludes(said, "the other side speaks version 2");
  await disconnected;
  await server.child.err.line(/ended the connection of client .*version 2/);
  assertNotMatch(server.child.err.text, /serves/);
});

/** A tunnel client that a test plays. */
function playClient(t: TestContext, server: ServerEnd): ClientPool {
  const pool = new ClientPool({
    address: server.listen,
    tls: { mode: "insecure", pin: server.pin },
    headers: { authorization: "Bearer correct-horse-battery" },
  });
  t.cleanup(() => pool.close());
  return pool;
}

/** Such a client that serves, has been told of the visitor, and has not answered. */
async function announced(t: TestContext): Promise<{ pool: ClientPool; control: PoolStream; id: string } & Visited> {
  const server = await tunnelServer(t, runInside);
  const pool = playClient(t, server);
  await pool.start({ timeout: 5_000 });
  const control = await pool.outgoingGet("00000000", 5_000);
  await control.write(new TextEncoder().encode('{"h2pool":1}\n'));
  const visitor = await visit(t, server);
  const buffer = new Uint8Array(4_096);
  let said = "";
  while (!said.includes("take")) {
    const n = await control.read(buffer) ?? 0;
    assert(n > 0, said);
    said += new TextDecoder().decode(buffer.subarray(0, n));
  }
  const [, id = ""] = /"take":"([0-9a-f]{8})"/.exec(said) ?? [];
  return { pool, control, id, visitor, server };
}

interface Visited {
  readonly visitor: TcpConnection;
  readonly server: ServerEnd;
}

test("tunnel: a client that goes before it took an announced connection is a reset for the public, not an end", async (t) => {
  const { pool, visitor } = await announced(t);
  // It ends idle streams in order, and to it this one is still idle.
  await pool.close();
  await assertRejects(() => visitor.read(), Error);
});

test("tunnel: a client that takes no more still serves, without an answer, what was announced before", async (t) => {
  const { pool, control, id, visitor, server } = await announced(t);
  await control.closeWrite();
  await server.child.err.line(/takes no more/);
  const stream = await pool.outgoingGet(id, 5_000);
  await stream.write(new TextEncoder().encode("served"));
  await stream.closeWrite();
  assertEquals(new TextDecoder().decode(await visitor.read() ?? undefined), "served");
  assertEquals(await visitor.read(), null);
  visitor.closeWrite();
  stream.close();
});

/** A tunnel server that a test plays, and a client of it. */
async function playServer(
  t: TestContext,
): Promise<{ pool: ServerPool; client: Running; hello(): Promise<PoolStream> }> {
  const pool = new ServerPool({ listen: "127.0.0.1:0", tls: { cert: serverPair.cert, key: serverPair.key } });
  t.cleanup(() => pool.close());
  await pool.start();
  const client = runInside(t, ...[
    ...["tunnel", "client", "--server", `127.0.0.1:${pool.addr?.port}`, "--to", "127.0.0.1:1"],
    ...["--pin", serverPair.pin],
  ]);
  const hello = async (): Promise<PoolStream> => {
    const control = await pool.outgoingGet("00000000", 10_000);
    await control.write(new TextEncoder().encode('{"h2pool":1,"agent":"a test"}\n'));
    return control;
  };
  return { pool, client, hello };
}

test("tunnel: a server of another version ends the client with one sentence", async (t) => {
  const { pool, client } = await playServer(t);
  const control = await pool.outgoingGet("00000000", 10_000);
  await control.write(new TextEncoder().encode('{"h2pool":2}\n'));
  assertEquals((await client.exit()).code, 1);
  assertMatch(client.err.text, /h2pool: the other side speaks version 2 of the tunnel protocol, this one version 1\n$/);
  assert(!client.err.text.includes("    at "));
});

test("tunnel: a client whose control stream is lost or ended makes a new connection", async (t) => {
  const { client, hello } = await playServer(t);
  (await hello()).abort();
  await client.err.line(/connected to/);
  const second = await hello();
  await client.err.line(/connected to/);
  await second.closeWrite();
  await hello();
  await client.err.line(/connected to/);
});

test("tunnel: a client ends after Ctrl+C although the server does not end its control stream", async (t) => {
  const { client, hello } = await playServer(t);
  await hello();
  await client.err.line(/connected to/);
  client.kill("SIGINT");
  assertEquals(await client.exit(), { code: 0, signal: null });
});
