/** Two sessions against each other: whatever happens in whatever order, nothing is lost, invented or told twice. */
import process from "node:process";
import { assert, assertEquals, fail } from "@std/assert";
import type { Channel, ChannelFault, ChannelHandler, ConnectionHandler } from "../../../src/adapter/contract.ts";
import { resolveSettings } from "../../../src/adapter/http2/limits.ts";
import { Session } from "../../../src/adapter/http2/session.ts";
import { test } from "../../support/harness.ts";
import { seeded } from "../../support/random.ts";
import { GET } from "./rig.ts";

/** A few seconds; more by hand. */
const ROUNDS = Number(process.env.H2POOL_ROUNDS ?? 4);

type Random = (below: number) => number;

/** What byte `at` of a stream is, so that order and content can be checked without keeping any. */
const byteAt = (id: number, from: "client" | "server", at: number): number =>
  (id * 31 + at * 7 + (from === "client" ? 0 : 3)) & 0xff;

/** One end of a stream: sends a given number of bytes, checks what it hears. */
class End implements ChannelHandler {
  channel!: Channel;
  sent = 0;
  received = 0;
  owed = 0;
  waiting = false;
  ended = false;
  headed: boolean;
  closed: { fault: ChannelFault | undefined } | undefined;
  readonly side: Side;
  readonly size: number;
  constructor(side: Side, size: number) {
    this.side = side;
    this.size = size;
    this.headed = side.role === "server";
  }
  headers(_: readonly string[], kind: "response" | "trailers"): void {
    assert(!this.closed && !this.ended);
    if (kind === "response") {
      assert(!this.headed);
      this.headed = true;
    } else assert(this.headed);
  }
  data(chunk: Uint8Array): void {
    assert(!this.closed && !this.ended && this.headed);
    const from = this.side.role === "client" ? "server" : "client";
    for (const byte of chunk) if (byte !== byteAt(this.channel.id, from, this.received++)) fail("not what was sent");
    this.owed += chunk.length;
    if (this.side.random(3) === 0) this.pay();
    this.side.mischief(this);
  }
  end(): void {
    assert(!this.closed && !this.ended);
    this.ended = true;
    this.side.mischief(this);
  }
  accepted(): void {
    assert(!this.closed && this.waiting);
    this.waiting = false;
    if (this.side.random(2) === 0) this.go();
    this.side.mischief(this);
  }
  close(fault: ChannelFault | undefined): void {
    assert(!this.closed, "closed twice");
    this.closed = { fault };
    if (fault === undefined) assert(this.ended && this.sent === this.size);
    this.side.live.delete(this);
  }
  pay(): void {
    this.channel.consume(this.owed);
    this.owed = 0;
  }
  /** Writes some more, and ends when all is written. */
  go(): void {
    if (this.closed || this.waiting || this.channel.writeEnded) return;
    const { random, role } = this.side;
    if (this.sent < this.size) {
      const n = Math.min(this.size - this.sent, random(2) === 0 ? 1 + random(40) : 1 + random(60_000));
      const from = this.sent;
      this.sent += n;
      this.waiting = !this.channel.write(
        Uint8Array.from({ length: n }, (_, i) => byteAt(this.channel.id, role, from + i)),
      );
    }
    if (this.sent === this.size && random(2) === 0) this.channel.end(random(3) === 0 ? ["sum", "1"] : undefined);
  }
}

