import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ConnectError } from "../../../src/adapter/contract.ts";
import { spkiPin } from "../../../src/adapter/tls/certificate.ts";
import { asConnectError } from "../../../src/adapter/tls/connect_error.ts";
import { dialTarget } from "../../../src/adapter/tls/dial.ts";
import { fakeClock } from "../../support/clock.ts";
import { test } from "../../support/harness.ts";
import { currentRuntime } from "../../support/runtime.ts";
import { countedController } from "../../support/signals.ts";
import { spawnRuntime } from "../../support/spawn.ts";
import * as certs from "../../support/certs.ts";
import {
  client,
  dialing,
  freePort,
  later,
  listen,
  recorder,
  refusal,
  tcpServer,
  tlsServer,
  verified,
} from "./support.ts";

test("a verified connection tells what was agreed on", async (t) => {
  const { port } = await listen(t);
  const { tls, localAddr, remoteAddr } = await client(t, port);
  assertEquals([tls.protocol, tls.alpn, tls.authorized], ["TLSv1.3", "h2", true]);
  assert(/^TLS_\w+$/.test(tls.cipher), tls.cipher);
  const cert = tls.peerCertificate;
  assertEquals([cert?.subject, cert?.issuer], ["CN=localhost", "CN=h2pool test authority"]);
  assert(cert !== undefined && cert.validFrom.getTime() < Date.now() && cert.validTo.getTime() > Date.now());
  assert(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/.test(cert.fingerprint256), cert.fingerprint256);
  assertEquals(spkiPin(cert.raw), spkiPin(certs.server.cert));
  assertEquals(remoteAddr, { transport: "tcp", hostname: "127.0.0.1", port });
  assertEquals([localAddr.transport, localAddr.hostname, localAddr.port > 0], ["tcp", "127.0.0.1", true]);
});

test("a certificate may be for an address", async (t) => {
  const { port } = await listen(t);
  const { tls } = await client(t, port, { servername: "127.0.0.1" });
  assertEquals(tls.authorized, true);
});

test("IPv6", async (t) => {
  const { port, accepted } = await listen(t, { hostname: "::1" });
  const { remoteAddr } = await client(t, port, { hostname: "::1", servername: "::1" });
  assertEquals(remoteAddr, { transport: "tcp", hostname: "::1", port });
  assertEquals((await accepted()).transport.localAddr, remoteAddr);
  // A zone is the system's business, not the certificate's.
  assertEquals((await client(t, port, { hostname: "::1", servername: "::1%lo" })).tls.authorized, true);
});

test("a self-signed certificate is verified when it is the authority", async (t) => {
  const { port } = await listen(t, { identity: certs.selfSigned });
  const { tls } = await client(t, port, { trust: { mode: "verified", ca: certs.selfSigned.cert } });
  assertEquals(tls.authorized, true);
});

test("insecure takes any certificate and does not call it authorized", async (t) => {
  for (const identity of [certs.expired, certs.selfSigned, certs.wrongHost]) {
    const { port } = await listen(t, { identity });
    const { tls } = await client(t, port, { trust: { mode: "insecure" } });
    assertEquals([tls.authorized, tls.alpn], [false, "h2"]);
    assert(tls.peerCertificate !== undefined);
  }
  const { port } = await listen(t);
  assertEquals((await client(t, port, { trust: { mode: "insecure", ca: certs.ca } })).tls.authorized, false);
});

test("hostname: the message has the names of the certificate", async (t) => {
  const { port } = await listen(t, { identity: certs.wrongHost });
  const error = await refusal(port);
  assertEquals([error.kind, error.retry], ["hostname", false]);
  assertStringIncludes(error.message, `Cannot connect to 127.0.0.1:${port}: `);
  assertStringIncludes(error.message, 'is not for "localhost" but for DNS:wrong.example');
});

test("hostname: an address is checked too, and not the one that was dialled but the name", async (t) => {
  const { port } = await listen(t);
  assertEquals((await refusal(port, { servername: "127.0.0.2" })).kind, "hostname");
  const other = await listen(t, { identity: certs.wrongHost });
  assertEquals((await refusal(other.port, { servername: "127.0.0.1" })).kind, "hostname");
  assertEquals((await client(t, other.port, { servername: "wrong.example" })).tls.authorized, true);
});

test("expired: the message has the date", async (t) => {
  const { port } = await listen(t, { identity: certs.expired });
  const error = await refusal(port);
  assertEquals([error.kind, error.retry], ["expired", false]);
  assertStringIncludes(error.message, 'certificate "CN=localhost" expired on 2020-02-01T00:00:00.000Z');
});

test("authority: unknown, given or the system's", async (t) => {
  const { port } = await listen(t);
  for (const trust of [{ mode: "verified", ca: certs.otherCa }, { mode: "verified" }] as const) {
    const error = await refusal(port, { trust });
    assertEquals([error.kind, error.retry], ["authority", false]);
    assertStringIncludes(error.message, '"CN=localhost" from "CN=h2pool test authority" leads to no trusted authority');
  }
});

