import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { systemClock } from "../../src/adapter/clock.ts";
import { ConnectError } from "../../src/adapter/contract.ts";
import { defaultEngine, supported } from "../../src/adapter/engine.ts";
import { portableEngine } from "../../src/adapter/http2/engine.ts";
import * as certs from "../support/certs.ts";
import { test } from "../support/harness.ts";
import { connecting } from "./contract/setup.ts";

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
