// Fault 8: a 404 or 403 body is pooled as an id.
import { assertEquals, assertMatch } from "@std/assert";
import { test } from "../../support/harness.ts";
import { portableEngine } from "../../../src/adapter/http2/engine.ts";
import { systemClock } from "../../../src/adapter/clock.ts";
import { bytes, oddHandler, oddServer, type OddStream, realClient, rejects } from "../support.ts";

const refuse = (status: string) => ({ channel }: OddStream): void => {
  channel.respond([":status", status, "content-type", "text/plain; charset=utf-8"]);
  channel.write(bytes(status === "404" ? "404 page not found\n" : "Forbidden\n"));
  channel.end();
};

test("fault 8: a 404 with a body is a full server, not a stream", async (t) => {
  const streams: OddStream[] = [];
  const listener = await oddServer(t, portableEngine, systemClock, () => oddHandler(streams, refuse("404")));
  const client = realClient(t, listener.addr.port);
  await client.start();
  await rejects(client.incomingGet({ timeout: 200 }), "ERR_POOL_TIMEOUT");
  assertEquals(client.stats().created, 0);
  assertEquals(client.active, 0);
});

test("fault 8: a 403 with a body is ERR_POOL_FORBIDDEN, not a stream", async (t) => {
  const listener = await oddServer(t, portableEngine, systemClock, () => oddHandler([], refuse("403")));
  const client = realClient(t, listener.addr.port);
  const error = await rejects(client.start(), "ERR_POOL_FORBIDDEN");
  assertMatch(error.message, /403/);
  assertEquals(client.stats().created, 0);
});
