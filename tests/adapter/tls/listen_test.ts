import { Server } from "node:net";
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { ConnectError } from "../../../src/adapter/contract.ts";
import { spkiPin } from "../../../src/adapter/tls/certificate.ts";
import { fakeClock } from "../../support/clock.ts";
import { test } from "../../support/harness.ts";
import * as certs from "../../support/certs.ts";
import {
  client,
  connected,
  freePort,
  later,
  listen,
  recorder,
  refusal,
  tcpClient,
  tlsClient,
  verified,
} from "./support.ts";

test("accepts: both ends see the same connection", async (t) => {
  const { client, server } = await connected(t);
  assertEquals(server.remoteAddr, client.localAddr);
  assertEquals(server.localAddr, client.remoteAddr);
  assertEquals([server.tls.protocol, server.tls.alpn, server.tls.cipher], ["TLSv1.3", "h2", client.tls.cipher]);
});

test("without clientCa a client is neither authorized nor has a certificate", async (t) => {
  const { server } = await connected(t);
  assertEquals([server.tls.authorized, server.tls.peerCertificate], [false, undefined]);
});

test("an IPv4 client of a dual-stack listener has an IPv4 address", async (t) => {
  for (const hostname of ["", "::"]) {
    const { port, accepted } = await listen(t, { hostname });
    await client(t, port);
    assertEquals((await accepted()).transport.remoteAddr.hostname, "127.0.0.1");
  }
});

test("an address in use rejects with the system's error", async (t) => {
  const { port } = await listen(t);
  const error = await assertRejects(() => listen(t, { port }), Error);
  assertEquals((error as Error & { code?: string }).code, "EADDRINUSE");
});

test("a broken identity rejects with a ConnectError", async (t) => {
  const { cert, key } = certs.server;
  const wrong = [
    [{ cert: "nonsense", key }, "there is no PEM certificate in it"],
    [{ cert: "", key: "" }, "there is no PEM certificate in it"],
    [{ cert, key: "nonsense" }, "not a readable, unencrypted PEM key"],
    [{ cert: cert.replace(/[A-Za-z0-9+/]{20}\n/, "\n"), key }, "certificate 1 of 1 in it is broken"],
    [{ cert, key: certs.client.key }, 'it does not belong to the certificate "CN=localhost"'],
    [{ cert, key, clientCa: "nonsense" }, "Cannot use the authority: there is no PEM certificate in it"],
  ] as const;
  for (const [identity, says] of wrong) {
    const error = await assertRejects(() => listen(t, { identity }), ConnectError, says);
    assertEquals((error as ConnectError).kind, "tls");
  }
});

test("a certificate chain, and PEM as bytes", async (t) => {
  const { cert, key } = certs.server;
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const { port } = await listen(t, { identity: { cert: bytes(`${cert}\n${certs.ca}`), key: bytes(key) } });
  const { tls } = await client(t, port, { trust: { mode: "verified", ca: bytes(`${certs.otherCa}\n${certs.ca}`) } });
  assertEquals(tls.peerCertificate?.subject, "CN=localhost");
});

test("admit: a refused address is cut before TLS, and nobody hears more of it", async (t) => {
  const asked: string[] = [];
  const { port, failures } = await listen(t, {
    admit(remote) {
      asked.push(remote.hostname);
      return asked.length > 1;
    },
    accept: (_, handshake) => handshake.done(),
  });
  assertEquals(await tlsClient(t, port, { ALPNProtocols: ["h2"] }), { secured: false });
  await client(t, port);
  assertEquals([asked, failures], [["127.0.0.1", "127.0.0.1"], []]);
});

test("maxHandshakes: one more is cut at once and reported, the others are not disturbed", async (t) => {
  const { port, failure, accepted } = await listen(t, { maxHandshakes: 2 });
  const first = await client(t, port);
  const { handshake } = await accepted();
  const silent = await tcpClient(t, port);
  // Whose TCP handshake is done is not always accepted yet.
  const third = await tcpClient(t, port);
  await Promise.race([third.closed, silent.closed]);
  assertStringIncludes((await failure()).error.message, "2 handshakes are under way");
  handshake.done();
  await client(t, port);
  const sink = recorder();
  first.start(sink);
  assertEquals(sink.closes, []);
});

