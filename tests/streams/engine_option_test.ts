// Stream pools over either engine, by the option alone.
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import type { PoolStream } from "../../src/streams/mod.ts";
import { test } from "../support/harness.ts";
import { bytes, pattern, realPair, realStream, text } from "./support.ts";

async function take(stream: PoolStream, length: number): Promise<Uint8Array> {
  const whole = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const n = await stream.read(whole.subarray(at));
    if (n === null) throw new Error(`ended after ${at} bytes`);
    at += n;
  }
  return whole;
}

const ENGINES = ["portable", "node:http2"] as const;

for (const client of ENGINES) {
  for (const server of ENGINES) {
    if (client === "portable" && server === "portable") continue;
    const options = { client: { engine: client }, server: { engine: server } } as const;
    const name = `client on ${client}, server on ${server}`;

    test(`${name}: streams opened by either side carry bytes both ways, and end`, async (t) => {
      const { near, far, clientPool, serverPool } = await realStream(t, options);
      const other = await clientPool.incomingGet();
      const pairs = [[near, far], [other, await serverPool.outgoingGet(other.id)]] as const;
      await Promise.all(pairs.map(async ([a, b], i) => {
        await a.write(bytes("ping"));
        assertEquals(await text(b), "ping");
        const data = pattern(2_000_000, i + 1);
        const back = pattern(1_000_000, i + 7);
        const [got, returned] = await Promise.all([
          take(b, data.length),
          take(a, back.length),
          a.write(data),
          b.write(back),
        ]);
        assert(Buffer.from(got).equals(data) && Buffer.from(returned).equals(back));
        a.close();
        assertEquals(await text(b), null);
        b.close();
        await Promise.all([a.closed, b.closed]);
      }));
    });

    test(`${name}: an abort is an error on the other side, and the pools go on`, async (t) => {
      const { near, far, serverPool, clientPool } = await realStream(t, options);
      await near.write(bytes("x"));
      assertEquals(await text(far), "x");
      near.abort();
      const error = await far.read(new Uint8Array(10)).then(() => undefined, (error: unknown) => error);
      assert(error instanceof Error);
      for (let i = 0; i < 30; i++) {
        const b = await serverPool.incomingGet();
        const a = await clientPool.outgoingGet(b.id);
        await a.write(bytes(`${i}`));
        a.close();
        assertEquals(await text(b), `${i}`);
        assertEquals(await text(b), null);
        b.close();
        await Promise.all([a.closed, b.closed]);
      }
    });

    test(`${name}: closing one pool closes in order`, async (t) => {
      const { clientPool, serverPool } = await realPair(t, options);
      await clientPool.close();
      await serverPool.close();
      assertEquals([clientPool.stats().connections, serverPool.stats().connections], [0, 0]);
    });
  }
}
