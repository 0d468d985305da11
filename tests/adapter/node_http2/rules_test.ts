// The faults of each runtime's `node:http2` (`programs/bare.ts` shows them, in a process of its own), and the rule that keeps
// each away from the engine's owner. What kills the process is in `survival_test.ts`, what the contract promises in its suite.
import { assert, assertEquals } from "@std/assert";
import { PlatformChannel } from "../../../src/adapter/node_http2/channel.ts";
import { platformEngineOver } from "../../../src/adapter/node_http2/engine.ts";
import { currentRules, type Rules, rulesOf } from "../../../src/adapter/node_http2/rules.ts";
import type { Session } from "../../../src/adapter/node_http2/session.ts";
import { dial } from "../../../src/adapter/tls/dial.ts";
import { listenTls } from "../../../src/adapter/tls/listen.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { currentRuntime, type RuntimeName } from "../../support/runtime.ts";
import { spawnRuntime } from "../../support/spawn.ts";
import { rawConnection } from "../contract/connecting.ts";
import {
  frame,
  HEADERS,
  headers,
  PING,
  PREFACE,
  rawClient,
  request,
  RST_STREAM,
  settings,
  settingsAck,
  words,
} from "../contract/raw_peer.ts";
import { type Ear, ear, echo, ends, type Engines, listen, ok, pattern, post, writeAll } from "../contract/setup.ts";

const runtime = currentRuntime();

function engines(change: Partial<Rules> = {}): Engines {
  const engine = platformEngineOver({ dial, listen: listenTls }, { ...currentRules, ...change });
  return { client: engine, server: engine };
}

/** What `node:http2` itself makes of it, in the runtime that runs this. */
async function bare(t: TestContext, trigger: string): Promise<string> {
  const child = spawnRuntime(t, runtime, new URL("./programs/bare.ts", import.meta.url), [trigger]);
  const [, result = ""] = await child.out.line(/^result (.*)$/);
  await child.exit();
  return result;
}

function is(...names: RuntimeName[]): boolean {
  return names.includes(runtime);
}

test("A1: a stream that is cut tells of `end` and of no error; ours never does", async (t) => {
  const events = (await bare(t, "cut")).split(",");
  assertEquals([events.includes("end"), events.includes("error")], [true, false]);
  const { peer, connection } = await rawConnection(t, engines());
  for (const code of [0, 8]) {
    const handler = ear();
    const { id } = connection.open(post("/"), handler);
    await peer.frame(HEADERS);
    peer.send(headers(id, ok), frame(0, 0, id, pattern(50)), frame(RST_STREAM, 0, id, words(code)));
    const fault = await handler.gone;
    assertEquals([fault?.kind, handler.received, handler.log], ["reset", 50, ["response", "data", "close"]]);
  }
});

test("data before the response that came before it: Deno's; ours keeps the order of the wire", async (t) => {
  const events = (await bare(t, "cut")).split(",");
  assertEquals(events.indexOf("data") < events.indexOf("response"), is("deno"));
  const { peer, connection } = await rawConnection(t, engines());
  const handler = ear();
  connection.open(post("/"), handler);
  await peer.frame(HEADERS);
  peer.send(headers(1, [":status", "103"]), headers(1, ok), frame(0, 0, 1, pattern(50)), headers(1, ["x-sum", "1"], 5));
  await handler.ended;
  assertEquals(handler.log, ["informational", "response", "data", "trailers", "end"]);
});

/** Answered streams that the client gives up, one after the other; how many before the connection ended. */
async function burst(t: TestContext, change: Partial<Rules>): Promise<number> {
  const { port, request: next, connection } = await listen(t, engines(change));
  const peer = await rawClient(t, port);
  peer.send(PREFACE, settings, settingsAck);
  const { ear: connectionEar } = await connection();
  let over = false;
  void connectionEar.gone.then(() => over = true);
  const batch = Array.from({ length: 50 }, (_, i) => 1 + 2 * i);
  for (let done = 0; done < 1_500; done += batch.length) {
    const ids = batch.map((id) => id + 2 * done);
    peer.send(...ids.map((id) => headers(id, request)));
    for (let i = 0; i < ids.length; i++) {
      const one = await Promise.race([next(), connectionEar.gone.then(() => undefined)]);
      if (one === undefined) return done + i;
      one.channel.respond(ok);
    }
    peer.send(...ids.map((id) => frame(RST_STREAM, 0, id, words(8))));
  }
  peer.send(frame(PING, 0, 0, words(1, 2)));
  await peer.frame(PING);
  return over ? -1 : 1_500;
}

test("A2: about 1,000 RST_STREAM end a session that sees them; ours does not", { timeout: 60_000 }, async (t) => {
  assertEquals(await burst(t, {}), 1_500);
  const shown = await burst(t, { endings: "shown" });
  assert(shown >= 900 && shown < 1_500, `${shown} streams`);
});

