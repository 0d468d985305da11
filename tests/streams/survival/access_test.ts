// Who may connect to whom: what is wrong with a certificate, a pin, a protocol is named at once; limits hold on real sockets.
import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, createServer, type TlsOptions } from "node:tls";
import { type ClientPool, type ConnectionInfo, ServerPool } from "../../../src/streams/mod.ts";
import type { ClientPoolOptions, ClientTls } from "../../../src/streams/options.ts";
import * as certs from "../../support/certs.ts";
import { PREFACE } from "../../support/frames.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { linux } from "../../support/needs.ts";
import { realServer } from "../support.ts";
import { rawClient, rawOpen } from "./raw.ts";
import { closes, each, echoes, echoing, failure, quickClient, recovers, until, within } from "./support.ts";

const kindOf = (error: Error): string | undefined => (error.cause as { kind?: string } | undefined)?.kind;

/** A TLS server that is no pool: it only shakes hands. */
async function tlsServer(t: TestContext, options: TlsOptions): Promise<{ port: number; readonly handshakes: number }> {
  const sockets = new Set<Socket>();
  let handshakes = 0;
  const server = createServer(options, (socket) => void socket.on("error", () => {}).resume());
  server.on("connection", (socket: Socket) => {
    handshakes++;
    sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.cleanup(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve(undefined)));
  });
  return {
    port: (server.address() as { port: number }).port,
    get handshakes() {
      return handshakes;
    },
  };
}

const { server: good } = certs;
const H2: TlsOptions = { ALPNProtocols: ["h2"], minVersion: "TLSv1.3" };

test("verified: what is wrong with a server is named, and start() fails at once", async (t) => {
  const cases: Record<string, { tls: TlsOptions; trust?: ClientTls; kind: string; says: RegExp }> = {
    "another host": { tls: { ...certs.wrongHost, ...H2 }, kind: "hostname", says: /"localhost".*wrong\.example/ },
    "expired": { tls: { ...certs.expired, ...H2 }, kind: "expired", says: /expired on 2020-02-01/ },
    "unknown authority": { tls: { ...certs.foreign, ...H2 }, kind: "authority", says: /another test authority/ },
    "signed by itself": { tls: { ...certs.selfSigned, ...H2 }, kind: "authority", says: /self-signed/ },
    "the runtime's authorities": {
      tls: { ...good, ...H2 },
      trust: {},
      kind: "authority",
      says: /no trusted authority/,
    },
    "wrong pin": {
      tls: { ...good, ...H2 },
      trust: { ca: certs.ca, pin: certs.renewed.pin },
      kind: "pin",
      says: /public key/,
    },
    "wrong pin, insecure": {
      tls: { ...good, ...H2 },
      trust: { mode: "insecure", pin: [certs.renewed.pin, certs.foreign.pin] },
      kind: "pin",
      says: new RegExp(good.pin.slice(0, 10).replace(/[+/]/g, "\\$&")),
    },
    "no ALPN": { tls: { ...good, minVersion: "TLSv1.3" }, kind: "alpn", says: /HTTP\/2 \(ALPN h2\)/ },
    "only HTTP/1.1": {
      tls: { ...good, ...H2, ALPNProtocols: ["http/1.1"] },
      kind: "alpn",
      says: /HTTP\/2 \(ALPN h2\)/,
    },
    "TLS 1.2": {
      tls: { ...good, ALPNProtocols: ["h2"], minVersion: "TLSv1.2", maxVersion: "TLSv1.2" },
      kind: "tls-version",
      says: /TLS 1\.3/,
    },
  };
  await each(cases, async ({ tls, trust, kind, says }) => {
    const server = await tlsServer(t, tls);
    const client = quickClient(t, server.port, trust === undefined ? {} : { tls: trust });
    const began = performance.now();
    const error = await failure("start", client.start());
    assert(performance.now() - began < 3_000, "not at once");
    assertEquals([error.code, kindOf(error)], ["ERR_POOL_CONNECT", kind]);
    assertMatch(error.message, says);
    assertMatch(error.message, new RegExp(`127\\.0\\.0\\.1:${server.port}`));
    assertEquals(server.handshakes, 1, "tried again in vain");
    assertEquals(client.state, "closed");
    await closes(client);
  });
});

