import { assert, assertEquals, assertRejects } from "@std/assert";
import { dialTcp, listenTcp, type TcpConnection } from "../../../src/adapter/tcp.ts";
import { relay, type Traffic } from "../../../src/cli/tunnel/relay.ts";
import { test, type TestContext } from "../../support/harness.ts";
import { stalled } from "../../support/stalled.ts";
import { type FakeStream, streamPair } from "./stream_pair.ts";

/** A TCP client, a relay behind it, and the far end of the relay's stream. */
async function setUp(
  t: TestContext,
): Promise<{ tcp: TcpConnection; stream: FakeStream; over: Promise<void>; traffic: Traffic }> {
  const [near, far] = streamPair();
  const accepted = Promise.withResolvers<TcpConnection>();
  const listener = await listenTcp({
    hostname: "127.0.0.1",
    port: 0,
    accept: accepted.resolve,
    failed: accepted.reject,
  });
  const tcp = await dialTcp({ hostname: "127.0.0.1", port: listener.addr.port, timeout: 5_000 });
  const traffic = { sent: 0, received: 0, busy: false };
  const over = relay(await accepted.promise, near, traffic);
  over.catch(() => {});
  t.cleanup(async () => {
    tcp.abort();
    far.abort();
    await over.catch(() => {});
    await listener.close();
  });
  return { tcp, stream: far, over, traffic };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array | null): string | undefined =>
  bytes === null ? undefined : new TextDecoder().decode(bytes);

async function readStream(stream: FakeStream): Promise<Uint8Array> {
  const buffer = new Uint8Array(64 * 1024);
  const parts: number[] = [];
  for (let n = await stream.read(buffer); n !== null; n = await stream.read(buffer)) {
    parts.push(...buffer.subarray(0, n));
  }
  return Uint8Array.from(parts);
}

test("relay: a half-close of the TCP side stays one, and the answer still comes", async (t) => {
  const { tcp, stream, over, traffic } = await setUp(t);
  await tcp.write(bytes("question"));
  tcp.closeWrite();
  assertEquals(await readStream(stream), bytes("question"));
  await stream.write(bytes("answer"));
  assertEquals(text(await tcp.read()), "answer");
  await stream.closeWrite();
  assertEquals(await tcp.read(), null);
  await over;
  assertEquals([traffic.sent, traffic.received, traffic.busy], [8, 6, true]);
});

test("relay: a half-close of the stream's side stays one", async (t) => {
  const { tcp, stream, over } = await setUp(t);
  await stream.closeWrite();
  assertEquals(await tcp.read(), null);
  await tcp.write(bytes("still here"));
  tcp.closeWrite();
  assertEquals(await readStream(stream), bytes("still here"));
  await over;
});

test("relay: a reset of the TCP side is a reset of the stream, not an end", async (t) => {
  const { tcp, stream, over } = await setUp(t);
  await tcp.write(bytes("half of"));
  assertEquals(await stream.read(new Uint8Array(100)), 7);
  tcp.abort();
  await assertRejects(() => stream.read(new Uint8Array(100)), Error, "reset by the other side");
  await assertRejects(() => over, Error);
});

test("relay: a broken stream is a reset of the TCP side, not an end", async (t) => {
  const { tcp, stream, over } = await setUp(t);
  await stream.write(bytes("half of"));
  assertEquals(text(await tcp.read()), "half of");
  stream.abort();
  await assertRejects(() => tcp.read(), Error);
  await assertRejects(() => over, Error, "reset by the other side");
});

test("relay: bytes of either way come out whole and in order, through small and large buffers", async (t) => {
  const { tcp, stream, over, traffic } = await setUp(t);
  const size = 3_000_000;
  const pattern = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 11)) & 0xff);
  const up = (async () => {
    for (let at = 0; at < size; at += 70_001) await tcp.write(pattern.slice(at, at + 70_001));
    tcp.closeWrite();
  })();
  const down = (async () => {
    // Small messages first and last: the buffer grows and comes back.
    for (let at = 0, step = 1; at < size; at += step, step = at < 500 || at > size - 5_000 ? 50 : 65_536) {
      await stream.write(pattern.slice(at, at + step));
    }
    await stream.closeWrite();
  })();
  const got: number[] = [];
  const reading = (async () => {
    for (let chunk = await tcp.read(); chunk !== null; chunk = await tcp.read()) for (const b of chunk) got.push(b);
  })();
  assert(same(await readStream(stream), pattern));
  await reading;
  assert(same(Uint8Array.from(got), pattern));
  await Promise.all([up, down, over]);
  assertEquals([traffic.sent, traffic.received], [size, size]);
});

test("relay: who does not read stops who writes", async (t) => {
  const { tcp, stream } = await setUp(t);
  const chunk = new Uint8Array(64 * 1024);
  let written = 0;
  const sending = (async () => {
    for (;;) {
      await tcp.write(chunk);
      written += chunk.length;
    }
  })();
  sending.catch(() => {});
  await stalled(() => written);
  assert(written < 64 * 1024 * 1024, `${written} bytes without a reader`);
  assert(stream.peak <= 64 * 1024, "more than the stream takes");
});

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
