import { assert, assertEquals } from "@std/assert";
import {
  type AdaptiveLimits,
  type AdaptiveState,
  firstState,
  nextRound,
  planRound,
  settleRound,
} from "../../src/core/adaptive.ts";
import { test } from "../support/harness.ts";
import { seeded } from "../support/random.ts";

const LIMITS: AdaptiveLimits = { minCapacity: 5, maxCapacity: 20, minInterval: 500, maxInterval: 5_000 };

test("a pool starts with the smallest capacity and the shortest interval", () => {
  assertEquals(firstState(LIMITS), { capacity: 5, interval: 500 });
});

test("the interval shrinks below 20 % and grows above 80 %, both truncated, by 100 ms, within its bounds", () => {
  // [capacity, interval, idle] -> interval
  const table: [number, number, number, number][] = [
    [10, 1_000, 1, 900],
    [10, 1_000, 2, 1_000],
    [10, 1_000, 8, 1_000],
    [10, 1_000, 9, 1_100],
    // trunc(0.2 x 9) = 1, trunc(0.8 x 9) = 7
    [9, 1_000, 0, 900],
    [9, 1_000, 1, 1_000],
    [9, 1_000, 7, 1_000],
    [9, 1_000, 8, 1_100],
    // trunc(0.2 x 4) = 0: never below
    [4, 1_000, 0, 1_000],
    [10, 550, 0, 500],
    [10, 500, 0, 500],
    [10, 4_950, 10, 5_000],
    [10, 5_000, 10, 5_000],
  ];
  for (const [capacity, interval, idle, expected] of table) {
    const what = `capacity ${capacity}, interval ${interval}, idle ${idle}`;
    assertEquals(planRound({ capacity, interval }, idle, LIMITS).interval, expected, what);
  }
});

test("0.2 and 0.8 of a capacity, truncated, are a fifth and four fifths of every capacity", () => {
  for (let capacity = 1; capacity <= 100_000; capacity++) {
    assert(Math.trunc(0.2 * capacity) === Math.floor(capacity / 5), `0.2 of ${capacity}`);
    assert(Math.trunc(0.8 * capacity) === Math.floor(4 * capacity / 5), `0.8 of ${capacity}`);
  }
});

test("a round creates what is missing; above its capacity a pool lets itself be drained", () => {
  const state = { capacity: 10, interval: 1_000 };
  assertEquals([0, 3, 10, 12].map((idle) => planRound(state, idle, LIMITS).create), [10, 7, 0, 0]);
});

test("the capacity grows after a round that created over 80 %, shrinks after one under 20 %, within its bounds", () => {
  // [capacity, created, failed] -> capacity
  const table: [number, number, number, number][] = [
    [10, 10, 0, 11],
    [10, 9, 0, 11],
    [10, 8, 0, 10],
    [10, 2, 0, 10],
    [10, 1, 0, 9],
    [10, 0, 0, 9],
    [20, 20, 0, 20],
    [5, 0, 0, 5],
    // Some creation failed: it stays.
    [10, 9, 1, 10],
    [10, 1, 1, 10],
    [10, 0, 10, 10],
  ];
  for (const [capacity, created, failed, expected] of table) {
    const what = `capacity ${capacity}, created ${created}, failed ${failed}`;
    assertEquals(settleRound({ capacity, interval: 500 }, { created, failed }, LIMITS), expected, what);
  }
});

test("the next round comes an interval after the last", () => {
  const state = { capacity: 10, interval: 500 };
  const base = { state, waiting: 0, endedAt: 1_000, notBefore: -Infinity };
  assertEquals(nextRound({ ...base, idle: 10, now: 1_000 }), 1_500);
  assertEquals(nextRound({ ...base, idle: 2, now: 1_200 }), 1_500);
  assertEquals(nextRound({ ...base, idle: 5, now: 1_700 }), 1_700);
  assertEquals(nextRound({ ...base, idle: 10, now: 5, endedAt: -Infinity }), 5);
});

test("a pool drained below 20 %, or with somebody waiting, does not sleep out its interval", () => {
  const base = { waiting: 0, now: 1_100, endedAt: 1_000, notBefore: -Infinity };
  assertEquals(nextRound({ ...base, state: { capacity: 10, interval: 500 }, idle: 1 }), 1_100);
  assertEquals(nextRound({ ...base, state: { capacity: 4, interval: 500 }, idle: 0 }), 1_100);
  assertEquals(nextRound({ ...base, state: { capacity: 10, interval: 500 }, idle: 9, waiting: 1 }), 1_100);
});

test("a taker that waits for one id does not hurry a full pool", () => {
  const state = { capacity: 10, interval: 500 };
  const base = { state, waiting: 1, now: 1_100, endedAt: 1_000, notBefore: -Infinity };
  assertEquals(nextRound({ ...base, idle: 10 }), 1_500);
  assertEquals(nextRound({ ...base, idle: 12 }), 1_500);
});

test("after a failure no round comes before the back-off says, however urgent", () => {
  const state = { capacity: 10, interval: 500 };
  const base = { state, now: 1_100, endedAt: 1_000, notBefore: 3_000 };
  assertEquals(nextRound({ ...base, idle: 0, waiting: 5 }), 3_000);
  assertEquals(nextRound({ ...base, idle: 10, waiting: 0 }), 3_000);
  assertEquals(nextRound({ ...base, idle: 0, waiting: 5, now: 4_000 }), 4_000);
});

test("whatever happens, capacity and interval stay in their bounds, and hold still while rounds fail", () =>
  seeded((random) => {
    let state: AdaptiveState = firstState(LIMITS);
    for (let i = 0; i < 10_000; i++) {
      const idle = random.int(state.capacity + 5);
      const { interval, create } = planRound(state, idle, LIMITS);
      const failed = random.chance(0.2) ? random.int(create + 1) : 0;
      const capacity = settleRound(state, { created: create - failed, failed }, LIMITS);
      assert(capacity >= 5 && capacity <= 20 && Math.abs(capacity - state.capacity) <= (failed > 0 ? 0 : 1));
      assert(interval >= 500 && interval <= 5_000 && Math.abs(interval - state.interval) <= 100);
      state = { capacity, interval };
    }
  }));