test("verified: right hosts, addresses and pins work, and both sides see what was agreed on", async (t) => {
  const server = echoing(await realServer(t));
  const cases: Record<string, Partial<ClientPoolOptions>> = {
    "host name": {},
    "address": { hostname: undefined },
    "one of two pins": { tls: { ca: certs.ca, pin: [certs.foreign.pin, good.pin] } },
    "an authority in a file": { tls: { caFile: certs.certFile("ca.pem") } },
    "insecure": { tls: "insecure" },
    "insecure with a pin": { tls: { mode: "insecure", pin: good.pin }, headers: { "x-token": "t" } },
    "a name that the certificate has not, insecure": { tls: "insecure", hostname: "nobody.example" },
  };
  await each(cases, async (options, name) => {
    const client = quickClient(t, server.addr!.port, options);
    await client.start();
    await recovers(client);
    const { tls, connection } = await client.incomingGet();
    assertStrictEquals(tls, connection.tls);
    assertEquals([tls.protocol, tls.alpn, tls.authorized], ["TLSv1.3", "h2", !name.includes("insecure")]);
    assertMatch(tls.cipher, /^TLS_/);
    assertMatch(tls.peerCertificate!.subject, /CN=localhost/);
    assertMatch(tls.peerCertificate!.issuer, /h2pool test authority/);
    assertMatch(tls.peerCertificate!.fingerprint256, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    await closes(client);
  });
  await closes(server);
});

test("verified: a server that gets a bad certificate later is not used, until it has a good one again", async (t) => {
  let server = echoing(await realServer(t));
  const { port } = server.addr!;
  const client = quickClient(t, port);
  await client.start();
  await recovers(client);
  await server.close();
  server = echoing(await realServer(t, { listen: `127.0.0.1:${port}`, tls: certs.expired }));
  await until("it is refused", () => /expired/.test(client.stats().lastError?.message ?? ""));
  assertEquals([client.state, client.active], ["reconnecting", 0]);
  const waiting = client.incomingGet();
  await server.close();
  server = echoing(await realServer(t, { listen: `127.0.0.1:${port}` }));
  await echoes(await waiting);
  await recovers(client);
  await closes(client);
});

test("server: clients without TLS 1.3 or without ALPN h2 are cut, and it says so", async (t) => {
  const server = await realServer(t);
  const { port } = server.addr!;
  const clients: Record<string, object> = {
    "TLS 1.2": { maxVersion: "TLSv1.2", ALPNProtocols: ["h2"] },
    "no ALPN": {},
    "another ALPN": { ALPNProtocols: ["http/1.1"] },
  };
  await each(clients, async (options) => {
    const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options });
    socket.on("error", () => {}).resume();
    t.cleanup(() => socket.destroy());
    await within(3_000, "the end", new Promise<void>((resolve) => socket.once("close", () => resolve())));
  });
  await until("all are told", () => server.errorCount === 3);
  assertEquals([server.stats().connections, server.state], [0, "ready"]);
  await recovers(await started(quickClient(t, port), echoing(server)));
  await closes(server);
});

async function started(client: ClientPool, _server: ServerPool): Promise<ClientPool> {
  await client.start();
  return client;
}

test("mTLS: a client that shows the right certificate is known by it", async (t) => {
  const seen: string[] = [];
  const server = echoing(
    await realServer(t, {
      tls: { ...good, clientCa: certs.ca },
      authorize: ({ tls }) => {
        seen.push(`${tls.authorized} ${tls.peerCertificate?.subject}`);
        return true;
      },
    }),
  );
  const client = quickClient(t, server.addr!.port, { tls: { ca: certs.ca, ...certs.client } });
  await client.start();
  await recovers(client);
  assertEquals(new Set(seen), new Set(["true CN=test client"]));
  await closes(client);
  await closes(server);

  const open = await realServer(t);
  const other = quickClient(t, open.addr!.port, { tls: { ca: certs.ca, ...certs.client } });
  await other.start();
  await other.filled();
  const { tls } = await open.incomingGet();
  assertEquals([tls.authorized, tls.peerCertificate], [false, undefined], "nobody asked for it");
  await closes(other);
});

