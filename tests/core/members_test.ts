import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Deadlines } from "../../src/core/deadlines.ts";
import { PoolError } from "../../src/core/errors.ts";
import { Members } from "../../src/core/members.ts";
import { type FakeClock, fakeClock } from "../support/clock.ts";
import { test } from "../support/harness.ts";
import { countedController } from "../support/signals.ts";

interface Conn {
  readonly name: string;
}
interface Item {
  readonly key: string;
  readonly group: Conn;
}

interface Setting {
  readonly clock: FakeClock;
  readonly deadlines: Deadlines;
  readonly members: Members<Item>;
  /** `waiting` at each call of `onWait`. */
  readonly waits: number[];
  readonly a: Conn;
  readonly b: Conn;
}

function setUp(): Setting {
  const clock = fakeClock(1_000);
  const deadlines = new Deadlines(clock);
  const waits: number[] = [];
  const members: Members<Item> = new Members<Item>({ deadlines, onWait: () => waits.push(members.waiting) });
  const [a, b] = [{ name: "a" }, { name: "b" }];
  members.register(a);
  members.register(b);
  return { clock, deadlines, members, waits, a, b };
}

function item(group: Conn, key: string): Item {
  return { key, group };
}

async function timesOut(wait: Promise<unknown>, message: string): Promise<void> {
  const error = await assertRejects(() => wait, PoolError);
  assertEquals([error.code, error.message], ["ERR_POOL_TIMEOUT", message]);
}

const LONG = { timeout: 1_000 };
const NOW = { timeout: 0 };

test("members are given oldest first, each once", () => {
  const { members, a, b } = setUp();
  const all = [item(a, "1"), item(b, "2"), item(a, "3")];
  assertEquals(all.map((m) => members.add(m)), ["idle", "idle", "idle"]);
  assertEquals([members.size, members.sizeOf(a), members.sizeOf(b)], [3, 2, 1]);
  assertEquals([...members], all);
  assertEquals([members.takeNext(), members.takeNext(), members.takeNext(), members.takeNext()], [...all, undefined]);
  assertEquals([members.size, members.sizeOf(a)], [0, 0]);
});

test("a group's oldest, without touching the others", () => {
  const { members, a, b } = setUp();
  for (const m of [item(a, "1"), item(b, "2"), item(a, "3"), item(b, "4")]) members.add(m);
  assertEquals(members.takeNext(b)?.key, "2");
  assertEquals(members.takeNext({})?.key, undefined);
  assertEquals([...members].map((m) => m.key), ["1", "3", "4"]);
});

test("a key is taken from the newest group that has it, whichever came first", () => {
  const { members, a, b } = setUp();
  const c = { name: "c" };
  members.register(c);
  for (const group of [c, a, b]) members.add(item(group, "00000000"));
  assertEquals(members.has("00000000", b), true);
  assertStrictEquals(members.takeKey("00000000")?.group, c);
  assertStrictEquals(members.takeKey("00000000")?.group, b);
  assertStrictEquals(members.takeKey("00000000")?.group, a);
  assertEquals([members.takeKey("00000000"), members.has("00000000")], [undefined, false]);
});

test("a key of one group leaves the other group's", () => {
  const { members, a, b } = setUp();
  for (const group of [a, b]) members.add(item(group, "k"));
  assertStrictEquals(members.takeKey("k", a)?.group, a);
  assertEquals([members.has("k", a), members.has("k", b), members.takeKey("k", a)], [false, true, undefined]);
});

test("a second member with the same key in the same group changes nothing", () => {
  const { members, a } = setUp();
  const first = item(a, "k");
  assertEquals([members.add(first), members.add(item(a, "k"))], ["idle", "duplicate"]);
  assertEquals(members.size, 1);
  assertStrictEquals(members.takeKey("k"), first);
});

test("remove takes that very member, once", () => {
  const { members, a } = setUp();
  const first = item(a, "k");
  members.add(first);
  assertEquals(members.remove(item(a, "k")), false);
  assertEquals([members.remove(first), members.remove(first), members.size], [true, false, 0]);
  members.add(first);
  members.takeNext();
  assertEquals(members.remove(first), false);
});

test("the member just seen may be removed while iterating", () => {
  const { members, a } = setUp();
  for (const key of ["1", "2", "3", "4"]) members.add(item(a, key));
  const seen: string[] = [];
  for (const member of members) {
    seen.push(member.key);
    members.remove(member);
  }
  assertEquals([seen, members.size], [["1", "2", "3", "4"], 0]);
});

