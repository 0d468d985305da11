import { assertEquals, assertThrows } from "@std/assert";
import { generateKeyPairSync } from "node:crypto";
import { ConnectError } from "../../../src/adapter/contract.ts";
import { checkAuthority, checkKeyPair } from "../../../src/adapter/tls/identity.ts";
import * as certs from "../../support/certs.ts";
import { test } from "../../support/harness.ts";

const { cert, key } = certs.server;

test("a pair that belongs together passes, as text and as bytes", () => {
  const encoder = new TextEncoder();
  checkKeyPair({ cert, key });
  checkKeyPair({ cert: encoder.encode(`${cert}${certs.ca}`), key: encoder.encode(key) });
  checkAuthority(`${certs.ca}\n${certs.otherCa}`);
});

test("what is broken is named", () => {
  const encrypted = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" },
  }).privateKey;
  const wrong: [{ cert: string; key: string }, string][] = [
    [{ cert: "", key }, "Cannot use the certificate: there is no PEM certificate in it"],
    [{ cert: key, key }, "Cannot use the certificate: there is no PEM certificate in it"],
    [{ cert: `${cert}${broken(certs.ca)}`, key }, "Cannot use the certificate: certificate 2 of 2 in it is broken"],
    [{ cert, key: "" }, "Cannot use the private key: it is not a readable, unencrypted PEM key"],
    [{ cert, key: cert }, "Cannot use the private key: it is not a readable, unencrypted PEM key"],
    [{ cert, key: encrypted }, "Cannot use the private key: it is not a readable, unencrypted PEM key"],
    [
      { cert, key: certs.renewed.key },
      'Cannot use the private key: it does not belong to the certificate "CN=localhost"',
    ],
    // The key belongs to the first certificate, which is the one that is shown.
    [{ cert: `${certs.ca}${cert}`, key }, "it does not belong to the certificate"],
  ];
  for (const [pair, says] of wrong) {
    const error = assertThrows(() => checkKeyPair(pair), ConnectError, says);
    assertEquals((error as ConnectError).kind, "tls");
  }
  assertThrows(() => checkAuthority(""), ConnectError, "Cannot use the authority: there is no PEM certificate in it");
  assertThrows(
    () => checkAuthority(broken(certs.ca)),
    ConnectError,
    "Cannot use the authority: certificate 1 of 1 in it is broken",
  );
});

function broken(pem: string): string {
  return pem.replace(/(-----BEGIN CERTIFICATE-----\n).{20}/, "$1");
}