test("mTLS: a client without, or with a foreign one, is refused, and told what it may be", async (t) => {
  const server = await realServer(t, { tls: { ...good, clientCa: certs.ca } });
  const cases: Record<string, { tls: ClientTls; says: RegExp }> = {
    "without": { tls: { ca: certs.ca }, says: /client certificate/ },
    "foreign": { tls: { ca: certs.ca, ...certs.foreignClient }, says: /client certificate/ },
    "a server's": { tls: { ca: certs.ca, ...certs.foreign }, says: /client certificate/ },
  };
  await each(cases, async ({ tls, says }) => {
    const client = quickClient(t, server.addr!.port, { tls });
    const error = await failure("start", client.start({ timeout: 800 }));
    assertEquals(error.code, "ERR_POOL_CONNECT");
    assertMatch(error.message, says);
    await closes(client);
  });
  assertEquals(server.stats().connections, 0);
  await until("the server has told of each", () => server.stats().errors >= 3);
  const { rejected, created } = server.stats();
  assert(created === 0 && rejected === 0);
  await closes(server);
});

const folderOf = (t: TestContext): string => {
  const path = mkdtempSync(join(tmpdir(), "h2pool-access-"));
  t.cleanup(() => rmSync(path, { recursive: true, force: true }));
  return path;
};
/** What a new client is shown. */
async function shown(t: TestContext, server: ServerPool): Promise<string> {
  const client = quickClient(t, server.addr!.port, { tls: "insecure", minCapacity: 1, maxCapacity: 1 });
  await client.start();
  await client.filled();
  const { tls } = await client.incomingGet();
  await client.close();
  return tls.peerCertificate!.fingerprint256;
}

test("renewal: a server's new handshakes use the new certificate, nothing is dropped, a broken one changes nothing", async (t) => {
  const server = await realServer(t);
  const client = quickClient(t, server.addr!.port);
  await client.start();
  await client.filled();
  const near = await client.incomingGet();
  const far = await server.outgoingGet(near.id);
  far.readable.pipeTo(far.writable).catch(() => {});
  const before = await shown(t, server);
  assertEquals(before, near.tls.peerCertificate!.fingerprint256);

  server.renewCertificate(certs.renewed);
  const after = await shown(t, server);
  assert(after !== before);
  await echoes(near);

  const broken: Record<string, object> = {
    "key of another": { cert: good.cert, key: certs.renewed.key },
    "no certificate": { cert: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key: good.key },
    "no key": { cert: good.cert, key: "no key" },
    "no files": { certFile: "/does/not/exist.pem", keyFile: "/does/not/exist.key" },
    "half a pair": { cert: good.cert },
    "clientCa, which cannot be begun with now": { ...good, clientCa: certs.ca },
    "an option that there is not": { crt: good.cert },
    "nothing": {},
  };
  for (const [name, tls] of Object.entries(broken)) {
    let error: { code?: string; message?: string } = {};
    try {
      server.renewCertificate(tls);
    } catch (thrown) {
      error = thrown as typeof error;
    }
    // What is left out stays, so that nothing is no error.
    assertEquals(error.code, name === "nothing" ? undefined : "ERR_POOL_OPTION", name);
    assert(!error.message?.includes("BEGIN"), "shows a secret");
  }
  assertEquals(await shown(t, server), after);
  await echoes(near);
  assertEquals([client.stats().reconnects, client.errorCount], [0, 0]);
  await closes(client);
  await closes(server);
});

test("renewal: asked for while the pool starts, it counts", async (t) => {
  const server = new ServerPool({ listen: "127.0.0.1:0", tls: { ...good, clientCa: certs.ca } });
  t.cleanup(() => server.close());
  const starting = server.start();
  server.renewCertificate(certs.renewed);
  await starting;
  echoing(server);
  const client = quickClient(t, server.addr!.port, {
    tls: { ca: certs.otherCa, pin: certs.renewed.pin, ...certs.client },
  });
  const begins = client.start();
  client.renewCertificate({ ca: certs.ca });
  await begins;
  await recovers(client);
  await closes(client);
  await closes(server);
});