test("handshakeTimeout: silent over TCP, and silent after TLS", async (t) => {
  const clock = fakeClock();
  const admitted = later<void>();
  const { port, failure, accepted } = await listen(t, {
    clock,
    handshakeTimeout: 3_000,
    admit: () => {
      admitted.resolve();
      return true;
    },
  });
  const tcp = await tcpClient(t, port);
  await admitted.promise;
  clock.advance(1_000);
  const sink = recorder();
  (await client(t, port)).start(sink);
  const { transport } = await accepted();
  clock.advance(2_000);
  assertStringIncludes((await failure()).error.message, "no HTTP/2 connection within 3000 ms");
  await tcp.closed;
  assertEquals(sink.closes, []);
  clock.advance(1_000);
  const late = await failure();
  assertEquals(late.remote, transport.remoteAddr);
  await sink.gone;
  assertEquals(clock.pending, 0);
});

test("handshakeTimeout: a connection that is done in time stays", async (t) => {
  const clock = fakeClock();
  const { port, accepted, failures } = await listen(t, { clock, handshakeTimeout: 3_000 });
  const near = await client(t, port);
  const { transport, handshake } = await accepted();
  handshake.done();
  assertEquals(clock.pending, 0);
  clock.advance(10_000);
  const sink = recorder();
  transport.start(sink);
  near.start(recorder());
  near.write(new Uint8Array(3));
  await sink.received(3);
  assertEquals(failures, []);
});

test("failed: each end before done is reported once, with its reason", async (t) => {
  const { port, failure, accepted, failures } = await listen(t);
  const garbage = await tcpClient(t, port);
  garbage.socket.write("GET / HTTP/1.1\r\n\r\n");
  assertEquals((await failure()).remote?.hostname, "127.0.0.1");

  const leaving = await tcpClient(t, port);
  leaving.socket.end();
  await failure();

  const resetting = await tcpClient(t, port);
  resetting.socket.resetAndDestroy();
  await failure();

  await tlsClient(t, port, { maxVersion: "TLSv1.2", ALPNProtocols: ["h2"] });
  await failure();

  await tlsClient(t, port, { ALPNProtocols: ["http/1.1"] });
  await failure();

  await tlsClient(t, port, {});
  assertStringIncludes((await failure()).error.message, "does not offer HTTP/2 (ALPN h2)");

  const gone = await client(t, port);
  await accepted();
  gone.destroy();
  await failure();

  await client(t, port);
  (await accepted()).handshake.fail(new Error("No preface"));
  const { error, remote } = await failure();
  assertEquals(error.message, `Cannot accept 127.0.0.1:${remote!.port}: No preface`);
  assertEquals(failures.length, 8);
});

test("failed: an error of the listener itself, without an address", async (t) => {
  // No runtime lets a test run out of file descriptors at the right moment: the server is caught and told.
  const { listen: own } = Server.prototype;
  let server: Server | undefined;
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    server = this;
    return Reflect.apply(own, this, args);
  } as typeof own;
  t.cleanup(() => void (Server.prototype.listen = own));
  const { failure, port } = await listen(t);
  server!.emit("error", new Error("accept EMFILE"));
  const { remote, error } = await failure();
  assertEquals([remote, error.message], [undefined, "accept EMFILE"]);
  await client(t, port);
});

test("failed: not after done", async (t) => {
  const { port, accepted, failures } = await listen(t);
  const near = await client(t, port);
  const { transport, handshake } = await accepted();
  const sink = recorder();
  transport.start(sink);
  handshake.done();
  handshake.fail(new Error("too late"));
  near.destroy();
  await sink.gone;
  assertEquals(failures, []);
});

