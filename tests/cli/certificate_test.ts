import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spkiPin } from "../../src/adapter/tls/certificate.ts";
import { checkKeyPair } from "../../src/adapter/tls/identity.ts";
import { developmentCertificate, selfSigned } from "../../src/cli/certificate.ts";
import { stateFolder } from "../../src/cli/state.ts";
import { test, type TestContext } from "../support/harness.ts";

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "h2pool-"));
  t.cleanup(() => rm(path, { recursive: true }));
  return path;
}

test("certificate: a self-signed one is what a server needs, and no more", () => {
  const identity = selfSigned({ names: ["localhost", "build-7.example", "bad name", "localhost"], now: new Date() });
  checkKeyPair(identity);
  const certificate = new X509Certificate(identity.cert);
  assert(certificate.verify(certificate.publicKey));
  assertEquals(certificate.ca, false);
  assertEquals(certificate.checkHost("localhost"), "localhost");
  assertEquals(certificate.checkHost("build-7.example"), "build-7.example");
  assertEquals(certificate.checkHost("example"), undefined);
  assertEquals(certificate.checkIP("127.0.0.1"), "127.0.0.1");
  assertEquals(certificate.subjectAltName?.match(/DNS:/g)?.length, 2);
  assertNotEquals(
    new X509Certificate(selfSigned({ names: [], now: new Date() }).cert).serialNumber,
    certificate.serialNumber,
  );
});

test("certificate: it is valid from the day before for ten years, also across 2050", () => {
  const years = (now: string): [string, string] => {
    const { validFrom, validTo } = new X509Certificate(selfSigned({ names: [], now: new Date(now) }).cert);
    return [new Date(validFrom).toISOString(), new Date(validTo).toISOString()];
  };
  assertEquals(years("2026-11-20T10:00:00Z"), ["2026-11-19T10:00:00.000Z", "2036-11-19T10:00:00.000Z"]);
  assertEquals(years("2045-01-02T00:00:00Z"), ["2045-01-01T00:00:00.000Z", "2055-01-01T00:00:00.000Z"]);
});

test("certificate: made once in its folder, for its owner only, the same for everybody who asks", async (t) => {
  const state = join(await folder(t), "deep", "state");
  const together = await Promise.all(Array.from({ length: 5 }, () => developmentCertificate(state, {})));
  const later = await developmentCertificate(state, {});
  const found = new Set([...together, later].map(({ cert }) => spkiPin(cert)));
  assertEquals(found.size, 1);
  assertEquals(await readdir(state), ["development.pem"]);
  assertEquals((await stat(later.path)).mode & 0o777, 0o600);
  assertEquals((await stat(state)).mode & 0o777, 0o700);
});

test("certificate: a damaged file is named, not replaced", async (t) => {
  const state = await folder(t);
  await writeFile(join(state, "development.pem"), "half a cert");
  const error = await assertRejects(() => developmentCertificate(state, {}), Error, "development.pem is damaged");
  assert(error.message.includes(state));
});

test("certificate: the state folder is --state, else XDG's, else the home's", () => {
  assertEquals(stateFolder("/given", { XDG_STATE_HOME: "/xdg" }), "/given");
  assertEquals(stateFolder(undefined, { XDG_STATE_HOME: "/xdg" }), join("/xdg", "h2pool"));
  const home = stateFolder(undefined, {});
  assert(home.endsWith(join(".local", "state", "h2pool")), home);
  assertEquals(stateFolder(undefined, { XDG_STATE_HOME: "relative" }), home);
});