test("renewal: a client's next connection shows the new certificate, and trusts the new authority", async (t) => {
  const server = await realServer(t, { tls: { ...good, clientCa: certs.ca } });
  echoing(server);
  const client = quickClient(t, server.addr!.port, { tls: { ca: certs.ca, ...certs.client } });
  await client.start();
  await recovers(client);
  const near = await client.incomingGet();
  const drop = (): void => server.connections().forEach((connection) => server.disconnect(connection));
  client.renewCertificate(certs.foreignClient);
  await echoes(near);
  assertEquals(client.stats().reconnects, 0, "nothing is dropped");
  drop();
  await until("the foreign one is refused", () => /client certificate/.test(client.stats().lastError?.message ?? ""));
  let error: { code?: string } = {};
  try {
    client.renewCertificate({ cert: certs.client.cert, key: certs.server.key });
  } catch (thrown) {
    error = thrown as typeof error;
  }
  assertEquals(error.code, "ERR_POOL_OPTION");
  client.renewCertificate(certs.client);
  await recovers(client);
  client.renewCertificate({ ca: certs.otherCa });
  drop();
  await until("the authority counts", () => /no trusted authority/.test(client.stats().lastError?.message ?? ""));
  client.renewCertificate({ ca: certs.ca });
  await recovers(client);
  await closes(client);
  await closes(server);
});

test("renewal: files are watched, by servers and by clients; broken ones are told of and change nothing", async (t) => {
  const folder = folderOf(t);
  const at = (name: string): string => join(folder, name);
  const put = (pair: { cert: string; key: string }): void => {
    writeFileSync(at("pair.pem"), pair.cert);
    writeFileSync(at("pair.key"), pair.key);
  };
  put(good);
  copyFileSync(certs.certFile("ca.pem"), at("ca.pem"));
  const server = await realServer(t, { tls: { certFile: at("pair.pem"), keyFile: at("pair.key") } });
  const client = quickClient(t, server.addr!.port, { tls: { caFile: at("ca.pem") } });
  echoing(server);
  await client.start();
  await recovers(client);
  const before = await shown(t, server);

  const told = new Promise<Error>((resolve) =>
    server.addEventListener("error", ({ detail }) => resolve(detail), { once: true })
  );
  writeFileSync(at("pair.key"), certs.renewed.key);
  assertMatch((await within(5_000, "told of a pair that does not fit", told)).message, /does not belong/);
  assertEquals(await shown(t, server), before);

  put(certs.renewed);
  let now = before;
  for (const end = performance.now() + 5_000; now === before && performance.now() < end;) now = await shown(t, server);
  assert(now !== before, "the new files are not used");
  assertEquals(client.stats().reconnects, 0);

  copyFileSync(certs.certFile("other-ca.pem"), at("ca.pem"));
  const refused = (): boolean => /no trusted authority/.test(client.stats().lastError?.message ?? "");
  for (const end = performance.now() + 5_000; !refused() && performance.now() < end;) {
    const { reconnects } = client.stats();
    server.connections().forEach((connection) => server.disconnect(connection));
    await until("back, or refused", () => client.stats().reconnects > reconnects || refused());
  }
  assert(refused(), "the new authority is not used");
  copyFileSync(certs.certFile("ca.pem"), at("ca.pem"));
  await recovers(client);
  await closes(client);
  await closes(server);
});

test("renewal: what is watched goes with the renewal, and with the pool", { needs: linux }, async (t) => {
  const folder = folderOf(t);
  const put = (name: string): void => copyFileSync(certs.certFile(name), join(folder, name));
  ["server.pem", "server.key", "ca.pem"].forEach(put);
  const files = { certFile: join(folder, "server.pem"), keyFile: join(folder, "server.key") };
  const authority = { caFile: join(folder, "ca.pem") };
  const none = watches();
  const server = await realServer(t, { tls: files });
  const client = quickClient(t, server.addr!.port, { tls: authority });
  await client.start();
  assert(watches() > none);
  server.renewCertificate(certs.renewed);
  client.renewCertificate({ ca: certs.ca });
  await until("nothing is watched", () => watches() === none);
  server.renewCertificate(files);
  client.renewCertificate(authority);
  assert(watches() > none);
  await closes(client);
  await closes(server);
  await until("nothing is watched", () => watches() === none);
  client.renewCertificate(authority);
  server.renewCertificate(files);
  assertEquals(watches(), none, "closed pools watch again");
});

/** Files and folders that this process watches. */
function watches(): number {
  let count = 0;
  for (const fd of readdirSync("/proc/self/fdinfo")) {
    try {
      count += readFileSync(`/proc/self/fdinfo/${fd}`, "utf8").match(/^inotify /gm)?.length ?? 0;
    } catch {
      // Closed meanwhile.
    }
  }
  return count;
}

