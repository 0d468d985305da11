import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type TlsOptions } from "node:tls";
import type { ClientPoolOptions, PoolError, ServerPool } from "../../src/streams/mod.ts";
import * as certs from "../support/certs.ts";
import { test, type TestContext } from "../support/harness.ts";
import { bytes, once, realClient, realServer, rejects, serverTls, text } from "./support.ts";

/** Starts a client that is refused, and says why. */
async function refusal(
  t: TestContext,
  server: ServerPool | number,
  options: Partial<ClientPoolOptions>,
  timeout = 8_000,
): Promise<{ kind: string; message: string; ms: number }> {
  const port = typeof server === "number" ? server : server.addr!.port;
  const client = realClient(t, port, options);
  const began = performance.now();
  const error = await rejects(client.start({ timeout }), "ERR_POOL_CONNECT");
  assertEquals(client.state, "closed");
  return { kind: (error.cause as { kind: string }).kind, message: error.message, ms: performance.now() - began };
}

test("tls: what is wrong with the server is named, and not tried again", async (t) => {
  const cases: [string, RegExp, { cert: string; key: string }, Partial<ClientPoolOptions>][] = [
    ["hostname", /wrong\.example|not valid for|localhost/, certs.wrongHost, {}],
    ["expired", /expired/, certs.expired, {}],
    ["authority", /authority/, certs.foreign, {}],
    ["authority", /self-signed/, certs.selfSigned, {}],
    ["authority", /authority/, certs.server, { tls: "verified" }],
    ["pin", /public key/, certs.server, { tls: { ca: certs.ca, pin: certs.renewed.pin } }],
    ["pin", /public key/, certs.server, { tls: { mode: "insecure", pin: [certs.renewed.pin, certs.foreign.pin] } }],
  ];
  for (const [kind, says, { cert, key }, options] of cases) {
    const server = await realServer(t, { tls: { cert, key } });
    const refused = await refusal(t, server, options);
    assertEquals(refused.kind, kind);
    assertMatch(refused.message, says);
    assert(refused.ms < 4_000, "it was tried again");
  }
});

test("tls: what is enough is accepted", async (t) => {
  const cases: [{ cert: string; key: string }, ClientPoolOptions["tls"]][] = [
    [certs.server, { ca: certs.ca }],
    [certs.server, { ca: certs.ca, pin: certs.server.pin }],
    [certs.foreign, { mode: "insecure", pin: [certs.server.pin, certs.foreign.pin] }],
    [certs.selfSigned, { mode: "insecure" }],
    [certs.expired, "insecure"],
    [certs.server, { caFile: certs.certFile("ca.pem") }],
  ];
  for (const [{ cert, key }, tls] of cases) {
    const server = await realServer(t, { tls: { cert, key } });
    const client = realClient(t, server.addr!.port, tls === undefined ? {} : { tls });
    await client.start();
    const stream = await client.incomingGet();
    assertEquals(stream.tls.protocol, "TLSv1.3");
    assertEquals(stream.tls.alpn, "h2");
    assert(stream.tls.peerCertificate !== undefined);
    await client.close();
    await server.close();
  }
});