async function bothWays(t: TestContext, change: Partial<Rules>, megabytes: number): Promise<number> {
  const large = { window: 64 << 20 };
  const { pair } = await ends(t, engines(change), { settings: large, clientSettings: large });
  const { near, nearEar, far, farEar } = await pair();
  far.respond(ok);
  const data = new Uint8Array(1 << 20);
  const pump = async (channel: typeof near, handler: Ear): Promise<void> => {
    for (let i = 0; i < megabytes && !handler.closed; i++) {
      const { accepts } = handler;
      if (!channel.write(data)) await handler.until(() => handler.accepts > accepts || handler.closed);
    }
    if (!handler.closed) channel.end();
  };
  await Promise.all([pump(near, nearEar), pump(far, farEar)]);
  await Promise.all([nearEar.gone, farEar.gone]);
  return nearEar.received + farEar.received;
}

test("N1: two-way bulk with large windows stalls between two Nodes below 26; ours goes through", {
  timeout: 60_000,
}, async (t) => {
  assertEquals(await bare(t, "bulk"), is("node22", "node24") ? "stalled" : "whole");
  assertEquals(await bothWays(t, {}, 40), 80 << 20);
});

test("B1: a large connection window stalls Bun after one stream window; ours goes through", {
  timeout: 60_000,
}, async (t) => {
  assertEquals(await bare(t, "narrow"), is("bun") ? "stalled" : "whole");
  const { open } = await ends(t, engines(), { onChannel: echo });
  const { channel, ear: handler } = open();
  await writeAll(channel, handler, pattern(5_000_000));
  assertEquals([await handler.gone, handler.received], [undefined, 5_000_000]);
});

test("the session's own connection window is out of the way: else a burst of more ends it", async (t) => {
  const burst = async (change: Partial<Rules>): Promise<string> => {
    const large = { window: 1 << 20 };
    const { pair } = await ends(t, engines(change), { settings: large, clientSettings: large });
    const { near, nearEar, far, farEar } = await pair({ read: "keep" });
    far.respond(ok);
    far.write(pattern(900_000));
    near.write(pattern(900_000));
    const whole = (one: Ear): boolean => one.received === 900_000 || one.closed;
    await Promise.all([nearEar.until(() => whole(nearEar)), farEar.until(() => whole(farEar))]);
    return nearEar.closed || farEar.closed ? "ended" : "whole";
  };
  assertEquals(await burst({}), "whole");
  // Node below 26 reads 16 KiB at a time, and has given it back before it reads more.
  assertEquals(await burst({ connectionWindow: undefined }), is("node22", "node24") ? "whole" : "ended");
});

test("an end without GOAWAY is told with the code that it has to be", async (t) => {
  const codes: (number | undefined)[] = [];
  for (const change of [{}, { silentEnd: 77 }]) {
    const { port, connection } = await listen(t, engines(change));
    const peer = await rawClient(t, port);
    peer.send(PREFACE, settings, frame(HEADERS, 4, 1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
    const { ear: connectionEar } = await connection();
    codes.push(((await connectionEar.gone) as Error & { code?: number }).code);
  }
  assertEquals(codes, is("bun") ? [9, 77] : [9, 9]);
});

test("nothing of the runtime's is ended or destroyed inside of a callback of it", async () => {
  for (const [rule, deferred] of [["at once", false], ["deferred", true]] as const) {
    const calls: string[] = [];
    const session = {
      client: true,
      settings: { window: 1 },
      peerWindow: 1,
      rules: { ...currentRules, end: rule, destroy: rule },
      pings: { endOwed() {} },
    } as unknown as Session;
    const channel = new PlatformChannel(session, 1, ear(), 256);
    const native = { on() {}, end: () => calls.push("end"), destroy: () => calls.push("destroy") };
    channel.attach(native as unknown as Parameters<PlatformChannel["attach"]>[0]);
    channel.end();
    channel.release();
    assertEquals(calls, deferred ? [] : ["end", "destroy"]);
    await new Promise((resolve) => setImmediate(resolve));
    assertEquals(calls, ["end", "destroy"]);
  }
  assertEquals(
    (["node", "deno", "bun"] as const).map((name) => rulesOf({ name }).destroy),
    [
      "deferred",
      "deferred",
      "deferred",
    ],
  );
  assertEquals(rulesOf({ name: "deno" }).end, "deferred");
});

test("a session that is destroyed in any callback, with more to come, takes nothing with it", async (t) => {
  for (const moment of ["channel", "data", "end"] as const) {
    const { port, connection } = await listen(t, engines(), {
      onChannel() {
        // Of the connection that was accepted last.
        if (moment === "channel") cut();
        return ear({ on: (event) => void (event === moment && cut()) });
      },
    });
    const peer = await rawClient(t, port);
    peer.send(PREFACE, settings, settingsAck);
    const accepted = await connection();
    const cut = (): void => accepted.connection.destroy(new Error(moment));
    const body = pattern(16_000);
    peer.send(
      ...[1, 3, 5].flatMap((id) => [headers(id, request), frame(0, 0, id, body), frame(0, 1, id, body)]),
    );
    assertEquals((await accepted.ear.gone)?.message, moment);
    await peer.closed;
  }
});