async function connectFrom(t: TestContext, port: number, localAddress: string): Promise<Uint8Array> {
  const got: Uint8Array[] = [];
  const socket = connectTcp({ port, host: "127.0.0.1", localAddress }).on("error", () => {});
  t.cleanup(() => socket.destroy());
  socket.on("data", (chunk: Uint8Array) => got.push(chunk));
  await within(3_000, "cut", new Promise<void>((resolve) => socket.once("close", () => resolve())));
  return Uint8Array.from(got.flatMap((chunk) => [...chunk]));
}

test("allow: addresses and ranges of both families, on real sockets; a refused one is cut before TLS", {
  needs: linux,
}, async (t) => {
  const lists: Record<string, { listen?: string; allow: string | string[]; lets: boolean }> = {
    "the address": { allow: "127.0.0.1", lets: true },
    "mapped": { allow: "::ffff:127.0.0.1", lets: true },
    "a range": { allow: ["10.0.0.0/8", "127.0.0.0/30"], lets: true },
    "all": { allow: [], lets: true },
    "of an IPv6 listener": { listen: "[::]:0", allow: "127.0.0.1", lets: true },
    "a range of an IPv6 listener": { listen: ":0", allow: "127.0.0.0/8", lets: true },
    "another": { allow: "127.0.0.2", lets: false },
    "another range": { allow: ["10.0.0.0/8", "::/0"], lets: false },
    "another, of an IPv6 listener": { listen: "[::]:0", allow: "::1", lets: false },
  };
  await each(lists, async ({ listen, allow, lets }) => {
    const server = echoing(await realServer(t, { allow, ...(listen === undefined ? {} : { listen }) }));
    const client = quickClient(t, server.addr!.port);
    if (lets) {
      await client.start();
      await recovers(client);
      assertEquals(server.stats().rejected, 0);
    } else {
      const error = await failure("start", client.start({ timeout: 300 }));
      assertEquals([error.code, kindOf(error)], ["ERR_POOL_CONNECT", "reset"]);
      assert(server.stats().rejected >= 1);
      assertEquals(await connectFrom(t, server.addr!.port, "127.0.0.1"), new Uint8Array(), "cut only after TLS began");
      assertEquals(server.errorCount, 0, "who is not allowed is no error of ours");
    }
    await closes(client);
    await closes(server);
  });
  const server = await realServer(t, { listen: "[::1]:0", allow: "::1" });
  const client = quickClient(t, 1, { address: `[::1]:${server.addr!.port}`, hostname: undefined });
  await client.start();
  await client.filled();
  assertEquals((await server.incomingGet()).remoteAddr.hostname, "::1");
  await closes(client);
});

test("authorize: yes, no, throws, rejects, thinks for too long: on real sockets, with the headers of the client", async (t) => {
  type Authorize = (token: string | undefined) => boolean | Promise<boolean>;
  const cases: Record<string, { authorize: Authorize; ends: "yes" | "no" }> = {
    "yes": { authorize: (token) => token === "secret", ends: "yes" },
    "yes, later": { authorize: (token) => Promise.resolve(token === "secret"), ends: "yes" },
    "no": { authorize: () => false, ends: "no" },
    "no, later": { authorize: () => Promise.resolve(false), ends: "no" },
    "not true": { authorize: () => 1 as never, ends: "no" },
    "throws": {
      authorize: () => {
        throw new Error("thrown");
      },
      ends: "no",
    },
    "rejects": { authorize: () => Promise.reject(new Error("rejected")), ends: "no" },
    "never says": { authorize: () => new Promise(() => {}), ends: "no" },
  };
  await each(cases, async ({ authorize, ends }) => {
    const server = echoing(
      await realServer(t, { handshakeTimeout: 700, authorize: ({ headers }) => authorize(headers["x-token"]) }),
    );
    const client = quickClient(t, server.addr!.port, { headers: () => ({ "X-Token": "secret" }) });
    if (ends === "yes") {
      await client.start();
      await recovers(client);
    } else {
      const began = performance.now();
      const error = await failure("start", client.start());
      assertEquals(error.code, "ERR_POOL_FORBIDDEN");
      assert(performance.now() - began < 3_500, "not at once");
      assertEquals([client.state, server.active], ["closed", 0]);
      assert(server.stats().rejected >= 1);
    }
    await closes(client);
    await closes(server);
  });
});

