import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import { assertEquals, assertRejects, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/adapter/clock.ts";
import { ConnectError } from "../../src/adapter/contract.ts";
import { defaultEngine, supported } from "../../src/adapter/engine.ts";
import { portableEngine } from "../../src/adapter/http2/engine.ts";
import { currentRuntime } from "../../src/adapter/runtime.ts";
import * as certs from "../support/certs.ts";
import { fakeClock } from "../support/clock.ts";
import { parseFrames, show } from "../support/frames.ts";
import { test } from "../support/harness.ts";
import { connecting } from "./contract/setup.ts";
import { tcpServer } from "./tls/support.ts";

test("the portable engine is the default where the runtime is new enough, as it is here", () => {
  assertStrictEquals(defaultEngine, portableEngine);
});

test("on a runtime that is too old every call says so, and nobody tries again", async () => {
  const old = supported(portableEngine, "h2pool needs Node 22.0 or newer: this is 20.20.0");
  const listening = {
    hostname: "127.0.0.1",
    port: 0,
    identity: certs.server,
    clock: systemClock,
    handshakeTimeout: 1,
    maxHandshakes: 1,
    admit: () => true,
    accept: () => connecting(0).handler,
    failed() {},
  };
  for (const call of [() => old.connect(connecting(1)), () => old.listen(listening)]) {
    const error = await assertRejects<Error>(call, ConnectError, "h2pool needs Node 22.0 or newer");
    assertEquals((error as ConnectError).retry, false);
  }
});

test("a client whose certificate is missing or unfit is told so, and does not try again", async (t) => {
  const failed: string[] = [];
  let told: (() => void) | undefined;
  const listener = await portableEngine.listen({
    hostname: "127.0.0.1",
    port: 0,
    identity: { ...certs.server, clientCa: certs.ca },
    clock: systemClock,
    handshakeTimeout: 5_000,
    maxHandshakes: 10,
    admit: () => true,
    accept() {
      throw new Error("nobody may come in");
    },
    failed(_remote, error) {
      failed.push(error.message);
      told?.();
    },
  });
  t.cleanup(() => listener.close());
  const trust = { mode: "verified", ca: certs.ca } as const;
  const shown = [{}, certs.foreignClient, certs.expired, certs.selfSigned, certs.server];
  for (const pair of shown) {
    const options = { ...connecting(listener.addr.port), trust: { ...trust, ...pair } };
    const error = (await assertRejects(() => portableEngine.connect(options), ConnectError)) as ConnectError;
    // Deno has to refuse by itself: it calls the sessions of those whom we refused authorized when they are resumed.
    if (currentRuntime().name !== "deno") assertEquals([error.kind, error.retry], ["client-certificate", false]);
    assertStringIncludes(error.message, "client certificate");
  }
  while (failed.length < shown.length) await new Promise<void>((resolve) => told = resolve);
});

test("a client that was refused and stays is cut with the handshakes, and counts as one until then", async (t) => {
  if (currentRuntime().name === "deno") return;
  const failures: Error[] = [];
  let told: (() => void) | undefined;
  const clock = fakeClock();
  const listener = await portableEngine.listen({
    hostname: "127.0.0.1",
    port: 0,
    identity: { ...certs.server, clientCa: certs.ca },
    clock,
    handshakeTimeout: 900,
    maxHandshakes: 1,
    admit: () => true,
    accept() {
      throw new Error("nobody may come in");
    },
    failed(_remote, error) {
      failures.push(error);
      told?.();
    },
  });
  t.cleanup(() => listener.close());
  const failure = async (): Promise<string> => {
    while (failures.length === 0) await new Promise<void>((resolve) => told = resolve);
    return failures.shift()!.message;
  };
  // What the client does when it reads the end does not come through.
  const deaf = await tcpServer(t, (near) => {
    const far = connectTcp({ host: "127.0.0.1", port: listener.addr.port, allowHalfOpen: true });
    t.cleanup(() => void far.destroy());
    far.on("error", () => {});
    far.on("data", (chunk: Uint8Array) => near.write(chunk));
    near.on("data", (chunk: Uint8Array) => far.write(chunk));
  });
  const stay = connect({ host: "127.0.0.1", port: deaf, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  t.cleanup(() => void stay.destroy());
  stay.on("error", () => {});
  const farewell = new Promise<Uint8Array>((resolve) => stay.once("data", resolve));
  assertEquals(parseFrames(await farewell).map(show), ["GOAWAY 0 12"]);
  const second = connecting(listener.addr.port);
  await assertRejects(() => portableEngine.connect(second), ConnectError);
  assertStringIncludes(await failure(), "1 handshakes are under way");
  clock.advance(900);
  assertStringIncludes(await failure(), "shows no client certificate");
});
