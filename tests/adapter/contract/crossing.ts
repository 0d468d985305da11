/** A client here against servers in processes of their own on Deno, Bun and Node: run by each of the three, all nine pairs. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import type { Connection, Engine, Fields } from "../../../src/adapter/contract.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { linux, runtime } from "../../support/needs.ts";
import type { RuntimeName } from "../../support/runtime.ts";
import { type Child, spawnRuntime } from "../../support/spawn.ts";
import { connect, type ConnectionEar, type Ear, ear, pattern, post, same, writeAll } from "./setup.ts";

const SERVERS: readonly RuntimeName[] = ["deno", "bun", "node24"];

/** The engine of the client here, and the one that the server's process takes. */
export interface CrossEngines {
  readonly client: Engine;
  readonly server: Engine;
}

interface Peer {
  readonly child: Child;
  readonly connection: Connection;
  readonly connectionEar: ConnectionEar;
  open(path: string, options?: { more?: string[]; body?: "none"; read?: "keep" }): { channel: Channel; ear: Ear };
}
type Channel = ReturnType<Connection["open"]>;

async function start(t: TestContext, name: RuntimeName, { client, server }: CrossEngines): Promise<Peer> {
  const child = spawnRuntime(t, name, new URL("../peer_program.ts", import.meta.url), [server.name]);
  const [, port] = await child.out.line(/^listening (\d+)$/);
  const { connection, ear: connectionEar } = await connect(t, { client, server }, Number(port));
  return {
    child,
    connection,
    connectionEar,
    open(path, { more = [], body, read } = {}) {
      const handler = ear(read === undefined ? {} : { read });
      const channel = connection.open(post(path, ...more), handler, body);
      handler.channel = channel;
      return { channel, ear: handler };
    },
  };
}

/** Makes the tests of every runtime's server; `title` stands before each. */
export function crossContract(title: string, engines: CrossEngines): void {
  for (const name of SERVERS) crossTests(title, name, engines);
}

function crossTests(title: string, name: RuntimeName, engines: CrossEngines): void {
  test(`${title}: a server on ${name}: bytes both ways, alone and 100 at once`, { needs: runtime(name) }, async (t) => {
    const { open } = await start(t, name, engines);
    const one = async (length: number, seed: number): Promise<void> => {
      const data = pattern(length, seed);
      const { channel, ear } = open("/echo");
      await writeAll(channel, ear, data);
      assertEquals(await ear.gone, undefined);
      assert(same(ear.bytes(), data), `${length} bytes came back different`);
    };
    await one(5_000_000, 1);
    await Promise.all(Array.from({ length: 100 }, (_, i) => one(20_000 + i, i)));

    const data = pattern(5_000_000, 2);
    const up = open("/hash");
    await writeAll(up.channel, up.ear, data);
    await up.ear.gone;
    assertEquals(up.ear.text(), createHash("sha256").update(data).digest("hex"));
    const down = open("/bytes/5000000", { body: "none" });
    await down.ear.gone;
    assert(same(down.ear.bytes(), pattern(5_000_000)));
  });

  test(`${title}: a server on ${name}: headers, trailers, resets, windows`, { needs: runtime(name) }, async (t) => {
    const { open, connection } = await start(t, name, engines);
    const big: Fields = Array.from({ length: 60 }, (_, i) => [`x-${i}`, "v".repeat(800)]).flat();
    const headers = open("/headers", { more: [...big], body: "none" });
    await headers.ear.gone;
    const size = post("/headers", ...big).join("").length;
    assertEquals(headers.ear.fields, [":status", "200", "x-size", String(size), "x-back", "v".repeat(800)]);

    const trailers = open("/trailers");
    trailers.channel.write(pattern(10));
    trailers.channel.end(["x-sum", "10"]);
    await trailers.ear.gone;
    assertEquals(trailers.ear.log, ["informational", "response", "trailers", "end", "close"]);
    assertEquals(trailers.ear.trailers, ["x-sum", "10", "x-more", "1"]);

    const reset = await open("/reset/11").ear.gone;
    assertEquals(reset?.kind === "reset" && [reset.by, reset.code], ["peer", 11]);
    assertEquals((await open("/reset/7").ear.gone)?.kind, "refused");

    const unread = open("/unread");
    assertEquals(unread.channel.write(pattern(1_000_000)), false);
    const echo = open("/echo");
    await writeAll(echo.channel, echo.ear, pattern(1_000_000));
    await echo.ear.gone;
    assertEquals([unread.ear.log, unread.channel.sendWindow], [[], 0]);
    unread.channel.reset();
    await connection.ping(10_000);
    const faults = open("/faults", { body: "none" });
    await faults.ear.gone;
    assert(faults.ear.text().includes("unread reset"), faults.ear.text());

    const kept = open("/bytes/200000", { read: "keep" });
    await kept.ear.until(() => kept.ear.received === 65_536);
    await connection.ping(10_000);
    assertEquals(kept.ear.received, 65_536);
    kept.channel.grow(200_000);
    await kept.ear.ended;
    assert(same(kept.ear.bytes(), pattern(200_000)));
  });

  test(`${title}: a server on ${name}: GOAWAY lets streams in use finish`, { needs: runtime(name) }, async (t) => {
    const { open, connection, connectionEar } = await start(t, name, engines);
    const echo = open("/echo"), goaway = open("/goaway");
    await connectionEar.until(() => connectionEar.goaways.length > 0);
    assertEquals([connection.openable, connectionEar.goaways[0]?.code], [0, 0]);
    for (const { channel, ear } of [echo, goaway]) {
      await writeAll(channel, ear, pattern(300_000));
      assertEquals(await ear.gone, undefined);
      assertEquals(ear.received, 300_000);
    }
    assertEquals(await connectionEar.gone, undefined);
  });

  test(
    `${title}: a server on ${name} that freezes, thaws, and is killed`,
    { needs: [runtime(name), linux] },
    async (t) => {
      const { child, open, connection, connectionEar } = await start(t, name, engines);
      const { channel, ear } = open("/echo");
      channel.write(pattern(10));
      await ear.until(() => ear.received === 10);

      child.kill("SIGSTOP");
      await assertRejects(() => connection.ping(100), Error);
      // Bounded by the window, however long it takes.
      assertEquals(channel.write(pattern(10_000_000)), false);
      assertEquals([ear.closed, connectionEar.log], [false, []]);
      child.kill("SIGCONT");
      await connection.ping(10_000);
      await ear.until(() => ear.accepts === 1);
      await ear.until(() => ear.received === 10_000_010);

      const cut = open("/bytes/10000000", { read: "keep", body: "none" });
      await cut.ear.until(() => cut.ear.received > 0);
      child.kill("SIGKILL");
      for (const one of [ear, cut.ear]) {
        const fault = await one.gone;
        assertEquals([fault?.kind, one.log.includes("end")], ["lost", false]);
        assert(fault?.kind === "lost" && fault.cause instanceof Error);
      }
      assert((await connectionEar.gone) instanceof Error);
      assertEquals([connection.channels, connection.openable], [0, 0]);
    },
  );

  test(`${title}: a server on ${name} that is killed while frozen`, { needs: [runtime(name), linux] }, async (t) => {
    const { child, open, connectionEar } = await start(t, name, engines);
    const { channel, ear } = open("/unread");
    child.kill("SIGSTOP");
    assertEquals(channel.write(pattern(10_000_000)), false);
    child.kill("SIGKILL");
    assertEquals((await ear.gone)?.kind, "lost");
    assert((await connectionEar.gone) instanceof Error);
  });
}