class Side {
  readonly live: Set<End> = new Set();
  readonly all: End[] = [];
  readonly session: Session;
  readonly queue: Uint8Array[] = [];
  resets = 0;
  closed = false;
  readonly role: "client" | "server";
  readonly random: Random;
  readonly mood: "kind" | "wild";
  readonly #window: number;
  constructor(role: "client" | "server", random: Random, mood: "kind" | "wild", window: number) {
    this.role = role;
    this.random = random;
    this.mood = mood;
    this.#window = window;
    const owner: ConnectionHandler = {
      channel: (channel) => {
        const end = this.adopt(new End(this, this.#size()), channel);
        channel.respond([":status", "200"]);
        end.go();
        return end;
      },
      available() {},
      goaway() {},
      close: () => {
        assert(!this.closed && this.live.size === 0, "the connection closes last, once");
        this.closed = true;
      },
    };
    const settings = resolveSettings({
      window,
      maxStreams: 40,
      maxFrame: 16_384 + random(50_000),
      limits: { settingsPerSecond: 1e6 },
    });
    this.session = new Session(role, settings, () => 0, { wake() {}, ready: () => owner, over() {} });
  }
  /** A window of one byte takes a round trip per byte. */
  #size(): number {
    const most = this.#window < 1_000 ? 500 : 100_000;
    return [0, 1, this.random(100), this.random(most / 10), this.random(most)][this.random(5)]!;
  }
  adopt(end: End, channel: Channel): End {
    end.channel = channel;
    this.live.add(end);
    this.all.push(end);
    return end;
  }
  /** Now and then a reset, from within a callback or not, of this stream or another. */
  mischief(end: End): void {
    if (this.mood === "kind" || this.random(150) !== 0) return;
    const victim = this.random(2) === 0 ? end : [...this.live][this.random(this.live.size)];
    if (victim === undefined || victim.closed) return;
    this.resets++;
    victim.channel.reset(this.random(12));
    assert(victim.closed !== undefined);
  }
  step(): void {
    const { random } = this;
    const live = [...this.live];
    if (this.role === "client" && this.all.length < 120 && this.session.openable > 0 && random(3) === 0) {
      const end = new End(this, this.#size());
      this.adopt(end, this.session.open(GET, end));
    }
    const one = live[random(Math.max(1, live.length))];
    if (one === undefined || one.closed) return;
    one.go();
    if (!one.closed) one.pay();
    if (!one.closed && random(30) === 0) one.channel.grow(random(100_000));
    this.mischief(one);
  }
  /** Sends what is due; the transport is quick or slow. */
  flush(): void {
    for (let out = this.session.takeOutput(); out !== undefined; out = this.session.takeOutput()) {
      this.queue.push(out.slice());
    }
  }
  deliver(to: Side): void {
    const first = this.queue.shift();
    if (first === undefined) return;
    for (let at = 0; at < first.length;) {
      const n = this.random(4) === 0 ? 1 + this.random(20) : 1 + this.random(first.length);
      to.session.receive(first.subarray(at, at + n));
      at += n;
    }
    this.session.wrote();
  }
}

function run(random: Random, mood: "kind" | "wild"): void {
  const window = [1, 100, 16_384, 65_536, 1 << 20][random(5)]!;
  const [client, server] = [new Side("client", random, mood, window), new Side("server", random, mood, window)];
  const both = [[client, server], [server, client]] as const;
  for (let turn = 0; turn < 3_000; turn++) {
    for (const [side, other] of both) {
      side.flush();
      if (random(2) === 0) side.deliver(other);
      side.step();
    }
  }
  // Everybody goes on until all is done.
  for (
    let turn = 0;
    turn < 50_000 && client.live.size + server.live.size + client.queue.length + server.queue.length > 0;
    turn++
  ) {
    for (const [side, other] of both) {
      side.flush();
      side.deliver(other);
      for (const end of [...side.live]) {
        end.go();
        if (!end.closed) end.pay();
      }
    }
  }
  for (const [side] of both) {
    side.flush();
    assertEquals([side.live.size, side.session.streams.size, side.session.over], [0, 0, false]);
    assert(side.session.sender.empty);
  }
  if (mood === "kind") {
    for (const end of [...client.all, ...server.all]) assertEquals(end.closed, { fault: undefined });
    assertEquals(server.all.length, client.all.length);
    for (const [i, end] of client.all.entries()) {
      assertEquals([end.received, server.all[i]!.received], [server.all[i]!.size, end.size]);
    }
  } else assert(client.resets + server.resets > 0);
  client.session.goAway(0);
  for (let i = 0; i < 10; i++) {
    for (const [side, other] of both) {
      side.flush();
      side.deliver(other);
    }
  }
  for (const [side] of both) side.session.transportClosed(undefined);
  assert(client.closed && server.closed);
}

test("120 streams of all sizes arrive whole, in any pieces, through any windows", () =>
  seeded((random) => {
    for (let i = 0; i < ROUNDS; i++) run((below) => random.int(below), "kind");
  }));

test("resets at any moment by either side disturb nobody else", () =>
  seeded((random) => {
    for (let i = 0; i < ROUNDS; i++) run((below) => random.int(below), "wild");
  }));
