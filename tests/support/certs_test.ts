import { assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import type { AddressInfo } from "node:net";
import { connect, type ConnectionOptions, createServer, type TlsOptions } from "node:tls";
import * as certs from "./certs.ts";
import { test, type TestContext } from "./harness.ts";

const { ca, otherCa, server, renewed, selfSigned } = certs;

test("certificates: good for localhost and both loopback addresses", async (t) => {
  for (const pair of [server, renewed]) {
    for (const servername of ["localhost", ""]) await handshake(t, pair, { ca, servername });
  }
  await handshake(t, certs.foreign, { ca: otherCa, servername: "localhost" });
  await handshake(t, selfSigned, { ca: selfSigned.cert, servername: "localhost" });
});

test("certificates: bad as they should be", async (t) => {
  for (const pair of [certs.expired, certs.wrongHost, certs.foreign, selfSigned]) {
    await assertRejects(() => handshake(t, pair, { ca, servername: "localhost" }), Error);
  }
});

test("certificates: pins are those of the keys", async (t) => {
  assertEquals(await handshake(t, server, { ca, servername: "localhost" }), server.pin);
  assertEquals(await handshake(t, renewed, { ca, servername: "localhost" }), renewed.pin);
});

test("certificates: clients of both authorities", async (t) => {
  const asking = { ...server, ca, requestCert: true, rejectUnauthorized: true };
  await handshake(t, asking, { ca, servername: "localhost", ...certs.client });
});

/** Resolves to the pin that the client saw. */
function handshake(t: TestContext, tls: TlsOptions, options: ConnectionOptions): Promise<string> {
  const listener = createServer(
    { minVersion: "TLSv1.3", ...tls },
    (socket) => void socket.on("error", () => {}).resume().end(),
  );
  listener.on("tlsClientError", () => {});
  t.cleanup(() => new Promise((resolve) => listener.close(resolve)));
  return new Promise((resolve, reject) => {
    listener.listen(0, "127.0.0.1", () => {
      const { port } = listener.address() as AddressInfo;
      const socket = connect({ host: "127.0.0.1", port, ...options }, () => {
        const { raw } = socket.getPeerCertificate();
        resolve(spkiPin(raw));
        socket.destroy();
      });
      socket.on("error", (error) => {
        socket.destroy();
        reject(error);
      });
    });
  });
}

// A P-256 SPKI is 91 bytes and begins with this.
const SPKI = [0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

function spkiPin(der: Uint8Array): string {
  const at = der.findIndex((_, i) => SPKI.every((byte, j) => der[i + j] === byte));
  return createHash("sha256").update(der.subarray(at, at + 91)).digest("base64");
}
