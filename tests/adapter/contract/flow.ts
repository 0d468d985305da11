/** Windows and backpressure. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { test } from "../../support/harness.ts";
import { echo, ends, type Engines, ok, pattern, same, settled, writeAll } from "./setup.ts";

export function flowContract(name: string, engines: Engines): void {
  test(`${name}: a stream that nobody consumes takes its window and no more`, async (t) => {
    const { pair, client } = await ends(t, engines, { settings: { window: 50_000 }, ear: { read: "keep" } });
    const { near, nearEar, far, farEar } = await pair();
    assertEquals(near.sendWindow, 50_000);
    assertEquals(near.write(pattern(80_000)), false);
    await farEar.until(() => farEar.received === 50_000);
    await settled(client);
    assertEquals([farEar.received, near.sendWindow, nearEar.accepts], [50_000, 0, 0]);
    far.consume(50_000);
    await farEar.until(() => farEar.received === 80_000);
    await nearEar.until(() => nearEar.accepts === 1);
    assert(same(farEar.bytes(), pattern(80_000)));
  });

  test(`${name}: the same towards the client`, async (t) => {
    const { pair, client } = await ends(t, engines, { clientSettings: { window: 50_000 } });
    const { near, nearEar, far, farEar } = await pair({ read: "keep" });
    far.respond(ok);
    assertEquals(far.write(pattern(80_000)), false);
    await nearEar.until(() => nearEar.received === 50_000);
    await settled(client);
    assertEquals([nearEar.received, far.sendWindow], [50_000, 0]);
    near.consume(50_000);
    await nearEar.until(() => nearEar.received === 80_000);
    await farEar.until(() => farEar.accepts === 1);
  });

  test(`${name}: what is consumed in small pieces comes back in batches, all of it in the end`, async (t) => {
    const { pair } = await ends(t, engines, { settings: { window: 1_000 } });
    const { near, nearEar, farEar } = await pair();
    const data = pattern(50_000);
    await writeAll(near, nearEar, data, 700);
    await farEar.ended;
    assert(same(farEar.bytes(), data));
  });

  test(`${name}: consuming more than came is refused`, async (t) => {
    const { pair } = await ends(t, engines, { ear: { read: "keep" } });
    const { near, far, farEar } = await pair();
    near.write(pattern(100));
    await farEar.until(() => farEar.received === 100);
    assertThrows(() => far.consume(101), RangeError);
    assertThrows(() => far.consume(-1), RangeError);
    far.consume(100);
    assertThrows(() => far.consume(1), RangeError);
  });

  test(`${name}: grow enlarges the window for good`, async (t) => {
    const { pair, client } = await ends(t, engines, { settings: { window: 10_000 }, ear: { read: "keep" } });
    const { near, far, farEar } = await pair();
    far.grow(40_000);
    await settled(client);
    assertEquals(near.sendWindow, 50_000);
    assertEquals(near.write(pattern(120_000)), false);
    for (const received of [50_000, 100_000]) {
      await farEar.until(() => farEar.received === received);
      await settled(client);
      assertEquals(farEar.received, received);
      far.consume(50_000);
    }
    await farEar.until(() => farEar.received === 120_000);
  });

  test(`${name}: a window of one byte`, async (t) => {
    const one = { window: 1 };
    const { open } = await ends(t, engines, { onChannel: echo, settings: one, clientSettings: one });
    const { channel, ear } = open();
    await writeAll(channel, ear, pattern(300), 100);
    assertEquals(await ear.gone, undefined);
    assert(same(ear.bytes(), pattern(300)));
  });

  test(`${name}: streams that nobody reads hold up neither another stream nor the connection`, async (t) => {
    const { pair, open, request, client } = await ends(t, engines, {
      settings: { window: 1 << 20 },
      ear: { read: "keep" },
    });
    // Far more than any default connection window.
    for (let i = 0; i < 20; i++) {
      const { near, farEar } = await pair();
      near.write(pattern(1 << 20));
      await farEar.until(() => farEar.received === 1 << 20);
    }
    const { channel } = open();
    const { ear } = await request();
    channel.write(pattern(1_000));
    channel.end();
    await ear.ended;
    await client.ping(5_000);
  });

  test(`${name}: writing to a peer that does not read is bounded, and goes on when it does`, async (t) => {
    const { pair, client } = await ends(t, engines, { settings: { window: 100_000 }, ear: { read: "keep" } });
    const streams = await Promise.all(Array.from({ length: 20 }, () => pair()));
    const before = client.bytesOut;
    const data = pattern(1 << 20);
    for (const { near } of streams) assertEquals(near.write(data), false);
    await Promise.all(streams.map(({ farEar }) => farEar.until(() => farEar.received === 100_000)));
    await settled(client);
    const out = client.bytesOut - before;
    assert(out >= 2_000_000 && out < 2_100_000, `${out} bytes`);
    for (const { nearEar } of streams) assertEquals(nearEar.accepts, 0);
    const read = async ({ far, farEar }: (typeof streams)[number]): Promise<void> => {
      let consumed = 0;
      while (farEar.received < data.length) {
        const { received } = farEar;
        far.consume(received - consumed);
        consumed = received;
        await farEar.until(() => farEar.received > received);
      }
      assert(same(farEar.bytes(), data));
    };
    await Promise.all(streams.map(read));
    for (const { nearEar } of streams) await nearEar.until(() => nearEar.accepts === 1);
  });

  test(`${name}: after a write that returned true the buffer is the caller's again`, async (t) => {
    const { pair } = await ends(t, engines);
    const { near, farEar } = await pair();
    const buffer = pattern(1_000);
    assertEquals(near.write(buffer), true);
    buffer.fill(0);
    await farEar.until(() => farEar.received === 1_000);
    assert(same(farEar.bytes(), pattern(1_000)));
  });

  test(`${name}: after accepted the buffer is the caller's again`, async (t) => {
    const { pair } = await ends(t, engines, { settings: { window: 100_000 } });
    const { near, nearEar, farEar } = await pair();
    const size = 500_000, buffer = pattern(size);
    for (let round = 0; round < 4; round++) {
      buffer.set(pattern(size, round));
      const accepts = nearEar.accepts;
      assertEquals(near.write(buffer), false);
      await nearEar.until(() => nearEar.accepts === accepts + 1);
      buffer.fill(0);
    }
    near.end();
    await farEar.ended;
    const all = farEar.bytes();
    for (let round = 0; round < 4; round++) {
      assert(same(all.subarray(round * size, (round + 1) * size), pattern(size, round)), `round ${round}`);
    }
  });

  test(`${name}: what was delivered is never written to again`, async (t) => {
    const { open } = await ends(t, engines, { onChannel: echo });
    const { channel, ear } = open();
    const data = pattern(3_000_000, 5);
    await writeAll(channel, ear, data, 50_000);
    await ear.gone;
    // `ear` kept every chunk while the later ones came.
    assert(same(ear.bytes(), data));
  });

  test(`${name}: accepted comes once for each write that returned false, and writing in it works`, async (t) => {
    const { open } = await ends(t, engines, {
      onChannel: echo,
      settings: { window: 10_000 },
      clientSettings: { window: 10_000 },
    });
    let left = 20, taken = 0;
    const { channel, ear } = open({
      on(event) {
        if (event !== "accepted") return;
        while (--left > 0) {
          if (!channel.write(pattern(9_000, left))) return;
          taken++;
        }
        channel.end();
      },
    });
    assertEquals(channel.write(pattern(30_000)), false);
    await ear.gone;
    assertEquals([ear.received, ear.accepts + taken], [30_000 + 19 * 9_000, 20]);
  });

  test(`${name}: a stream in bulk does not starve a small one`, async (t) => {
    const settings = { window: 1 << 20 };
    const { open } = await ends(t, engines, { onChannel: echo, settings, clientSettings: settings });
    const bulk = open(), small = open();
    let over = false, moved = 0;
    const data = pattern(1 << 20);
    const pump = async (): Promise<void> => {
      for (; !over; moved += data.length) {
        const { accepts } = bulk.ear;
        if (!bulk.channel.write(data)) await bulk.ear.until(() => bulk.ear.accepts > accepts);
        (bulk.ear.chunks as Uint8Array[]).length = 0;
      }
      bulk.channel.end();
    };
    const pumping = pump();
    for (let i = 1; i <= 50; i++) {
      small.channel.write(pattern(10, i));
      await small.ear.until(() => small.ear.received === i * 10);
    }
    over = true;
    small.channel.end();
    await Promise.all([pumping, small.ear.gone, bulk.ear.gone]);
    assert(moved > 0);
  });

  test(`${name}: large frames, and the smallest ones`, async (t) => {
    for (const maxFrame of [16_384, 1 << 20, (1 << 24) - 1]) {
      const settings = { maxFrame, window: 1 << 20 };
      const { open } = await ends(t, engines, { onChannel: echo, settings, clientSettings: settings });
      const { channel, ear } = open();
      const data = pattern(2_000_000, maxFrame & 0xff);
      await writeAll(channel, ear, data, 1 << 20);
      assertEquals(await ear.gone, undefined);
      assert(same(ear.bytes(), data));
    }
  });
}