test("authority: self-signed", async (t) => {
  const { port } = await listen(t, { identity: certs.selfSigned });
  const error = await refusal(port);
  assertEquals(error.kind, "authority");
  assertStringIncludes(error.message, "is self-signed");
});

test("authority: one that is given stands in place of the system's, not beside them", async (t) => {
  const trusted = certs.certFile("other-ca.pem");
  const env = { NODE_EXTRA_CA_CERTS: trusted, DENO_CERT: trusted };
  const program = new URL("../programs/authorities.ts", import.meta.url);
  const child = spawnRuntime(t, currentRuntime(), program, [], { env });
  const [line] = await child.out.line(/^system: .*$/);
  assertEquals(line, "system: connected, given: authority");
  assertEquals((await child.exit()).code, 0);
});

test("pin: any of several fits, in either mode", async (t) => {
  const { port } = await listen(t);
  const pins = [spkiPin(certs.client.cert), spkiPin(certs.server.cert)];
  assertEquals((await client(t, port, { trust: { mode: "insecure", pins } })).tls.authorized, false);
  assertEquals((await client(t, port, { trust: { ...verified, pins } })).tls.authorized, true);
});

test("pin: another key is refused in either mode, and nothing was sent", async (t) => {
  let received = 0;
  let gone = later<void>();
  const port = await tlsServer(t, { ALPNProtocols: ["h2"], minVersion: "TLSv1.3" }, (socket) => {
    socket.on("data", (chunk: Uint8Array) => received += chunk.length);
  }, () => gone.resolve());
  const pins = [spkiPin(certs.client.cert)];
  for (const trust of [{ mode: "insecure", pins }, { ...verified, pins }] as const) {
    const error = await refusal(port, { trust });
    assertEquals([error.kind, error.retry], ["pin", false]);
    assertStringIncludes(error.message, `${spkiPin(certs.server.cert)}, expected ${pins[0]}`);
    await gone.promise;
    assertEquals(received, 0);
    gone = later();
  }
});

test("pin: the right one does not stand in for the authority when verified", async (t) => {
  const { port } = await listen(t);
  const pins = [spkiPin(certs.server.cert)];
  assertEquals((await refusal(port, { trust: { mode: "verified", ca: certs.otherCa, pins } })).kind, "authority");
});

test("pin: something else than a pin is refused before connecting", async () => {
  for (const pin of ["", "abc", "a".repeat(64), `${"a".repeat(43)}=`, `sha256/${spkiPin(certs.server.cert)}`]) {
    const error = await refusal(1, { trust: { mode: "insecure", pins: [pin] } });
    assertEquals(error.kind, "pin");
    assertStringIncludes(error.message, `"${pin}" is not a pin`);
  }
});

test("alpn: a server without it, which completes the handshake", async (t) => {
  const port = await tlsServer(t, { minVersion: "TLSv1.3" });
  const error = await refusal(port);
  assertEquals([error.kind, error.retry], ["alpn", false]);
  assertStringIncludes(error.message, "does not offer HTTP/2 (ALPN h2)");
});

test("alpn: a server with other protocols, which refuses", async (t) => {
  const port = await tlsServer(t, { minVersion: "TLSv1.3", ALPNProtocols: ["http/1.1"] });
  const error = await refusal(port);
  assertEquals(error.kind, "alpn");
  assertStringIncludes(error.message, "does not offer HTTP/2 (ALPN h2)");
});

test("tls-version: a server that stops at TLS 1.2 and says so", async (t) => {
  const port = await tlsServer(t, { maxVersion: "TLSv1.2", ALPNProtocols: ["h2"] });
  const error = await refusal(port);
  assertEquals([error.kind, error.retry], ["tls-version", false]);
  assertStringIncludes(error.message, "does not offer TLS 1.3");
});

test("tls-version: a server that answers with TLS 1.2 all the same", async (t) => {
  // ServerHello of TLS 1.2, RFC 5246 section 7.4.1.3: record, handshake, version, random, no session, cipher, one extension.
  const hello = `1603030031` + `0200002d` + `0303` + "11".repeat(32) + `00` + `c02f` + `00` + `0005ff01000100`;
  const port = await tcpServer(t, (socket) => socket.once("data", () => socket.write(hex(hello))));
  assertEquals((await refusal(port)).kind, "tls-version");
});

test("client-certificate: demanded and there is none, which is read only after the handshake", async (t) => {
  const { port, failure } = await listen(t, { identity: { ...certs.server, clientCa: certs.ca } });
  const options = dialing(port);
  const sink = recorder();
  (await client(t, port)).start(sink);
  const error = asConnectError(await sink.gone, dialTarget(options));
  assertEquals([error.kind, error.retry], ["client-certificate", false]);
  assertStringIncludes(error.message, "demands a client certificate, and there is none to show");
  await failure();
});

test("client-certificate: one that fits is shown to the server", async (t) => {
  const { port, accepted } = await listen(t, { identity: { ...certs.server, clientCa: certs.ca } });
  const { cert, key } = certs.client;
  await client(t, port, { trust: { ...verified, cert, key } });
  const { tls } = (await accepted()).transport;
  assertEquals([tls.authorized, tls.peerCertificate?.subject], [true, "CN=test client"]);
  assertEquals(spkiPin(tls.peerCertificate?.raw ?? ""), spkiPin(cert));
});

