import { assertEquals, assertRejects } from "@std/assert";
import { Deadlines } from "../../src/core/deadlines.ts";
import { queueOf, Waiter, type WaiterOwner, type WaitQueue } from "../../src/core/waiters.ts";
import { type FakeClock, fakeClock } from "../support/clock.ts";
import { test } from "../support/harness.ts";

interface Line {
  readonly clock: FakeClock;
  readonly home: Map<string, WaitQueue<string>>;
  readonly left: number[];
  wait(key: string, timeout?: number): Waiter<string>;
}

function setUp(): Line {
  const clock = fakeClock(1_000);
  const deadlines = new Deadlines(clock);
  const home: Line["home"] = new Map();
  const left: number[] = [];
  const owner: WaiterOwner<string> = {
    timedOut: (waiter) => new Error(`${waiter.key} ${waiter.timeout}`),
    left: (waiter) => void left.push(waiter.order),
  };
  let order = 0;
  const wait = (key: string, timeout = 100): Waiter<string> => {
    const waiter = new Waiter<string>(owner, { order: order++, key }, { timeout }, deadlines);
    queueOf(home, key).push(waiter);
    return waiter;
  };
  return { clock, home, left, wait };
}

test("a queue is gone from its home with its last waiter, in whichever way that one leaves", async () => {
  const { clock, home, left, wait } = setUp();
  const [served, failed, late] = [wait("a"), wait("b"), wait("c", 5)];
  const second = wait("a");
  assertEquals([...home.keys()], ["a", "b", "c"]);
  served.deliver("x");
  failed.fail(new Error("failed"));
  clock.advance(5);
  assertEquals([...home.keys()], ["a"]);
  second.deliver("y");
  assertEquals([home.size, left], [0, [0, 1, 2, 3]]);
  assertEquals([await served.promise, await second.promise], ["x", "y"]);
  await assertRejects(() => failed.promise, Error, "failed");
  await assertRejects(() => late.promise, Error, "c 5");
});

test("a waiter leaves from the front, the middle and the end, and the others keep their order", () => {
  const { home, wait } = setUp();
  const waiters = [0, 1, 2, 3, 4].map(() => wait("k"));
  const line = (): number[] => {
    const orders: number[] = [];
    for (let w = home.get("k")?.first; w !== undefined; w = w.next) orders.push(w.order);
    return orders;
  };
  for (const [i, rest] of [[2, [0, 1, 3, 4]], [4, [0, 1, 3]], [0, [1, 3]]] as const) {
    waiters[i]!.deliver("");
    assertEquals(line(), [...rest]);
  }
  wait("k");
  assertEquals(line(), [1, 3, 5]);
});

test("failing a whole queue fails each, once", async () => {
  const { home, left, wait } = setUp();
  const waiters = [wait("k"), wait("k"), wait("k")];
  home.get("k")?.fail(new Error("all"));
  waiters[0]!.deliver("late");
  for (const { promise } of waiters) await assertRejects(() => promise, Error, "all");
  assertEquals([left, home.size], [[0, 1, 2], 0]);
});