/** A TLS server that is no pool. */
async function tlsServer(t: TestContext, options: TlsOptions): Promise<number> {
  const server = createServer({ ...serverTls, ...options }, (socket) => void socket.on("error", () => {}).resume());
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.cleanup(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

test("tls: a server without HTTP/2, and one without TLS 1.3", async (t) => {
  assertEquals((await refusal(t, await tlsServer(t, { minVersion: "TLSv1.3" }), {})).kind, "alpn");
  const old = await tlsServer(t, { maxVersion: "TLSv1.2", ALPNProtocols: ["h2"] });
  assertEquals((await refusal(t, old, {})).kind, "tls-version");
});

test("mTLS: a client shows its certificate; one without or with a foreign one is refused", async (t) => {
  const server = await realServer(t, { tls: { ...serverTls, clientCa: certs.ca } });
  const client = realClient(t, server.addr!.port, { tls: { ca: certs.ca, ...certs.client } });
  await client.start();
  const far = await server.incomingGet();
  assertEquals(far.tls.authorized, true);
  assertMatch(far.tls.peerCertificate!.subject, /test client/);
  for (const tls of [{ ca: certs.ca }, { ca: certs.ca, ...certs.foreignClient }]) {
    const refused = realClient(t, server.addr!.port, { tls, backoff: { initial: 200 } });
    await rejects(refused.start({ timeout: 1_500 }), "ERR_POOL_CONNECT");
  }
  assertEquals(server.connections().length, 1);
});

test("renewal: new handshakes see the new certificate, and nothing is dropped", async (t) => {
  const server = await realServer(t);
  const before = realClient(t, server.addr!.port, { tls: { ca: certs.ca, pin: certs.server.pin } });
  await before.start();
  const near = await before.incomingGet();
  const far = await server.outgoingGet(near.id);
  server.renewCertificate({ cert: certs.renewed.cert, key: certs.renewed.key });
  const after = realClient(t, server.addr!.port, { tls: { ca: certs.ca, pin: certs.renewed.pin } });
  await after.start();
  await near.write(bytes("still here"));
  assertEquals(await text(far), "still here");
  assertEquals((await refusal(t, server, { tls: { ca: certs.ca, pin: certs.server.pin } })).kind, "pin");
});

test("renewal: a broken one throws, and the old one stays", async (t) => {
  const server = await realServer(t);
  const client = realClient(t, server.addr!.port);
  const isOption = (call: () => unknown): void => {
    const error = assertThrows(call) as PoolError;
    assertEquals(error.code, "ERR_POOL_OPTION");
  };
  isOption(() => server.renewCertificate({ cert: certs.renewed.cert, key: certs.server.key }));
  isOption(() => server.renewCertificate({ cert: "nonsense", key: certs.server.key }));
  isOption(() => server.renewCertificate({ certFile: "/nowhere.pem", keyFile: "/nowhere.key" }));
  isOption(() => client.renewCertificate({ ca: "nonsense" }));
  await client.start();
  await client.incomingGet();
});

test("renewal: keeps asking clients for their certificate", async (t) => {
  const server = await realServer(t, { tls: { ...serverTls, clientCa: certs.ca } });
  server.renewCertificate({ cert: certs.renewed.cert, key: certs.renewed.key });
  const client = realClient(t, server.addr!.port, { backoff: { initial: 200 } });
  await rejects(client.start({ timeout: 1_000 }), "ERR_POOL_CONNECT");
});

test("renewal: a client's is for its next connection", async (t) => {
  const [one, two] = await Promise.all(
    [certs.ca, certs.otherCa].map((clientCa) => realServer(t, { tls: { ...serverTls, clientCa } })),
  );
  let port = one!.addr!.port;
  const client = realClient(t, 0, {
    address: () => `127.0.0.1:${port}`,
    tls: { ca: certs.ca, ...certs.client },
  });
  await client.start();
  const near = await client.incomingGet();
  const far = await one!.outgoingGet(near.id);
  client.renewCertificate({ cert: certs.foreignClient.cert, key: certs.foreignClient.key });
  await near.write(bytes("still the old one"));
  assertEquals(await text(far), "still the old one");
  port = two!.addr!.port;
  await one!.close();
  assertEquals((await two!.incomingGet({ timeout: 10_000 })).tls.authorized, true);
});

test("files: are read at the start, and watched", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "h2pool-"));
  t.cleanup(() => rmSync(folder, { recursive: true }));
  const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const put = (pair: { cert: string; key: string }): void => {
    // As certificate tools do it: a new file in the place of the old one.
    writeFileSync(`${certFile}.new`, pair.cert);
    writeFileSync(`${keyFile}.new`, pair.key);
    renameSync(`${certFile}.new`, certFile);
    renameSync(`${keyFile}.new`, keyFile);
  };
  put(certs.server);
  let renewed = (): void => {};
  const renewal = new Promise<void>((resolve) => renewed = resolve);
  const info = (message: string): void => void (message === "certificate renewed" && renewed());
  const logger = { debug() {}, info, warn() {}, error() {} };
  const server = await realServer(t, { tls: { certFile, keyFile }, logger });
  const pins = async (pin: string): Promise<boolean> => {
    const client = realClient(t, server.addr!.port, { tls: { ca: certs.ca, pin } });
    return await client.start().then(() => true, () => false).finally(() => client.close());
  };
  assert(await pins(certs.server.pin));
  const failed = once(server, "error");
  writeFileSync(keyFile, certs.renewed.key);
  assertMatch((await failed).detail.message, /does not belong/);
  assert(await pins(certs.server.pin), "the old pair stays");
  put(certs.renewed);
  await renewal;
  assert(await pins(certs.renewed.pin));
});

test("files: one that is missing or broken is an error of start that names it", async (t) => {
  const server = await realServer(t);
  for (const caFile of ["/nowhere/ca.pem", certs.certFile("server.key")]) {
    const client = realClient(t, server.addr!.port, { tls: { caFile } });
    const error = await rejects(client.start(), "ERR_POOL_OPTION");
    assertMatch(error.message, /tls/);
  }
  await rejects(realServer(t, { tls: { certFile: "/nowhere.pem", keyFile: "/nowhere.key" } }), "ERR_POOL_OPTION");
});

test("allow: a refused address is cut before TLS", async (t) => {
  const server = await realServer(t, { allow: "192.0.2.0/24" });
  const refused = await refusal(t, server, {}, 500);
  assertEquals(refused.kind, "reset");
  assert(server.stats().rejected > 0);
  const mapped = await realServer(t, { listen: "[::]:0", allow: ["127.0.0.0/8"] });
  await realClient(t, mapped.addr!.port).start();
});

test("IPv6: addresses with brackets", async (t) => {
  const server = await realServer(t, { listen: "[::1]:0" });
  const client = realClient(t, 0, { address: `[::1]:${server.addr!.port}`, hostname: undefined });
  await client.start();
  assertEquals((await client.incomingGet()).remoteAddr.hostname, "::1");
});