test("a wait for what is there resolves without a timer", async () => {
  const { members, clock, waits, a } = setUp();
  const [first, second] = [item(a, "1"), item(a, "2")];
  members.add(first);
  members.add(second);
  await members.waitSize(2, LONG);
  assertStrictEquals(await members.waitKey("2", LONG), second);
  assertStrictEquals(await members.waitNext(LONG), first);
  assertEquals([clock.made, waits], [0, []]);
});

test("an arriving member goes to the one who waits for its key before the one who waits for any", async () => {
  const { members, clock, waits, a } = setUp();
  const next = members.waitNext(LONG);
  const keyed = members.waitKey("k", LONG);
  assertEquals([members.waiting, waits], [2, [1, 2]]);
  assertEquals([members.add(item(a, "k")), members.waiting, members.size], ["delivered", 1, 0]);
  assertEquals([members.add(item(a, "x")), members.waiting, members.size], ["delivered", 0, 0]);
  assertEquals([(await keyed).key, (await next).key], ["k", "x"]);
  assertEquals(clock.pending, 0);
});

test("who waits longer is served first, of those who want a group and those who want any", async () => {
  const { members, a, b } = setUp();
  const served: string[] = [];
  const all = [
    members.waitNext({ ...LONG, group: b }).then(() => served.push("b1")),
    members.waitNext(LONG).then(() => served.push("any1")),
    members.waitNext({ ...LONG, group: a }).then(() => served.push("a1")),
    members.waitNext(LONG).then(() => served.push("any2")),
    members.waitKey("k", LONG).then(() => served.push("key")),
    members.waitKey("k", { ...LONG, group: a }).then(() => served.push("key of a")),
  ];
  for (const m of [item(a, "1"), item(a, "2"), item(a, "3"), item(b, "4"), item(a, "k"), item(a, "k")]) {
    assertEquals(members.add(m), "delivered");
  }
  await Promise.all(all);
  assertEquals(served, ["any1", "a1", "any2", "b1", "key", "key of a"]);
});

test("a member of another group does not satisfy a wait for a group", async () => {
  const { members, a, b } = setUp();
  const wait = members.waitKey("k", { ...LONG, group: a });
  assertEquals(members.add(item(b, "k")), "idle");
  assertEquals(members.add(item(a, "k")), "delivered");
  assertStrictEquals((await wait).group, a);
});

test("timeout 0 means only what is there now", async () => {
  const { members, clock, waits, a } = setUp();
  await timesOut(members.waitNext(NOW), "Cannot take a stream: none was idle now");
  await timesOut(members.waitKey("0000002a", NOW), "Cannot take stream 0000002a: it was not idle now");
  await timesOut(members.waitSize(2, NOW), "Cannot fill the pool: 0 of 2 streams are idle now");
  members.add(item(a, "1"));
  assertEquals((await members.waitNext(NOW)).key, "1");
  assertEquals([clock.made, waits, members.waiting], [0, [], 0]);
});

test("a wait ends at its deadline and leaves nothing behind", async () => {
  const { members, clock, deadlines, a } = setUp();
  const waits = [
    members.waitNext({ timeout: 50 }),
    members.waitKey("k", { timeout: 60 }),
    members.waitSize(3, { timeout: 70 }),
  ];
  members.waitNext({ timeout: Infinity, group: {} }).catch(() => {});
  assertEquals([members.waiting, deadlines.size], [3, 3]);
  clock.advance(70);
  await timesOut(waits[0]!, "Cannot take a stream: none was idle within 50 ms");
  await timesOut(waits[1]!, "Cannot take stream k: it was not idle within 60 ms");
  await timesOut(waits[2]!, "Cannot fill the pool: 0 of 3 streams are idle after 70 ms");
  assertEquals([members.waiting, clock.pending], [1, 0]);
  assertEquals([members.add(item(a, "k")), members.size], ["idle", 1]);
});

test("a signal ends a wait with its reason, and is left without a listener however the wait ends", async () => {
  const { members, clock, a } = setUp();
  const reason = new Error("no more");
  const [aborted, used] = [countedController(), countedController()];
  const wait = members.waitNext({ ...LONG, signal: aborted.signal });
  const others = [
    members.waitKey("k", { ...LONG, signal: used.signal }),
    members.waitSize(1, { timeout: 5, signal: used.signal }),
  ];
  assertEquals([aborted.listeners, used.listeners], [1, 2]);
  aborted.abort(reason);
  assertStrictEquals(await wait.catch((e) => e), reason);
  members.add(item(a, "k"));
  clock.advance(5);
  await Promise.allSettled(others);
  assertEquals([aborted.listeners, used.listeners, members.waiting, clock.pending], [0, 0, 0, 0]);
});

