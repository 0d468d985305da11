/** OpenSSL's own server, which refuses with alerts where the servers of the runtimes just hang up; and an impostor. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/adapter/clock.ts";
import { type ClientTrust, ConnectError, type ConnectOptions } from "../../src/adapter/contract.ts";
import { portableEngine } from "../../src/adapter/http2/engine.ts";
import { listen, recorder } from "../adapter/tls/support.ts";
import * as certs from "../support/certs.ts";
import { test, type TestContext } from "../support/harness.ts";
import { program } from "../support/needs.ts";
import { findProgram } from "../support/runtime.ts";
import { spawnProgram } from "../support/spawn.ts";
import { folder } from "./support/files.ts";

const verified: ClientTrust = { mode: "verified", ca: certs.ca };

async function refusal(port: number, trust: ClientTrust): Promise<ConnectError> {
  const options: ConnectOptions = {
    hostname: "127.0.0.1",
    port,
    servername: "localhost",
    trust,
    clock: systemClock,
    timeout: 10_000,
    handler: {
      channel: () => ({ headers() {}, data() {}, end() {}, accepted() {}, close() {} }),
      available() {},
      goaway() {},
      close() {},
    },
  };
  try {
    (await portableEngine.connect(options)).destroy();
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error("connect resolved");
}

async function openssl(t: TestContext, ...args: string[]): Promise<number> {
  const files = ["-cert", certs.certFile("server.pem"), "-key", certs.certFile("server.key")];
  const child = spawnProgram(t, ["openssl", "s_server", "-accept", "127.0.0.1:0", ...files, ...args]);
  const [, port] = await child.out.line(/^ACCEPT .*:(\d+)$/);
  return Number(port);
}

test("openssl: a client certificate that is missing, foreign or expired is refused by alert", {
  needs: program("openssl"),
}, async (t) => {
  const port = await openssl(
    t,
    "-alpn",
    "h2",
    "-Verify",
    "1",
    "-verify_return_error",
    "-CAfile",
    certs.certFile("ca.pem"),
  );
  const none = await refusal(port, verified);
  assertStringIncludes(none.message, "client certificate");
  const shown = [certs.foreignClient, certs.expired];
  const refused = await Promise.all(shown.map((pair) => refusal(port, { ...verified, ...pair })));
  for (const error of [none, ...refused]) {
    // The reset that our preface provokes may overtake the alert.
    if (error.kind !== "reset") assertEquals([error.kind, error.retry], ["client-certificate", false]);
    assertStringIncludes(error.message, "client certificate");
  }
});

test("openssl: TLS 1.2, no HTTP/2, no cipher in common", { needs: program("openssl") }, async (t) => {
  const cases = [
    ["tls-version", ["-tls1_2", "-alpn", "h2"]],
    ["alpn", []],
    ["alpn", ["-alpn", "http/1.1"]],
    ["tls", ["-alpn", "h2", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256"]],
  ] as const;
  for (const [kind, args] of cases) {
    const error = await refusal(await openssl(t, ...args), verified);
    assertEquals([args, error.kind, error.retry], [args, kind, false]);
  }
});

test("openssl: who was checked against the authority of before is not let in by a resumed session", {
  needs: program("openssl"),
}, async (t) => {
  const { listener, port, accepted, failure } = await listen(t, { identity: { ...certs.server, clientCa: certs.ca } });
  const session = join(folder(t), "session.pem");
  const resume = async (...args: string[]): Promise<string> => {
    const pair = ["-cert", certs.certFile("client.pem"), "-key", certs.certFile("client.key")];
    const to = ["-connect", `127.0.0.1:${port}`, "-alpn", "h2", "-ign_eof"];
    const client = spawnProgram(t, ["openssl", "s_client", ...to, ...pair, ...args]);
    await client.exit();
    return /^(New|Reused), TLSv1.3/m.exec(client.out.text)![1]!;
  };
  // Bytes behind the ticket, so that it has been read.
  const serve = async (): Promise<void> => {
    const { transport, handshake } = await accepted();
    handshake.done();
    transport.start(recorder());
    transport.write(Uint8Array.of(1));
    transport.end();
  };
  await Promise.all([resume("-sess_out", session), serve()]);
  // Another certificate of the server changes nothing about its clients.
  listener.renew({ ...certs.renewed, clientCa: certs.ca });
  await Promise.all([resume("-sess_in", session), serve()]);
  listener.renew({ ...certs.server, clientCa: certs.otherCa });
  for (const args of [["-sess_in", session], []]) {
    const outcome = Promise.race([accepted().then(() => "let in"), failure().then(() => "refused")]);
    const gone = resume(...args);
    assertEquals(await outcome, "refused");
    await gone;
  }
});

if (findProgram("go")) {
  // A pin is worth nothing if a copied certificate is enough: the handshake has to prove the key, in either mode.
  test("an impostor with the server's certificate and another key", { timeout: 110_000 }, async (t) => {
    const binary = join(folder(t), "impostor");
    const source = fileURLToPath(new URL("./programs/impostor.go", import.meta.url));
    const build = spawnProgram(t, ["go", "build", "-o", binary, source]);
    assertEquals((await build.exit(100_000)).code, 0, build.err.text);
    const pair = ["server.pem", "renewed.pem", "renewed.key"].map(certs.certFile);
    const child = spawnProgram(t, [binary, ...pair]);
    const [, port] = await child.out.line(/^listening (\d+)$/);
    const pins = [certs.server.pin];
    for (const trust of [verified, { ...verified, pins }, { mode: "insecure" as const, pins }]) {
      const error = await refusal(Number(port), trust);
      assert(error.kind === "tls", error.message);
    }
  });
}
