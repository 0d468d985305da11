/**
 * The core against a naive model: long random sequences of everything that can be done to it, on a fake clock.
 *
 * Invariants: a member is handed out once; every wait settles (value, timeout, abort or close), in the step that decides
 * it, and leaves nothing behind; `size` and `waiting` are exact; after close everything is released.
 */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Deadlines } from "../../src/core/deadlines.ts";
import { PoolError } from "../../src/core/errors.ts";
import { Members } from "../../src/core/members.ts";
import { fakeClock } from "../support/clock.ts";
import { test } from "../support/harness.ts";
import { seeded, type SeededRandom } from "../support/random.ts";
import { type CountedController, countedController } from "../support/signals.ts";

interface Conn {
  readonly order: number;
  closed?: Error;
}
interface Item {
  readonly key: string;
  readonly group: Conn;
  readonly serial: number;
}

/** What a wait must come to; `undefined` while it waits. */
type Outcome = { readonly value: Item | undefined } | { readonly error: unknown } | { readonly timeout: true };

interface Wait {
  readonly kind: "next" | "key" | "size";
  readonly key: string;
  readonly count: number;
  readonly group: Conn | undefined;
  readonly until: number;
  readonly controller: CountedController | undefined;
  expected: Outcome | undefined;
  actual: Outcome | undefined;
}

const KEYS = ["00000000", "a", "b", "c", "d", "e", "f"];

class Trial {
  readonly random: SeededRandom;
  readonly clock = fakeClock(1_000);
  readonly deadlines = new Deadlines(this.clock);
  readonly members: Members<Item>;
  /** The model: idle members oldest first, waits oldest first, groups oldest first. */
  idle: Item[] = [];
  waits: Wait[] = [];
  groups: Conn[] = [];
  closed: Error | undefined;
  readonly out = new Set<Item>();
  readonly seen = {
    delivered: 0,
    idle: 0,
    duplicate: 0,
    closed: 0,
    taken: 0,
    timeout: 0,
    abort: 0,
    lost: 0,
    filled: 0,
  };
  #serial = 0;
  #conn = 0;

  constructor(random: SeededRandom) {
    this.random = random;
    this.members = new Members<Item>({ deadlines: this.deadlines });
    for (let i = 0; i < 3; i++) this.connect();
  }

