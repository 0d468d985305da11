import { assert, assertEquals, assertRejects } from "@std/assert";
import { createHash, randomFillSync } from "node:crypto";
import type { TcpConnection } from "../../../src/adapter/tcp.ts";
import { test } from "../../support/harness.ts";
import { runInside } from "../io.ts";
import {
  ALIKE,
  ask,
  echo,
  over,
  runProcess,
  service,
  shown,
  SIDES,
  tunnelClient,
  tunnelServer,
  visit,
  visitInVain,
} from "./tunnel.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

/** Reads to the end; `first` has been read already. */
async function digest(tcp: TcpConnection, first = new Uint8Array()): Promise<{ size: number; sha256: string }> {
  const hash = createHash("sha256").update(first);
  let size = first.length;
  for (let chunk = await tcp.read(); chunk !== null; chunk = await tcp.read()) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, sha256: hash.digest("hex") };
}

async function send(tcp: TcpConnection, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length; at += 65_536) await tcp.write(data.subarray(at, at + 65_536));
  tcp.closeWrite();
}

for (const sides of SIDES) {
  test(`tunnel: many connections at once and one after the other carry what was sent, and half-closes (${shown(sides)})`, async (t) => {
    const server = await tunnelServer(t, over(sides.server, runProcess));
    const { to } = await service(t, echo);
    await tunnelClient(t, over(sides.client, runProcess), server, to);
    const once = async (n: number): Promise<void> => {
      const tcp = await visit(t, server);
      const data = bytes(`visitor ${n} `.repeat(1 + n * 50));
      const sending = send(tcp, data);
      // The echo comes back after the visitor has ended its side: a half-close, or it would be lost.
      assertEquals(await digest(tcp), { size: data.length, sha256: sha256(data) });
      await sending;
      assertEquals(await tcp.closed, undefined);
    };
    await Promise.all(Array.from({ length: 60 }, (_, n) => once(n)));
    for (let n = 0; n < 10; n++) await once(n);
  });
}

for (const sides of SIDES) {
  test(`tunnel: large uploads and downloads together arrive whole (${shown(sides)})`, async (t) => {
    const server = await tunnelServer(t, over(sides.server, runProcess));
    const files = [8_000_001, 1, 0, 3_000_000].map((size) => randomFillSync(new Uint8Array(size)));
    const expected = files.map((file) => ({ size: file.length, sha256: sha256(file) }));
    // The first byte says which file; the rest is an upload. Back come that file, and the upload's digest.
    const { to } = await service(t, async (tcp) => {
      const first = await tcp.read() ?? new Uint8Array(1);
      const file = files[first[0] ?? 0] ?? new Uint8Array();
      const answer = async (): Promise<void> => {
        for (let at = 0; at < file.length; at += 65_536) await tcp.write(file.subarray(at, at + 65_536));
      };
      const [got] = await Promise.all([digest(tcp, first.slice(1)), answer()]);
      await tcp.write(bytes(got.sha256));
      tcp.closeWrite();
    });
    await tunnelClient(t, over(sides.client, runProcess), server, to);
    const transfer = async (index: number, file: Uint8Array): Promise<void> => {
      const tcp = await visit(t, server);
      const parts: Uint8Array[] = [];
      const download = async (): Promise<void> => {
        for (let chunk = await tcp.read(); chunk !== null; chunk = await tcp.read()) parts.push(chunk.slice());
      };
      const upload = async (): Promise<void> => {
        await tcp.write(Uint8Array.of(index));
        await send(tcp, file);
      };
      await Promise.all([upload(), download()]);
      const all = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
      const content = all.subarray(0, all.length - 64);
      assertEquals({ size: content.length, sha256: sha256(content) }, expected[index]);
      assertEquals(new TextDecoder().decode(all.subarray(-64)), expected[index]?.sha256);
    };
    await Promise.all(files.map((file, index) => transfer(index, file)));
  });
}

for (const sides of ALIKE) {
  test(`tunnel: a long interactive connection, and a service that speaks first (${shown(sides)})`, async (t) => {
    const server = await tunnelServer(t, over(sides.server, runInside));
    const { to } = await service(t, async (tcp) => {
      await tcp.write(bytes("welcome"));
      await echo(tcp);
    });
    await tunnelClient(t, over(sides.client, runInside), server, to);
    const tcp = await visit(t, server);
    assertEquals(new TextDecoder().decode((await tcp.read())!), "welcome");
    for (let i = 0; i < 300; i++) assertEquals(await ask(tcp, "k"), "k");
    // Others come and go meanwhile.
    for (let i = 0; i < 5; i++) {
      const other = await visit(t, server);
      other.abort();
    }
    assertEquals(await ask(tcp, "still there"), "still there");
  });
}

for (const sides of SIDES) {
  test(`tunnel: a reset on one side is a reset on the other, both ways, and disturbs nobody else (${shown(sides)})`, async (t) => {
    const server = await tunnelServer(t, over(sides.server, runInside));
    const served: TcpConnection[] = [];
    let arrived = (): void => {};
    const { to } = await service(t, async (tcp) => {
      served.push(tcp);
      arrived();
      if (served.length === 3) await echo(tcp);
    });
    await tunnelClient(t, over(sides.client, runInside), server, to);
    const next = async (): Promise<[TcpConnection, TcpConnection]> => {
      const before = served.length;
      const tcp = await visit(t, server);
      while (served.length === before) await new Promise<void>((resolve) => arrived = resolve);
      return [tcp, served[before]!];
    };
    const [visitor, behind] = await next();
    await visitor.write(bytes("x"));
    assertEquals((await behind.read())?.length, 1);
    visitor.abort();
    await assertRejects(() => behind.read(), Error);

    const [second, service2] = await next();
    await service2.write(bytes("y"));
    assertEquals((await second.read())?.length, 1);
    service2.abort();
    await assertRejects(() => second.read(), Error);

    const [third] = await next();
    assertEquals(await ask(third, "fine"), "fine");
  });
}

test("tunnel: a service that is down closes the public connection at once, and both sides say why", async (t) => {
  const server = await tunnelServer(t, runInside);
  const down = await service(t, echo);
  down.stop();
  const client = await tunnelClient(t, runInside, server, down.to);
  const started = performance.now();
  await visitInVain(t, server);
  const took = performance.now() - started;
  assert(took < 3_000, `closed after ${took} ms`);
  await client.err.line(/cannot reach 127\.0\.0\.1:\d+: .*refused/i);
  await server.child.err.line(/could not serve: cannot reach/);
});
