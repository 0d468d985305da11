import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ServerError } from "../../src/servers/mod.ts";
import * as certs from "../support/certs.ts";
import { test } from "../support/harness.ts";
import { failure, problems, world } from "./support.ts";

const own = { cert: certs.server.cert, key: certs.server.key };
const other = { cert: certs.renewed.cert, key: certs.renewed.key };

test("without a certificate an https address or tlsMandatory is refused: no silent plain HTTP", async (t) => {
  const pool = world(t).pool();
  for (const more of [{ tlsMandatory: true }, { expose: "https://a.example" }, { expose: "HTTPS://a.example" }]) {
    const [error] = await problems(() => pool.add({ name: "a", listen: ":8443", ...more }), "ERR_SERVERS_ADD");
    assertEquals([error?.code, error?.path], ["ERR_SERVER_TLS", "tls"]);
  }
  const [error] = await problems(
    () => pool.add({ name: "a", listen: ":8443", tls: { inheritDefault: true } }),
    "ERR_SERVERS_ADD",
  );
  assertEquals([error?.code, error?.path], ["ERR_SERVER_TLS", "tls.inheritDefault"]);
});

test("the pool's certificate is for those that inherit it, or must have one", async (t) => {
  const w = world(t);
  const pool = w.pool({
    tls: own,
    servers: [
      { name: "plain", listen: ":8080" },
      { name: "inherits", listen: ":8081", tls: { inheritDefault: true } },
      { name: "must", listen: ":8082", tlsMandatory: true },
      { name: "own", listen: ":8083", tls: { ...other, inheritDefault: true } },
      { name: "clients", listen: ":8084", tls: { clientCa: certs.ca, inheritDefault: true } },
    ],
  });
  await pool.start();
  assertEquals([0, 1, 2, 3, 4].map((i) => w.http.certificate(8080 + i)), [
    undefined,
    own.cert,
    own.cert,
    other.cert,
    own.cert,
  ]);
  assertEquals(w.http.service(8084).tls?.clientCa, certs.ca);
  assertEquals([w.http.service(8080).protocols, w.http.service(8081).protocols], [["h1"], ["h2", "h1"]]);
  assertEquals([...pool.values()].map(({ expose }) => expose.slice(0, 5)), [
    "http:",
    "https",
    "https",
    "https",
    "https",
  ]);
});

test("a broken certificate is refused by add, its key is never shown", async (t) => {
  const pool = world(t).pool();
  const [error] = await problems(
    () => pool.add({ name: "a", listen: ":8443", tls: { cert: own.cert, key: other.key } }),
    "ERR_SERVERS_ADD",
  );
  assertEquals([error?.code, error?.path], ["ERR_SERVER_TLS", "tls.cert"]);
  assert(!error!.message.includes("BEGIN"));
});

test("a certificate file that is not there fails the start, naming the server", async (t) => {
  const pool = world(t).pool();
  await pool.add({ name: "a", listen: ":8443", tls: { certFile: "/nowhere/c.pem", keyFile: "/nowhere/k.pem" } });
  const [error] = await problems(() => pool.start(), "ERR_SERVERS_START");
  assertEquals([error?.code, error?.server, pool.get("a")!.state], ["ERR_SERVER_TLS", "a", "failed"]);
});

test("a renewed certificate is used at once, and survives a restart", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8443", tls: own }] });
  await pool.start();
  const a = pool.get("a")!;
  a.renewCertificate(other);
  assertEquals([w.http.certificate(8443), w.http.opened.length], [other.cert, 1]);
  await pool.restart();
  assertEquals(w.http.certificate(8443), other.cert);
  const clone = pool.clone();
  await pool.stop();
  await clone.start();
  assertEquals(w.http.certificate(8443), other.cert, "a clone has the certificate of now");
});

test("renewed while stopped, used by the next start", async (t) => {
  const w = world(t);
  const pool = w.pool({ tls: own, servers: [{ name: "a", listen: ":8443", tls: { inheritDefault: true } }] });
  pool.get("a")!.renewCertificate(other);
  await pool.start();
  assertEquals(w.http.certificate(8443), other.cert);
});

test("a broken pair throws at once, and the old one stays", async (t) => {
  const w = world(t);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8443", tls: own }, { name: "plain", listen: ":8080" }] });
  await pool.start();
  const a = pool.get("a")!;
  for (const tls of [{ cert: own.cert, key: other.key }, { cert: own.cert }, { certFile: "/no", keyFile: "/no" }]) {
    const error = assertThrows(() => a.renewCertificate(tls));
    assert(error instanceof ServerError && error.code === "ERR_SERVER_TLS", String(error));
  }
  await pool.restart();
  assertEquals(w.http.certificate(8443), own.cert);
  assertEquals((await failure(() => pool.get("plain")!.renewCertificate(own))).code, "ERR_SERVER_TLS");
});

test("certificate files are watched, and read again at a restart", async (t) => {
  const w = world(t);
  const folder = await mkdtemp(join(tmpdir(), "h2pool-servers-"));
  t.cleanup(() => rm(folder, { recursive: true }));
  const certFile = join(folder, "cert.pem"), keyFile = join(folder, "key.pem");
  const write = async (pair: { cert: string; key: string }): Promise<void> => {
    await writeFile(`${keyFile}.new`, pair.key);
    await writeFile(`${certFile}.new`, pair.cert);
    await rename(`${keyFile}.new`, keyFile);
    await rename(`${certFile}.new`, certFile);
  };
  await write(own);
  const pool = w.pool({ servers: [{ name: "a", listen: ":8443", tls: { certFile, keyFile } }] });
  await pool.start();
  const { http, clock } = w;
  assertEquals(String(http.certificate(8443)), own.cert);
  await write(other);
  while (String(http.certificate(8443)) !== other.cert) {
    await w.turn();
    clock.advance(100);
  }
  await pool.stop();
  await write(own);
  await pool.start();
  assertEquals(String(http.certificate(8443)), own.cert);
});
