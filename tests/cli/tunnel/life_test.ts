import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { test } from "../../support/harness.ts";
import { runInside } from "../io.ts";
import {
  ALIKE,
  ask,
  clientArgs,
  echo,
  over,
  runProcess,
  service,
  shown,
  tunnelClient,
  tunnelServer,
  visit,
  visitInVain,
} from "./tunnel.ts";

for (const sides of ALIKE) {
  test(`tunnel: a server that is killed and started again is found again, with the same pin (${shown(sides)})`, async (t) => {
    const server = await tunnelServer(t, over(sides.server, runProcess));
    const broken = Promise.withResolvers<unknown>();
    const { to } = await service(t, (tcp) => echo(tcp).catch(broken.resolve));
    const client = await tunnelClient(t, over(sides.client, runProcess), server, to);
    const before = await visit(t, server);
    assertEquals(await ask(before, "before"), "before");
    server.child.kill("SIGKILL");
    // What the public sees is up to the system of the dead server; the service must not take it for an end.
    await broken.promise;
    await client.err.line(/connection to .* is gone/);

    const again = await tunnelServer(t, over(sides.server, runProcess), { again: server });
    assertEquals(again.pin, server.pin);
    await again.child.err.line(/client \S+ serves/);
    assertEquals(await ask(await visit(t, again), "after"), "after");
  });
}

for (const sides of ALIKE) {
  test(`tunnel: a client that is killed takes its connections with it, never as an end; new ones wait for the next (${shown(sides)})`, async (t) => {
    const server = await tunnelServer(t, over(sides.server, runProcess));
    const { to } = await service(t, async (tcp) => {
      for (const chunk = new Uint8Array(65_536);;) await tcp.write(chunk);
    });
    const client = await tunnelClient(t, over(sides.client, runProcess), server, to);
    const downloads = await Promise.all(Array.from({ length: 4 }, async () => {
      const tcp = await visit(t, server);
      await tcp.read();
      return tcp;
    }));
    client.kill("SIGKILL");
    for (const tcp of downloads) {
      await assertRejects(async () => {
        while (await tcp.read() !== null);
      }, Error);
    }
    await server.child.err.line(/client \S+ is gone/);

    const waiting = await visit(t, server);
    const { to: other } = await service(t, echo);
    const answer = ask(waiting, "while nobody serves");
    await tunnelClient(t, over(sides.client, runProcess), server, other);
    assertEquals(await answer, "while nobody serves");
  });
}

for (const [where, run] of [["here", runInside], ["in processes", runProcess]] as const) {
  test(`tunnel: Ctrl+C lets the connections of either side finish, and takes none; exit code 0 (${where})`, async (t) => {
    const server = await tunnelServer(t, run, { args: ["--wait", "200ms"] });
    const { to } = await service(t, echo);
    const client = await tunnelClient(t, run, server, to);

    const first = await visit(t, server);
    assertEquals(await ask(first, "one"), "one");
    client.kill("SIGINT");
    await client.err.line(/finishing 1 connection/);
    await server.child.err.line(/takes no more/);
    // Nobody takes new ones now: turned away after --wait.
    await visitInVain(t, server);
    await server.child.err.line(/turned a public connection away: no client serves/);
    assertEquals(await ask(first, "still"), "still");
    first.closeWrite();
    assertEquals(await first.read(), null);
    assertEquals(await client.exit(), { code: 0, signal: null });

    await tunnelClient(t, run, server, to);
    const second = await visit(t, server);
    assertEquals(await ask(second, "two"), "two");
    server.child.kill("SIGTERM");
    await server.child.err.line(/finishing 1 connection/);
    await assertRejects(() => visit(t, server), Error);
    assertEquals(await ask(second, "still"), "still");
    second.closeWrite();
    assertEquals(await second.read(), null);
    assertEquals(await server.child.exit(), { code: 0, signal: null });
    assertMatch(server.child.err.text, /closed: served 2, turned away 1, failed 0/);
  });

  test(`tunnel: a second Ctrl+C cuts what is left, and so does the end of --grace (${where})`, async (t) => {
    const server = await tunnelServer(t, run, { args: ["--grace", "300ms"] });
    const { to } = await service(t, echo);
    const client = await tunnelClient(t, run, server, to);
    const first = await visit(t, server);
    assertEquals(await ask(first, "one"), "one");
    client.kill("SIGINT");
    await client.err.line(/finishing/);
    client.kill("SIGINT");
    await assertRejects(() => first.read(), Error);
    assertEquals(await client.exit(), { code: 130, signal: null });

    await tunnelClient(t, run, server, to);
    const second = await visit(t, server);
    assertEquals(await ask(second, "two"), "two");
    server.child.kill("SIGTERM");
    await assertRejects(() => second.read(), Error);
    assertEquals(await server.child.exit(), { code: 0, signal: null });
  });
}

test("tunnel: of two clients each gets its share; when one goes the other has all", async (t) => {
  const server = await tunnelServer(t, runInside);
  const names = ["a", "b"];
  const services = await Promise.all(names.map((name) =>
    service(t, async (tcp) => {
      await tcp.write(new TextEncoder().encode(name));
      await echo(tcp);
    })
  ));
  const [first] = [
    await tunnelClient(t, runInside, server, services[0]!.to),
    await tunnelClient(t, runInside, server, services[1]!.to),
  ];
  const visitors = await Promise.all(Array.from({ length: 6 }, () => visit(t, server)));
  const got = await Promise.all(visitors.map(async (tcp) => new TextDecoder().decode((await tcp.read())!)));
  assertEquals(got.sort(), ["a", "a", "a", "b", "b", "b"]);
  first.kill("SIGINT");
  first.kill("SIGINT");
  await server.child.err.line(/is gone/);
  for (let i = 0; i < 3; i++) {
    const tcp = await visit(t, server);
    assertEquals(new TextDecoder().decode((await tcp.read())!), "b");
  }
});

test("tunnel: the queue, the limits and the idle timeout turn away or cut, and say so", async (t) => {
  const limits = ["--wait", "30s", "--queue", "1", "--max-connections", "3", "--max-connections-per-address", "2"];
  const server = await tunnelServer(t, runInside, { args: [...limits, "--idle-timeout", "400ms"] });
  const waiting = await visit(t, server);
  const answer = ask(waiting, "patience");
  await visitInVain(t, server);
  await server.child.err.line(/turned a public connection away: no client serves, 1 wait already/);

  const { to } = await service(t, echo);
  await tunnelClient(t, runInside, server, to);
  assertEquals(await answer, "patience");
  const third = await visit(t, server);
  assertEquals(await ask(third, "third"), "third");
  await visitInVain(t, server);
  await server.child.err.line(/too many from 127\.0\.0\.1/);

  // Kept alive by bytes; without them cut.
  for (const until = performance.now() + 800; performance.now() < until;) assertEquals(await ask(third, "."), ".");
  await assertRejects(() => waiting.read(), Error);
  await assertRejects(() => third.read(), Error);
});

test("tunnel: a client that starts before its server waits for it", async (t) => {
  const server = await tunnelServer(t, runInside);
  const { to } = await service(t, echo);
  server.child.kill("SIGINT");
  await server.child.exit();
  const client = runInside(t, ...clientArgs(server, to));
  await client.err.line(/refused/i);
  const again = await tunnelServer(t, runInside, { again: server });
  await again.child.err.line(/client \S+ serves/);
  assertEquals(await ask(await visit(t, again), "at last"), "at last");
  assert(!client.err.text.includes("h2pool:"));
});