test("limits: connections in all and from one address", { needs: linux }, async (t) => {
  const server = await realServer(t, { maxConnections: 3, maxConnectionsPerAddress: 2 });
  const { port } = server.addr!;
  const clients = [quickClient(t, port), quickClient(t, port)];
  for (const client of clients) await client.start();
  const third = quickClient(t, port);
  assertEquals((await failure("a third", third.start({ timeout: 200 }))).code, "ERR_POOL_CONNECT");
  const { rejected } = server.stats();
  assert(rejected >= 1);
  // Silent ones from elsewhere have one place that is left, and give it back.
  const silent = connectTcp({ port, host: "127.0.0.1", localAddress: "127.0.0.3" }).on("error", () => {});
  t.cleanup(() => silent.destroy());
  await new Promise<void>((resolve) => silent.once("connect", () => resolve()));
  await clients[0]!.close();
  await until("there is a place again", () => server.stats().connections === 1);
  const fourth = quickClient(t, port);
  await fourth.start();
  assertEquals(server.stats().connections, 2);
  await closes(server);
});

test("limits: streams of a connection, idle ones of a connection, idle ones in all", async (t) => {
  const server = await realServer(t, { maxStreams: 6, maxIdlePerConnection: 4, maxCapacity: 7 });
  const { port } = server.addr!;
  const opened = async (n: number): Promise<{ ids: number; refused: number; connection: ConnectionInfo }> => {
    const peer = await rawClient(t, port);
    await until("greeted", () => server.connections().some((c) => c.remoteAddr.port === peer.socket.localPort));
    const streams = Array.from({ length: n }, () => rawOpen(peer));
    await within(
      5_000,
      "answers",
      peer.until(() => streams.every((s) => s.received.length === 4 || s.reset !== undefined) || undefined),
    );
    return {
      ids: streams.filter(({ received }) => received.length === 4).length,
      refused: streams.filter(({ reset, answered }) => reset === 7 && !answered).length,
      connection: server.connections().find((c) => c.remoteAddr.port === peer.socket.localPort)!,
    };
  };
  const first = await opened(10);
  assertEquals([first.ids, first.refused], [4, 6]);
  const second = await opened(10);
  assertEquals([second.ids, second.refused], [3, 7]);
  assertEquals([server.active, server.capacity], [7, 7]);
  assert(server.stats().rejected >= 13 - 8);
  // A client pool takes it as it is, and has no error.
  const client = quickClient(t, port);
  await client.start();
  assertEquals([client.active, client.errorCount], [0, 0]);
  const waiting = client.incomingGet();
  for (let i = 0; i < 4; i++) await server.incomingGet({ connection: first.connection });
  await within(5_000, "a stream", waiting);
  await closes(client);
  await closes(server);
});

test("limits: whoever never became a connection gives its place back", async (t) => {
  const server = echoing(
    await realServer(t, { maxConnections: 4, maxConnectionsPerAddress: 3, handshakeTimeout: 250 }),
  );
  const { port } = server.addr!;
  const says: (Uint8Array | undefined)[] = [undefined, new Uint8Array(500).fill(7), PREFACE, undefined];
  for (let round = 0; round < 3; round++) {
    const before = server.errorCount;
    await Promise.all(says.map(async (bytes, i) => {
      const socket = connectTcp({ port, host: "127.0.0.1" }).on("error", () => {}).resume();
      t.cleanup(() => socket.destroy());
      if (bytes !== undefined) socket.write(bytes);
      if (i === 3) socket.once("connect", () => socket.resetAndDestroy());
      await within(5_000, "cut", new Promise<void>((resolve) => socket.once("close", () => resolve())));
    }));
    const silent = await rawClient(t, port, "silent").catch(() => undefined);
    if (silent !== undefined) await within(5_000, "cut", silent.closed);
    await until("it is told of", () => server.errorCount > before);
  }
  for (let i = 0; i < 3; i++) {
    const client = quickClient(t, port);
    await client.start();
    await recovers(client);
    if (i === 1) await closes(client);
    if (i === 1) await until("it has gone", () => server.stats().connections === 1);
  }
  await closes(server);
});
