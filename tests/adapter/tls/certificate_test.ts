import { assertEquals, assertThrows } from "@std/assert";
import { createHash, X509Certificate } from "node:crypto";
import { isPin, pemCertificates, spkiPin } from "../../../src/adapter/tls/certificate.ts";
import * as certs from "../../support/certs.ts";
import { test } from "../../support/harness.ts";

test("spkiPin is what openssl computes", () => {
  for (const { cert, pin } of [certs.server, certs.renewed, certs.foreign, certs.selfSigned]) {
    assertEquals(spkiPin(cert), pin);
  }
});

test("spkiPin takes PEM as text and as bytes, with text around it, and DER", () => {
  const { cert, pin } = certs.server;
  const bytes = new TextEncoder().encode(cert);
  const der = new Uint8Array(new X509Certificate(cert).raw);
  for (const form of [bytes, `Subject: x\n${cert}`, `${cert}\n${certs.ca}`, cert.replaceAll("\n", "\r\n"), der]) {
    assertEquals(spkiPin(form), pin);
  }
});

test("spkiPin of a version 1 certificate, which has no version field", () => {
  // Certificate { tbs { serial 1, signature {}, issuer {}, validity {}, subject {}, spki { 1, 2 } } }, padded to a long length.
  const spki = [0x30, 0x02, 0x05, 0x00];
  const padding = [0x04, 0x81, 0x80, ...new Array(128).fill(0)];
  const tbs = [0x02, 0x01, 0x01, 0x30, 0x00, 0x30, 0x00, 0x30, 0x00, 0x30, 0x00, ...spki, ...padding];
  const body = [0x30, 0x81, tbs.length, ...tbs];
  const der = Uint8Array.from([0x30, 0x81, body.length, ...body]);
  assertEquals(spkiPin(der), createHash("sha256").update(Uint8Array.from(spki)).digest("base64"));
});

test("spkiPin of anything else throws", () => {
  const der = new X509Certificate(certs.server.cert).raw;
  for (const wrong of ["", "nonsense", certs.server.key, new Uint8Array(0), new Uint8Array(40), der.subarray(0, 150)]) {
    assertThrows(() => spkiPin(wrong), TypeError, "Cannot read the certificate");
  }
});

test("isPin", () => {
  assertEquals([certs.server.pin, certs.renewed.pin].map(isPin), [true, true]);
  const { pin } = certs.server;
  const wrong = [
    "",
    pin.slice(1),
    pin.slice(0, -1),
    `${pin}\n`,
    `sha256/${pin}`,
    `${"A".repeat(42)}B=`,
    pin.replace(/.$/, "A"),
  ];
  assertEquals(wrong.map(isPin), wrong.map(() => false));
});

test("pemCertificates finds every certificate and nothing else", () => {
  const { cert, key } = certs.server;
  assertEquals(pemCertificates(`${key}\n${cert}\nnote\n${certs.ca}`).length, 2);
  assertEquals(pemCertificates(key), []);
});
