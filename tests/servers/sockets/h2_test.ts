// HTTP/2 over TLS under reloads: a client that repeats what HTTP/2 says was not looked at (RFC 9113 section 8.7) loses nothing.
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../../src/adapter/clock.ts";
import type { ChannelFault, ChannelHandler, Connection } from "../../../src/adapter/contract.ts";
import { defaultEngine } from "../../../src/adapter/engine.ts";
import * as certs from "../../support/certs.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { freePort, realPool } from "./support.ts";

const tls = { cert: certs.server.cert, key: certs.server.key };

test("HTTP/2: 100 reloads of a server under load lose no request", { timeout: 60_000 }, async (t) => {
  const port = await freePort();
  const config = (round: number) => ({ name: "a", listen: `127.0.0.1:${port}`, tls, idleTimeout: 60_000 + round });
  const pool = realPool(t, { servers: [config(0)], handler: () => new Response("x") });
  await pool.start();
  const client = h2Client(t, port);
  let over = false, answered = 0, seen = 0;
  let next = (): void => {};
  const failures: unknown[] = [];
  const load = Array.from({ length: 4 }, async () => {
    while (!over) {
      const got = await client.get().catch((error) => error);
      if (got !== 200) failures.push(got);
      if (++answered - seen >= 4) next();
    }
  });
  for (let round = 1; round <= 100; round++) {
    const some = new Promise<void>((resolve) => next = resolve);
    seen = answered;
    await Promise.all([pool.reload([config(round)]), some]);
  }
  over = true;
  await Promise.all(load);
  assertEquals(failures, []);
  assert(answered >= 400 && client.connections > 1, `${answered} requests, ${client.connections} connections`);
  const { requests, inFlight, responses } = pool.stats().servers[0]!;
  assertEquals([inFlight, responses], [0, { "2xx": requests }]);
});

interface Client {
  readonly connections: number;
  get(): Promise<number>;
}

function h2Client(t: TestContext, port: number): Client {
  let current: Promise<Connection> | undefined;
  let made = 0;
  const open = new Set<Connection>();
  t.cleanup(() => open.forEach((connection) => connection.destroy()));
  const connect = async (): Promise<Connection> => {
    made++;
    const handler = {
      channel: () => ({ headers() {}, data: () => "used" as const, end() {}, accepted() {}, close() {} }),
      available() {},
      goaway: () => void (current = undefined),
      close: () => {
        current = undefined;
        open.delete(connection);
      },
    };
    const connection = await defaultEngine.connect({
      hostname: "127.0.0.1",
      port,
      servername: "localhost",
      trust: { mode: "verified", ca: certs.ca },
      clock: systemClock,
      timeout: 10_000,
      handler,
    });
    open.add(connection);
    return connection;
  };
  async function get(): Promise<number> {
    for (;;) {
      const connection = await (current ??= connect());
      if (connection.openable === 0) {
        current = undefined;
        continue;
      }
      const got = await ask(connection);
      if (typeof got === "number") return got;
      if (got.kind !== "refused") throw new Error(got.kind);
    }
  }
  return {
    get connections() {
      return made;
    },
    get,
  };
}

function ask(connection: Connection): Promise<number | ChannelFault> {
  return new Promise((resolve) => {
    let status = 0;
    const handler: ChannelHandler = {
      headers: (fields) => void (status = Number(fields[fields.indexOf(":status") + 1])),
      data: () => "used",
      end() {},
      accepted() {},
      close: (fault) => resolve(fault ?? status),
    };
    connection.open([":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/"], handler, "none");
  });
}