test("client-certificate: the servers of all runtimes refuse an unfit one by hanging up, which may pass", async (t) => {
  const { port, failure } = await listen(t, { identity: { ...certs.server, clientCa: certs.ca } });
  for (const { cert, key } of [certs.foreignClient, certs.expired]) {
    const options = { ...dialing(port), trust: { ...verified, cert, key } };
    const sink = recorder();
    (await client(t, port, options)).start(sink);
    const error = asConnectError(await sink.gone, dialTarget(options));
    assertEquals([error.kind, error.retry], ["reset", true]);
    assertStringIncludes(error.message, "it may have refused the client certificate");
    await failure();
  }
});

test("tls: broken certificates of our own are found before connecting", async () => {
  const { cert, key } = certs.client;
  const wrong = [
    [{ ca: "nonsense" }, "Cannot use the authority: there is no PEM certificate in it"],
    [{ cert, key: "nonsense" }, "Cannot use the private key: it is not a readable"],
    [{ cert: "nonsense", key }, "Cannot use the certificate: there is no PEM certificate in it"],
    [
      { cert, key: certs.server.key },
      'Cannot use the private key: it does not belong to the certificate "CN=test client"',
    ],
    [{ cert }, "a certificate and its key belong together"],
  ] as const;
  for (const [trust, says] of wrong) {
    const error = await refusal(1, { trust: { mode: "verified", ...trust } });
    assertEquals(error.kind, "tls");
    assertStringIncludes(error.message, says);
  }
});

test("tls: garbage instead of TLS", async (t) => {
  for (const garbage of ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2p1\r\n", "\0".repeat(100)]) {
    const port = await tcpServer(t, (socket) => socket.write(garbage));
    const error = await refusal(port);
    assertEquals([error.kind, error.retry], ["tls", false]);
    assertStringIncludes(error.message, "does not speak TLS");
  }
});

test("tls: a server that has no cipher in common", async (t) => {
  const port = await tcpServer(t, (socket) => socket.once("data", () => socket.write(hex("15030300020228"))));
  const error = await refusal(port);
  assertEquals(error.kind, "tls");
  assertStringIncludes(error.message, "the TLS handshake failed");
});

test("refused", async () => {
  const port = await freePort();
  const error = await refusal(port);
  assertEquals([error.kind, error.retry], ["refused", true]);
  assertStringIncludes(error.message, `Cannot connect to 127.0.0.1:${port}: nothing listens there`);
  assert(error.cause instanceof Error);
});

test("dns", async () => {
  // A name that no resolver is asked for.
  const error = await refusal(1, { hostname: "two..dots" });
  assertEquals([error.kind, error.retry], ["dns", true]);
  assertStringIncludes(error.message, "Cannot connect to two..dots:1: this name has no address");
});

test("reset: during the handshake, by RST and by FIN", async (t) => {
  for (const cut of ["resetAndDestroy", "end"] as const) {
    const port = await tcpServer(t, (socket) => socket.once("data", () => socket[cut]()));
    const error = await refusal(port);
    assertEquals([error.kind, error.retry], ["reset", true]);
    assertStringIncludes(error.message, "closed the connection during the TLS handshake");
  }
});

test("timeout: a server that accepts and is silent", async (t) => {
  const clock = fakeClock();
  const port = await tcpServer(t, (socket) => socket.once("data", () => clock.advance(5_000)));
  // What is left of a time is seldom whole.
  const error = await refusal(port, { clock, timeout: 4_999.9742929999994 });
  assertEquals([error.kind, error.retry], ["timeout", true]);
  assertStringIncludes(error.message, "no TLS connection within 5000 ms");
});

test("aborted: before and during the handshake, with the reason as cause", async (t) => {
  const reason = new Error("no longer wanted");
  const before = await refusal(1, { signal: AbortSignal.abort(reason) });
  assertEquals([before.kind, before.retry, before.cause], ["aborted", false, reason]);
  const aborter = new AbortController();
  const port = await tcpServer(t, (socket) => socket.once("data", () => aborter.abort(reason)));
  const during = await refusal(port, { signal: aborter.signal });
  assertEquals([during.kind, during.cause], ["aborted", reason]);
});

test("a connection that is up has no timer, and its signal no hold on it", async (t) => {
  const clock = fakeClock();
  const aborter = countedController();
  const { port } = await listen(t);
  const sink = recorder();
  const transport = await client(t, port, { clock, signal: aborter.signal });
  transport.start(sink);
  assertEquals([clock.pending, aborter.listeners], [0, 0]);
  aborter.abort();
  assertEquals(sink.closes, []);
});

test("every failure is a ConnectError with the system's error as its cause", async (t) => {
  const port = await tcpServer(t, (socket) => socket.write("nonsense".repeat(10)));
  const error = await refusal(port);
  assert(error instanceof ConnectError && error instanceof Error);
  assertEquals([error.name, error.cause instanceof Error], ["ConnectError", true]);
});

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
