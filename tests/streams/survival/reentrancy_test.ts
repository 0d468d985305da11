// Whatever a listener, a resolver, an `authorize` does to the pool that calls it: nothing breaks. And close() is never held up.
import { assert, assertEquals } from "@std/assert";
import { ClientPool, ServerPool } from "../../../src/streams/mod.ts";
import type { StreamPool } from "../../../src/streams/stream_pool.ts";
import * as certs from "../../support/certs.ts";
import { test } from "../../support/harness.ts";
import { clientTls, realServer, serverTls } from "../support.ts";
import { closes, each, failure, ledger, network, pairOver, quickClient, recovers, until, within } from "./support.ts";
import { echoing } from "./support.ts";

type Act = (pool: StreamPool) => unknown;

const EVENTS = ["connect", "stream", "evict", "disconnect", "error", "resize", "close"] as const;

/** What goes on afterwards. */
const HARMLESS: Record<string, Act> = {
  "takes and aborts": (pool) => pool.incomingGet(0).then((stream) => stream.abort(), () => {}),
  "takes and closes": (pool) => pool.incomingGet(0).then((stream) => stream.close(), () => {}),
  "waits": (pool) => pool.outgoingGet("deadbeef", 10).catch(() => {}),
  "fills": (pool) => pool.filled(1, 50).catch(() => {}),
  "renews": (pool) => pool.renewCertificate(pool instanceof ServerPool ? certs.renewed : { ca: certs.ca }),
  "asks": (pool) => ledgerNow(pool),
  "lets go": (pool) => (pool.unref(), pool.ref(), pool.addError(), pool.resetError()),
};
/** What keeps on happening when it is done each time: done once. */
const ONCE: Record<string, Act> = {
  "flushes": (pool) => pool.flush(),
  "disconnects": (pool) => {
    if (pool instanceof ServerPool) pool.connections().forEach((connection) => pool.disconnect(connection));
    else void pool.incomingGet(0).then((stream) => pool.disconnect(stream.connection), () => {});
  },
};

// In the middle of an event the counters may be about to change.
function ledgerNow(pool: StreamPool): void {
  const { active, inUse, waiting } = pool.stats();
  assert(active >= 0 && inUse >= 0 && waiting >= 0);
}

for (const side of ["client", "server"] as const) {
  test(`reentrancy: what listeners of a ${side} pool do to it breaks nothing`, async (t) => {
    const cases: Record<string, { type: typeof EVENTS[number]; act: Act; once: boolean }> = {};
    for (const type of EVENTS) {
      for (const [name, act] of Object.entries(HARMLESS)) cases[`${type}: ${name}`] = { type, act, once: false };
      for (const [name, act] of Object.entries(ONCE)) cases[`${type}: ${name}`] = { type, act, once: true };
    }
    await each(cases, async ({ type, act, once }) => {
      const server = await realServer(t);
      const net = await network(t, server.addr!.port);
      const client = quickClient(t, net.port, { minCapacity: 2, maxCapacity: 4 });
      const pool = side === "client" ? client : server;
      let times = 0;
      pool.addEventListener(type, () => void (times++ < 200 && act(pool)), { once });
      await client.start();
      await client.filled();
      const [old] = server.connections();
      net.cut();
      await until("the server has seen it", () => !server.connections().includes(old!));
      echoing(server);
      await until("it is back", () => client.stats().reconnects > 0 && client.ready);
      await recovers(client, 15_000);
      await closes(client);
      await closes(server);
      if (type !== "resize" || side === "client") assert(times > 0, "it never happened");
    });
  });

  test(`reentrancy: a listener of a ${side} pool may close it, whenever`, async (t) => {
    await each(Object.fromEntries(EVENTS.map((type) => [type, type])), async (type) => {
      const server = await realServer(t);
      const net = await network(t, server.addr!.port);
      const client = quickClient(t, net.port, { minCapacity: 2, maxCapacity: 4 });
      const pool = side === "client" ? client : server;
      let closing: Promise<void> | undefined;
      pool.addEventListener(type, () => void (closing = pool.close()));
      const started = client.start({ timeout: 1_000 }).catch((error) => error);
      const waiting = started.then(() => client.outgoingGet("deadbeef", 1_000)).catch((error) => error);
      await started;
      await client.filled(1, 1_000).catch(() => {});
      net.reset();
      if (type === "close" || (type === "resize" && side === "server")) await pool.close();
      await until("closed", () => pool.state === "closed");
      await closing;
      assert(["ERR_POOL_CLOSED", "ERR_POOL_TIMEOUT"].includes((await waiting).code));
      ledger(pool);
      await closes(client);
      await closes(server);
    });
  });
}

test("reentrancy: a resolver, headers, a logger and an authorize may close the pool that asks them", async (t) => {
  const server = await realServer(t);
  const address = `127.0.0.1:${server.addr!.port}`;
  const nothing = (): void => {};
  const base = { hostname: "localhost", tls: clientTls };
  const makes: Record<string, (close: () => void) => ClientPool> = {
    resolver: (close) => new ClientPool({ ...base, address: () => (close(), address) }),
    headers: (close) => new ClientPool({ ...base, address, headers: () => (close(), {}) }),
    logger: (close) =>
      new ClientPool({ ...base, address, logger: { debug: nothing, warn: nothing, error: nothing, info: close } }),
  };
  await each(makes, async (make) => {
    const pool: ClientPool = make(() => void pool.close());
    t.cleanup(() => pool.close());
    assertEquals((await failure("start", pool.start())).code, "ERR_POOL_CLOSED");
    await closes(pool);
  });
  const strict: ServerPool = new ServerPool({
    listen: "127.0.0.1:0",
    tls: serverTls,
    authorize: () => (void strict.close(), true),
  });
  t.cleanup(() => strict.close());
  await strict.start();
  const client = quickClient(t, strict.addr!.port);
  await client.start({ timeout: 500 }).catch(() => {});
  await closes(client);
  await closes(strict);
});

test("close: another side that is frozen does not hold it up, whatever is still to be sent", async (t) => {
  await each({ client: "client", server: "server" } as const, async (side) => {
    const { net, server, client } = await pairOver(t);
    const near = await client.incomingGet();
    const far = await server.outgoingGet(near.id);
    const second = await client.incomingGet();
    const secondFar = await server.outgoingGet(second.id);
    net.freeze();
    const writes = [near, far, second, secondFar].map((stream) =>
      stream.write(new Uint8Array(4_000_000)).catch((e) => e)
    );
    near.close();
    far.close();
    const pool = side === "client" ? client : server;
    const began = performance.now();
    await within(4_000, "close", pool.close());
    assert(performance.now() - began < 3_500);
    net.cut();
    for (const error of await Promise.all(writes)) {
      assert(["ERR_STREAM_LOST", "ERR_POOL_CLOSED", "ERR_STREAM_CLOSED"].includes(error.code), String(error));
    }
    await closes(client);
    await closes(server);
  });
});