test("close: the port is free, unfinished handshakes are cut, connections go on", async (t) => {
  const { listener, port, accepted, failure } = await listen(t);
  const near = await client(t, port);
  const { transport, handshake } = await accepted();
  handshake.done();
  const unfinished = await client(t, port);
  await accepted();
  const cut = recorder();
  unfinished.start(cut);

  const closing = listener.close();
  assertEquals(listener.close(), closing);
  assertStringIncludes((await failure()).error.message, "the listener was closed");
  await closing;
  const again = await listen(t, { port });
  await cut.gone;

  const sink = recorder();
  near.start(sink);
  transport.start(recorder());
  transport.write(new Uint8Array(7));
  await sink.received(7);
  await again.listener.close();
  assertEquals((await refusal(port)).kind, "refused");
});

test("close: the port is free every time", async (t) => {
  const port = await freePort();
  for (let i = 0; i < 20; i++) {
    const { listener } = await listen(t, { port });
    await client(t, port);
    await listener.close();
  }
});

test("renew: new handshakes get the new certificate, connections stay", async (t) => {
  const { listener, port, accepted } = await listen(t);
  const before = await client(t, port);
  const { transport } = await accepted();
  listener.renew(certs.renewed);
  const after = await client(t, port);
  assertEquals(spkiPin(before.tls.peerCertificate?.raw ?? ""), certs.server.pin);
  assertEquals(spkiPin(after.tls.peerCertificate?.raw ?? ""), certs.renewed.pin);
  const sink = recorder();
  before.start(sink);
  transport.start(recorder());
  transport.write(new Uint8Array(7));
  await sink.received(7);
});

test("renew: TLS 1.2 and connections without ALPN stay out", async (t) => {
  const { listener, port, failure } = await listen(t);
  listener.renew(certs.renewed);
  assertEquals(await tlsClient(t, port, { maxVersion: "TLSv1.2", ALPNProtocols: ["h2"] }), { secured: false });
  await failure();
  await tlsClient(t, port, {});
  assertStringIncludes((await failure()).error.message, "ALPN");
});

test("renew: a broken pair throws, and the old one stays", async (t) => {
  const { listener, port } = await listen(t);
  const { cert, key } = certs.renewed;
  for (
    const identity of [
      { cert, key: certs.client.key },
      { cert: "nonsense", key },
      { cert, key: "nonsense" },
      { cert: "", key: "" },
    ]
  ) {
    assertThrows(() => listener.renew(identity), ConnectError);
  }
  const { tls } = await client(t, port);
  assertEquals(spkiPin(tls.peerCertificate?.raw ?? ""), spkiPin(certs.server.cert));
});

test("renew: the authority of client certificates too, but not whether there is one", async (t) => {
  const { listener, port, accepted, failure } = await listen(t, { identity: { ...certs.server, clientCa: certs.ca } });
  assertThrows(() => listener.renew(certs.renewed), ConnectError, "cannot be switched on or off");
  listener.renew({ ...certs.renewed, clientCa: certs.otherCa });
  await client(t, port, { trust: { ...verified, ...certs.foreignClient } });
  const { transport } = await accepted();
  assertEquals([transport.tls.authorized, transport.tls.peerCertificate?.subject], [true, "CN=foreign client"]);
  const sink = recorder();
  (await client(t, port, { trust: { ...verified, ...certs.client } })).start(sink);
  await failure();
  await sink.gone;
  const without = await listen(t);
  assertThrows(
    () => without.listener.renew({ ...certs.server, clientCa: certs.ca }),
    ConnectError,
    "cannot be switched",
  );
});

test("a client certificate is demanded, not just asked for", async (t) => {
  const { port, failure, accepted } = await listen(t, { identity: { ...certs.server, clientCa: certs.ca } });
  let wrong = 0;
  accepted().then(() => wrong++, () => {});
  const none = {};
  for (const shown of [none, certs.foreignClient, certs.expired, certs.selfSigned]) {
    const sink = recorder();
    const trust = { ...verified, ...shown };
    (await client(t, port, { trust })).start(sink);
    const { error, remote } = await failure();
    const says = shown === none ? "it shows no client certificate" : "its client certificate is not accepted";
    assertStringIncludes(error.message, `Cannot accept 127.0.0.1:${remote!.port}: ${says}`);
    await sink.gone;
  }
  assertEquals(wrong, 0);
});