  connect(): void {
    const group = { order: this.#conn++ };
    this.groups.push(group);
    this.members.register(group);
  }

  step(): void {
    const { random } = this;
    const dice = random.int(100);
    if (dice < 34) this.add();
    else if (dice < 44) this.takeNext();
    else if (dice < 50) this.takeKey();
    else if (dice < 56) this.remove();
    else if (dice < 82) this.wait();
    else if (dice < 88) this.abort();
    else if (dice < 96) this.advance();
    else if (dice < 97) this.removeGroup();
    else if (dice < 98 && this.groups.length > 1) this.closeGroup();
    else if (this.groups.length < 6) this.connect();
  }

  add(): void {
    // Now and then a connection that is gone still has something to say.
    const group = this.random.chance(0.02) ? { order: -1, closed: new Error() } : this.random.pick(this.groups);
    if (group.closed !== undefined) this.members.closeGroup(group, group.closed);
    const member = { key: this.random.pick(KEYS), group, serial: this.#serial++ };
    const result = this.members.add(member);
    this.seen[result]++;
    if (this.closed !== undefined || group.closed !== undefined) return assertEquals(result, "closed");
    if (this.idle.some((m) => m.key === member.key && m.group === group)) return assertEquals(result, "duplicate");
    const fits = (w: Wait): boolean => w.expected === undefined && (w.group ?? group) === group;
    const waiter = this.waits.find((w) => fits(w) && w.kind === "key" && w.key === member.key) ??
      this.waits.find((w) => fits(w) && w.kind === "next");
    assertEquals(result, waiter === undefined ? "idle" : "delivered");
    if (waiter !== undefined) {
      waiter.expected = { value: member };
      this.handOut(member);
      return;
    }
    this.idle.push(member);
    for (const wait of this.waits) {
      if (wait.expected === undefined && wait.kind === "size" && wait.count <= this.idle.length) {
        wait.expected = { value: undefined };
        this.seen.filled++;
      }
    }
  }

  handOut(member: Item): void {
    assert(!this.out.has(member), "handed out twice");
    this.out.add(member);
    this.idle = this.idle.filter((m) => m !== member);
    this.seen.taken++;
  }

  /** Which member a taker gets now. */
  choice(key: string | undefined, group: Conn | undefined): Item | undefined {
    const fitting = this.idle.filter((m) => (group ?? m.group) === m.group && (key ?? m.key) === m.key);
    if (key !== undefined) fitting.sort((x, y) => y.group.order - x.group.order);
    return fitting[0];
  }

  someGroup(): Conn | undefined {
    return this.random.chance(0.3) ? this.random.pick(this.groups) : undefined;
  }

  takeNext(): void {
    const group = this.someGroup();
    const expected = this.choice(undefined, group);
    assertStrictEquals(this.members.takeNext(group), expected);
    if (expected !== undefined) this.handOut(expected);
  }

  takeKey(): void {
    const [key, group] = [this.random.pick(KEYS), this.someGroup()];
    const expected = this.choice(key, group);
    assertEquals(this.members.has(key, group), expected !== undefined);
    assertStrictEquals(this.members.takeKey(key, group), expected);
    if (expected !== undefined) this.handOut(expected);
  }

  remove(): void {
    const gone = this.random.chance(0.2);
    const from = gone ? [...this.out].slice(-20) : this.idle;
    if (from.length === 0) return;
    const member = this.random.pick(from);
    assertEquals(this.members.remove(member), !gone);
    this.idle = this.idle.filter((m) => m !== member);
  }

  wait(): void {
    const { random } = this;
    const timeout = random.pick([0, 1, 5, 20, 100, Infinity]);
    const controller = random.chance(0.4) ? countedController() : undefined;
    if (random.chance(0.05)) controller?.abort(new Error("before"));
    const wait: Wait = {
      kind: random.pick(["next", "next", "key", "key", "size"]),
      key: random.pick(KEYS),
      count: random.int(8),
      group: this.someGroup(),
      until: this.clock.now() + timeout,
      controller,
      expected: undefined,
      actual: undefined,
    };
    const budget = { timeout, signal: controller?.signal };
    const started = wait.kind === "size"
      ? this.members.waitSize(wait.count, budget)
      : wait.kind === "key"
      ? this.members.waitKey(wait.key, { ...budget, group: wait.group })
      : this.members.waitNext({ ...budget, group: wait.group });
    started.then(
      (value) => this.settle(wait, { value: value ?? undefined }),
      (error) => {
        const late = error instanceof PoolError && error.code === "ERR_POOL_TIMEOUT";
        this.settle(wait, late ? { timeout: true } : { error });
      },
    );
    this.waits.push(wait);

    if (controller?.signal.aborted) wait.expected = { error: controller.signal.reason };
    else if (this.closed !== undefined) wait.expected = { error: this.closed };
    else if (wait.kind === "size") {
      if (this.idle.length >= wait.count) wait.expected = { value: undefined };
    } else {
      const member = this.choice(wait.kind === "key" ? wait.key : undefined, wait.group);
      if (member !== undefined) {
        wait.expected = { value: member };
        this.handOut(member);
      }
    }
    if (timeout === 0) wait.expected ??= { timeout: true };
  }

  settle(wait: Wait, actual: Outcome): void {
    assert(wait.actual === undefined, "settled twice");
    wait.actual = actual;
  }

  abort(): void {
    const open = this.waits.filter((w) => w.expected === undefined && w.controller !== undefined);
    if (open.length === 0) return;
    const wait = this.random.pick(open);
    const reason = new Error("abort");
    wait.expected = { error: reason };
    wait.controller?.abort(reason);
    this.seen.abort++;
  }

  advance(): void {
    this.clock.advance(this.random.pick([0, 1, 3, 10, 30]));
    for (const wait of this.waits) {
      if (wait.expected === undefined && wait.until <= this.clock.now()) {
        wait.expected = { timeout: true };
        this.seen.timeout++;
      }
    }
  }

  removeGroup(): void {
    const group = this.random.pick(this.groups);
    const expected = this.idle.filter((m) => m.group === group);
    assertEquals(this.members.removeGroup(group).map((m) => m.serial), expected.map((m) => m.serial));
    this.idle = this.idle.filter((m) => m.group !== group);
  }

  closeGroup(): void {
    const group = this.random.pick(this.groups);
    const error = new Error("lost");
    const expected = this.idle.filter((m) => m.group === group);
    assertEquals(this.members.closeGroup(group, error).map((m) => m.serial), expected.map((m) => m.serial));
    this.idle = this.idle.filter((m) => m.group !== group);
    this.groups = this.groups.filter((g) => g !== group);
    for (const wait of this.waits) {
      // A wait for a number is for all groups.
      if (wait.expected !== undefined || wait.group !== group || wait.kind === "size") continue;
      wait.expected = { error };
      this.seen.lost++;
    }
  }

  close(): void {
    const error = new PoolError("ERR_POOL_CLOSED", "closed");
    this.closed = error;
    this.members.close(error);
    for (const wait of this.waits) wait.expected ??= { error };
    assertEquals(this.members.drain().map((m) => m.serial), this.idle.map((m) => m.serial));
    this.idle = [];
  }

  /** After every step, when the promises settled in it have run. */
  check(): void {
    const open = this.waits.filter((w) => w.expected === undefined);
    for (const wait of this.waits) {
      const { expected, actual } = wait;
      if (expected === undefined) assert(actual === undefined, "settled without reason");
      else {
        assert(actual !== undefined, "not settled in its step");
        assertEquals(Object.keys(actual), Object.keys(expected));
        if ("value" in expected) assertStrictEquals("value" in actual && actual.value, expected.value);
        if ("error" in expected) assertStrictEquals("error" in actual && actual.error, expected.error);
      }
      assertEquals(wait.controller?.listeners ?? 0, expected === undefined && wait.controller !== undefined ? 1 : 0);
    }
    this.waits = open;
    assertEquals(this.members.size, this.idle.length);
    assertEquals([...this.members].map((m) => m.serial), this.idle.map((m) => m.serial));
    for (const group of this.groups) {
      assertEquals(this.members.sizeOf(group), this.idle.filter((m) => m.group === group).length);
    }
    assertEquals(this.members.waiting, open.filter((w) => w.kind !== "size").length);
    assertEquals(this.deadlines.size, open.filter((w) => w.until !== Infinity).length);
    assertEquals(this.clock.pending, this.deadlines.size > 0 ? 1 : 0);
  }
}

test("members and waiters agree with a naive model over random sequences", () =>
  seeded(async (random) => {
    const seen: Record<string, number> = {};
    for (let round = 0; round < 20; round++) {
      const trial = new Trial(random);
      const steps = 500 + random.int(2_000);
      for (let i = 0; i < steps; i++) {
        trial.step();
        // A promise and its `then`: two turns of the microtask queue.
        await null;
        await null;
        trial.check();
      }
      trial.close();
      for (let i = 0; i < 10; i++) {
        trial.add();
        trial.wait();
      }
      await null;
      await null;
      trial.check();
      assertEquals([trial.waits.length, trial.members.size, trial.deadlines.size, trial.clock.pending], [0, 0, 0, 0]);
      for (const [name, count] of Object.entries(trial.seen)) seen[name] = (seen[name] ?? 0) + count;
    }
    for (const [name, count] of Object.entries(seen)) {
      assert(count > 10, `the sequences hardly ever came to ${name}: ${count}`);
    }
  }));
