/** How connections come about, and how they do not. @module */
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { createServer } from "node:net";
import { ConnectError, ConnectionClosedError } from "../../../src/adapter/contract.ts";
import * as certs from "../../support/certs.ts";
import { fakeClock } from "../../support/clock.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { GOAWAY, PREFACE, rawClient, type RawPeer, rawServer, SETTINGS, settings, words } from "./raw_peer.ts";
import { frame } from "./raw_peer.ts";
import { connect, connecting, connectionEar, ends, type Engines, listen, ok, post } from "./setup.ts";

export function connectingContract(name: string, engines: Engines): void {
  test(`${name}: both ends of a connection tell the same of it`, async (t) => {
    const { client, server, served } = await ends(t, engines);
    assertEquals([client.role, server.role], ["client", "server"]);
    assertEquals(client.remoteAddr, { transport: "tcp", hostname: "127.0.0.1", port: served.port });
    assertEquals([server.localAddr, server.remoteAddr], [client.remoteAddr, client.localAddr]);
    assertEquals([client.channels, server.channels, server.openable], [0, 0, 0]);
    assert(client.openable > 0);
    for (const { tls } of [client, server]) assertEquals([tls.protocol, tls.alpn], ["TLSv1.3", "h2"]);
    assertEquals([client.tls.cipher, client.tls.authorized], [server.tls.cipher, true]);
    assertEquals(client.tls.peerCertificate?.subject, "CN=localhost");
    assertEquals([server.tls.authorized, server.tls.peerCertificate], [false, undefined]);
  });

  test(`${name}: client certificates: shown, accepted, and told`, async (t) => {
    const { server } = await ends(t, engines, {
      identity: { ...certs.server, clientCa: certs.ca },
      connect: { trust: { mode: "verified", ca: certs.ca, ...certs.client } },
    });
    assertEquals([server.tls.authorized, server.tls.peerCertificate?.subject], [true, "CN=test client"]);
  });

  test(`${name}: client certificates: demanded and not shown`, async (t) => {
    const { port, failure } = await listen(t, engines, { identity: { ...certs.server, clientCa: certs.ca } });
    const error = await refused(engines, port);
    // The alert may be overtaken by the reset that the client's preface provokes.
    if (error.kind !== "reset") assertEquals([error.kind, error.retry], ["client-certificate", false]);
    assertStringIncludes(error.message, "client certificate");
    await failure();
  });

  test(`${name}: connect rejects with a ConnectError that names what was wrong`, async (t) => {
    const { port, listener } = await listen(t, engines);
    const trust = { mode: "verified", ca: certs.ca } as const;
    const cases = [
      ["hostname", { servername: "wrong.example" }],
      ["authority", { trust: { ...trust, ca: certs.otherCa } }],
      ["pin", { trust: { ...trust, pins: [certs.renewed.pin] } }],
      ["aborted", { signal: AbortSignal.abort() }],
    ] as const;
    for (const [kind, options] of cases) assertEquals((await refused(engines, port, options)).kind, kind);
    await listener.close();
    assertEquals((await refused(engines, port)).kind, "refused");
  });

  test(`${name}: connect: TLS and then silence`, async (t) => {
    const clock = fakeClock();
    const { port, next } = await rawServer(t);
    const connecting = refused(engines, port, { clock, timeout: 5_000 });
    const peer = await next();
    await peer.frame(SETTINGS);
    clock.advance(5_000);
    const error = await connecting;
    assertEquals([error.kind, error.retry], ["timeout", true]);
    assertStringIncludes(error.message, `127.0.0.1:${port}: no HTTP/2 SETTINGS within 5000 ms`);
    await peer.closed;
    assertEquals(clock.pending, 0);
  });

  test(`${name}: connect: aborted while waiting for SETTINGS`, async (t) => {
    const { port, next } = await rawServer(t);
    const aborter = new AbortController();
    const connecting = refused(engines, port, { signal: aborter.signal });
    const peer = await next();
    await peer.frame(SETTINGS);
    const reason = new Error("no longer wanted");
    aborter.abort(reason);
    const error = await connecting;
    assertEquals([error.kind, error.cause], ["aborted", reason]);
    await peer.closed;
  });

  test(`${name}: connect: a server that speaks something else than HTTP/2`, async (t) => {
    const { port, next } = await rawServer(t);
    for (const words of ["HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "\0".repeat(100)]) {
      const connecting = refused(engines, port);
      (await next()).send(new TextEncoder().encode(words));
      const error = await connecting;
      assertEquals([error.kind, error.retry], ["protocol", true]);
      assertStringIncludes(error.message, `Cannot connect to 127.0.0.1:${port}: `);
    }
  });

  test(`${name}: connect: a server that hangs up instead of SETTINGS, or in the middle of them`, async (t) => {
    const { port, next } = await rawServer(t);
    for (const bytes of [new Uint8Array(0), settings.subarray(0, 5)]) {
      const connecting = refused(engines, port);
      const peer = await next();
      peer.socket.end(bytes);
      const error = await connecting;
      assertEquals([error.kind, error.retry], ["reset", true]);
    }
  });

  test(`${name}: connect: GOAWAY instead of SETTINGS`, async (t) => {
    const { port, next } = await rawServer(t);
    const connecting = refused(engines, port);
    (await next()).send(frame(GOAWAY, 0, 0, words(0, 0)));
    assertEquals((await connecting).kind, "protocol");
  });

  test(`${name}: what comes together with SETTINGS is not lost`, async (t) => {
    const { port, next } = await rawServer(t);
    const handler = connectionEar();
    const connecting = connect(t, engines, port, { handler });
    (await next()).send(settings, frame(GOAWAY, 0, 0, words(0, 0)));
    const { connection } = await connecting;
    await handler.gone;
    assertEquals(handler.goaways, [{ code: 0, lastId: 0 }]);
    assertEquals(connection.openable, 0);
  });

  test(`${name}: listen: an address in use, and a broken identity`, async (t) => {
    const { port } = await listen(t, engines);
    const error = await assertRejects(() => listen(t, engines, { port }), Error);
    assertEquals((error as Error & { code?: string }).code, "EADDRINUSE");
    const { cert } = certs.server;
    const broken = await assertRejects(() => listen(t, engines, { identity: { cert, key: certs.renewed.key } }), Error);
    assert(broken instanceof ConnectError);
    assertEquals(broken.kind, "tls");
  });

  test(`${name}: listen: a refused address does not get to TLS`, async (t) => {
    const asked: string[] = [];
    const { port, failures } = await listen(t, engines, {
      admit(remote) {
        asked.push(remote.hostname);
        return asked.length > 1;
      },
    });
    assertEquals((await refused(engines, port)).kind, "reset");
    await connect(t, engines, port);
    assertEquals([asked, failures], [["127.0.0.1", "127.0.0.1"], []]);
  });

  test(`${name}: listen: TLS and then silence, or half a preface, is cut in time and reported`, async (t) => {
    for (const said of [new Uint8Array(0), PREFACE.subarray(0, 10), PREFACE, frame(SETTINGS, 0, 0).subarray(0, 4)]) {
      const clock = fakeClock();
      const { port, failure } = await listen(t, engines, { clock, handshakeTimeout: 3_000 });
      const peer = await rawClient(t, port);
      if (said !== PREFACE && said.length > 0 && said[0] !== PREFACE[0]) peer.send(PREFACE, said);
      else if (said.length > 0) peer.send(said);
      // The server's SETTINGS do not wait for the client's.
      await peer.frame(SETTINGS);
      clock.advance(3_000);
      const { remote, error } = await failure();
      assertEquals(remote?.hostname, "127.0.0.1");
      assertStringIncludes(error.message, "within 3000 ms");
      await peer.closed;
      assertEquals(clock.pending, 0);
    }
  });

  test(`${name}: listen: garbage after TLS is cut at once, reported once, and disturbs nobody`, async (t) => {
    const { port, failure, failures, connection } = await listen(t, engines);
    const steady = await connect(t, engines, port);
    await connection();
    const garbage = ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "\xff".repeat(50)];
    for (const said of garbage) {
      const peer = await rawClient(t, port);
      peer.send(Uint8Array.from(said, (char) => char.charCodeAt(0)));
      await failure();
      await peer.closed;
    }
    assertEquals(failures.length, garbage.length);
    await steady.connection.ping(5_000);
  });

  test(`${name}: listen: a client that leaves before its SETTINGS is reported`, async (t) => {
    const { port, failure } = await listen(t, engines);
    const peer = await rawClient(t, port);
    peer.send(PREFACE);
    peer.socket.end();
    assert((await failure()).error instanceof Error);
  });

  test(`${name}: listen: one handshake too many is cut at once, and connections do not count`, async (t) => {
    const { port, failure } = await listen(t, engines, { maxHandshakes: 1 });
    await connect(t, engines, port);
    await connect(t, engines, port);
    const silent = await rawClient(t, port);
    await silent.frame(SETTINGS);
    assertEquals((await refused(engines, port)).kind, "reset");
    assertStringIncludes((await failure()).error.message, "handshakes are under way");
  });

  test(`${name}: listen: close frees the port, cuts unfinished handshakes, and connections go on`, async (t) => {
    const { client, served, open } = await ends(t, engines);
    const unfinished = await rawClient(t, served.port);
    await unfinished.frame(SETTINGS);
    await served.listener.close();
    await unfinished.closed;
    await served.failure();
    await bindable(t, served.port);
    const { ear } = open({ body: "none" });
    const request = await served.request();
    request.channel.respond(ok, "none");
    await ear.gone;
    assertEquals(ear.fields, ok);
    assert(client.openable > 0);
  });

  test(`${name}: listen: renewed while connections live`, async (t) => {
    const { client, served, open } = await ends(t, engines);
    served.listener.renew(certs.renewed);
    const after = await connect(t, engines, served.port, {
      trust: { mode: "verified", ca: certs.ca, pins: [certs.renewed.pin] },
    });
    assertThrows(() => served.listener.renew({ cert: certs.server.cert, key: certs.renewed.key }), ConnectError);
    await connect(t, engines, served.port, { trust: { mode: "insecure", pins: [certs.renewed.pin] } });
    open({ body: "none" });
    (await served.request()).channel.respond(ok, "none");
    await Promise.all([client.ping(5_000), after.connection.ping(5_000)]);
  });

  test(`${name}: openable is what the server allows; at 0 open throws, and available tells of more`, async (t) => {
    const { client, clientEar, open, served } = await ends(t, engines, { settings: { maxStreams: 3 } });
    assertEquals(client.openable, 3);
    const opened = [open({ body: "none" }), open({ body: "none" }), open({ body: "none" })];
    assertEquals([client.openable, client.channels], [0, 3]);
    assertThrows(() => open(), ConnectionClosedError);
    assertEquals(clientEar.log, []);
    (await served.request()).channel.respond(ok, "none");
    await clientEar.until(() => clientEar.availables === 1);
    assertEquals([client.openable, client.channels], [1, 2]);
    assertEquals(opened.map(({ channel }) => channel.id), [1, 3, 5]);
    open({ body: "none" });
    assertThrows(() => open(), ConnectionClosedError);
  });

  test(`${name}: request fields arrive as they were given`, async (t) => {
    const { open, request } = await ends(t, engines);
    const more = [
      "x-empty",
      "",
      "x-twice",
      "1",
      "x-twice",
      "2",
      "cookie",
      "a=b",
      "x-utf8",
      "caf\u00c3\u00a9",
      "x-long",
      "v".repeat(30_000),
    ];
    open({ fields: post("/path?query=1", ...more), body: "none" });
    const { fields, body, ear } = await request();
    assertEquals([fields, body], [post("/path?query=1", ...more), "none"]);
    await ear.ended;
  });
}

async function refused(engines: Engines, port: number, options: object = {}): Promise<ConnectError> {
  try {
    const connection = await engines.client.connect({ ...connecting(port), ...options });
    connection.destroy();
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error("connect resolved");
}

async function bindable(t: TestContext, port: number): Promise<void> {
  const server = createServer();
  t.cleanup(() => server.close());
  await new Promise<void>((resolve, reject) => server.listen(port, "127.0.0.1", resolve).on("error", reject));
}

/** For the parts that talk to a raw server after its SETTINGS. */
export async function rawConnection(
  t: TestContext,
  engines: Engines,
  said: readonly Uint8Array[] = [settings],
): Promise<{ peer: RawPeer } & Awaited<ReturnType<typeof connect>>> {
  const { port, next } = await rawServer(t);
  const connecting = connect(t, engines, port);
  const peer = await next();
  peer.send(...said);
  return { peer, ...await connecting };
}
