import {
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertThrows,
} from "@std/assert";
import { backoff, type BackoffOptions } from "../../src/core/backoff.ts";
import { PoolError } from "../../src/core/errors.ts";
import { test } from "../support/harness.ts";
import { seeded } from "../support/random.ts";

const middle = (): number => 0.5;

test("the waits are gRPC's: 1 s, growing by 1.6, up to 120 s", () => {
  const steps = backoff(undefined, middle);
  const waits = Array.from({ length: 13 }, () => steps.next());
  const expected = [1_000, 1_600, 2_560, 4_096, 6_553.6];
  expected.forEach((ms, i) => assertAlmostEquals(waits[i]!, ms, 1e-6));
  assertAlmostEquals(waits[10]!, 1_000 * 1.6 ** 10, 1e-6);
  assertEquals([waits[11], waits[12]], [120_000, 120_000]);
});

test("jitter spreads every wait by a fifth to both sides, the first too", () =>
  seeded((random) => {
    assertEquals(backoff(undefined, () => 0).next(), 800);
    let [low, high] = [Infinity, 0];
    for (let i = 0; i < 5_000; i++) {
      const wait = backoff(undefined, random.next).next();
      [low, high] = [Math.min(low, wait), Math.max(high, wait)];
    }
    assertGreaterOrEqual(low, 800);
    assertLess(low, 850);
    assertLess(high, 1_200);
    assertGreater(high, 1_150);
  }));

test("a reset begins again", () => {
  const steps = backoff({ jitter: 0 }, middle);
  assertEquals([steps.failures, steps.next(), steps.next(), steps.failures], [0, 1_000, 1_600, 2]);
  steps.reset();
  assertEquals([steps.failures, steps.next()], [0, 1_000]);
});

test("options are used, and an initial wait above the default maximum raises it", () => {
  const steps = backoff({ initial: 10, factor: 3, max: 50, jitter: 0 }, middle);
  assertEquals([steps.next(), steps.next(), steps.next(), steps.next()], [10, 30, 50, 50]);
  const long = backoff({ initial: 200_000, jitter: 0 }, middle);
  assertEquals([long.next(), long.next()], [200_000, 200_000]);
});

test("wrong options are ERR_POOL_OPTION naming option and value", () => {
  const wrong: [unknown, string][] = [
    [
      { initial: -1 },
      "Cannot create a client pool: `backoff.initial` is -1, not a number of milliseconds of at least 0",
    ],
    [{ initial: "1s" }, '`backoff.initial` is "1s"'],
    [{ factor: 0.5 }, "`backoff.factor` is 0.5, not a number of at least 1"],
    [{ factor: NaN }, "`backoff.factor` is NaN"],
    [{ max: Infinity }, "`backoff.max` is Infinity"],
    [{ jitter: 1.5 }, "`backoff.jitter` is 1.5, not a number from 0 to 1"],
    [{ initial: 500, max: 100 }, "`backoff.initial` is 500, above `backoff.max` 100"],
    [5, "`backoff` is 5, not an object"],
  ];
  for (const [options, message] of wrong) {
    const make = (): unknown => backoff(options as BackoffOptions, middle, "create a client pool");
    assertEquals(assertThrows(make, PoolError, message).code, "ERR_POOL_OPTION");
  }
});
