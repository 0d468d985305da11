import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/adapter/clock.ts";
import { test } from "../support/harness.ts";

test("now does not go back, and moves on with a timer", async () => {
  const from = systemClock.now();
  await new Promise<void>((resolve) => systemClock.timer(20, resolve));
  const passed = systemClock.now() - from;
  assert(passed >= 15 && passed < 5_000, `${passed} ms`);
});

test("a cancelled timer does not fire", async () => {
  const fired: string[] = [];
  const timer = systemClock.timer(5, () => fired.push("cancelled"));
  timer.cancel();
  await new Promise<void>((resolve) => systemClock.timer(30, resolve));
  assertEquals(fired, []);
});

test("a timer for longer than the runtime can count waits instead of firing at once", async (t) => {
  const fired: number[] = [];
  for (const ms of [2 ** 31, Infinity]) {
    const timer = systemClock.timer(ms, () => fired.push(ms));
    timer.ref();
    timer.unref();
    t.cleanup(() => timer.cancel());
  }
  await new Promise<void>((resolve) => systemClock.timer(30, resolve));
  assertEquals(fired, []);
});