test("a foreign signal that calls a listener after its removal settles nothing twice", async () => {
  const { members, a } = setUp();
  const listeners: EventListenerObject[] = [];
  const foreign = { aborted: false, addEventListener: (_: string, l: EventListenerObject) => listeners.push(l) };
  const signal = Object.assign(foreign, { removeEventListener: () => {} }) as unknown as AbortSignal;
  const wait = members.waitNext({ ...LONG, signal });
  const other = members.waitNext(LONG);
  members.add(item(a, "1"));
  for (const listener of listeners) listener.handleEvent(new Event("abort"));
  assertEquals([(await wait).key, members.waiting], ["1", 1]);
  members.add(item(a, "2"));
  assertEquals((await other).key, "2");
});

test("a signal that is aborted already comes before a member that is there", async () => {
  const { members, a } = setUp();
  members.add(item(a, "k"));
  const signal = AbortSignal.abort("reason");
  for (
    const wait of [
      members.waitNext({ ...LONG, signal }),
      members.waitKey("k", { ...LONG, signal }),
      members.waitSize(1, { ...LONG, signal }),
    ]
  ) {
    assertEquals(await wait.catch((e) => e), "reason");
  }
  assertEquals(members.size, 1);
});

test("waiting for a number resolves when it is reached, and takes nothing", async () => {
  const { members, waits, a } = setUp();
  const reached: number[] = [];
  const all = [3, 1, 2].map((n) => members.waitSize(n, LONG).then(() => reached.push(n)));
  assertEquals([waits.length, members.waiting], [3, 0]);
  for (const key of ["1", "2", "3"]) {
    members.add(item(a, key));
    await Promise.resolve();
  }
  await Promise.all(all);
  assertEquals([reached, members.size], [[1, 2, 3], 3]);
});

test("a group that is removed takes its members along, its waits go on", async () => {
  const { members, a, b } = setUp();
  const mine = [item(a, "1"), item(a, "3")];
  members.add(mine[0]!);
  members.add(item(b, "2"));
  members.add(mine[1]!);
  assertEquals(members.removeGroup(a), mine);
  assertEquals([members.size, members.sizeOf(a), members.removeGroup(a), members.removeGroup({})], [1, 0, [], []]);
  const wait = members.waitNext({ ...LONG, group: a });
  members.add(item(a, "4"));
  assertEquals((await wait).key, "4");
});

test("a group that is closed rejects its waits, now and later, and takes nothing more", async () => {
  const { members, clock, a, b } = setUp();
  const lost = new Error("lost");
  members.add(item(a, "1"));
  const doomed = [members.waitKey("k", { ...LONG, group: a }), members.waitKey("l", { ...LONG, group: a })];
  const other = members.waitNext({ ...LONG, group: b });
  assertEquals(members.closeGroup(a, lost).map((m) => m.key), ["1"]);
  doomed.push(members.waitNext({ ...LONG, group: a }), members.waitNext({ ...NOW, group: a }));
  for (const wait of doomed) assertStrictEquals(await wait.catch((e) => e), lost);
  assertEquals([members.add(item(a, "2")), members.waiting, clock.pending], ["closed", 1, 1]);
  assertEquals(members.closeGroup(a, new Error("again")), []);
  assertStrictEquals(await members.waitNext({ ...LONG, group: a }).catch((e) => e), lost);
  members.add(item(b, "k"));
  assertEquals((await other).key, "k");
});

test("close rejects every wait, now and later; what is idle can be drained", async () => {
  const { members, clock, a } = setUp();
  const closed = new PoolError("ERR_POOL_CLOSED", "closed");
  const controller = countedController();
  const wait = { ...LONG, signal: controller.signal };
  const idle = [item(a, "1"), item(a, "2")];
  for (const m of idle) members.add(m);
  const waits = [members.waitKey("k", wait), members.waitSize(5, wait), members.waitNext({ ...wait, group: {} })];
  members.close(closed);
  members.close(new Error("again"));
  waits.push(members.waitNext(LONG), members.waitKey("1", LONG), members.waitSize(1, LONG));
  for (const each of waits) assertStrictEquals(await each.catch((e) => e), closed);
  assertEquals([members.add(item(a, "3")), members.drain(), members.size], ["closed", idle, 0]);
  assertEquals([members.drain(), members.waiting, clock.pending, controller.listeners], [[], 0, 0, 0]);
});

test("who is told that somebody waits may add a member at once", async () => {
  const deadlines = new Deadlines(fakeClock(1_000));
  const group = { name: "a" };
  const members: Members<Item> = new Members<Item>({ deadlines, onWait: () => void members.add(item(group, "new")) });
  assertEquals((await members.waitNext(LONG)).key, "new");
  await members.waitSize(1, LONG);
  assertEquals([members.size, members.waiting, deadlines.size], [1, 0, 0]);
});
