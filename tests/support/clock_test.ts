import { assertEquals, assertThrows } from "@std/assert";
import { fakeClock } from "./clock.ts";
import { test } from "./harness.ts";

test("fake clock: fires by time, then by order, and what is made meanwhile", () => {
  const clock = fakeClock(100);
  const fired: string[] = [];
  const note = (name: string) => (): void => void fired.push(`${name} ${clock.now()}`);
  clock.timer(20, note("late"));
  clock.timer(10, note("first"));
  clock.timer(10, () => {
    note("second")();
    clock.timer(0, note("nested"));
    clock.timer(11, note("beyond"));
  });
  const cancelled = clock.timer(5, note("cancelled"));
  cancelled.cancel();
  assertEquals([clock.pending, clock.next], [3, 10]);
  clock.advance(9);
  assertEquals([fired.length, clock.next], [0, 1]);
  clock.advance(11);
  assertEquals(fired, ["first 110", "second 110", "nested 110", "late 120"]);
  assertEquals([clock.now(), clock.pending, clock.next], [120, 1, 1]);
});

test("fake clock: tells which timers would hold the process", () => {
  const clock = fakeClock();
  const timer = clock.timer(10, () => {});
  timer.unref();
  assertEquals([clock.pending, clock.held], [1, 0]);
  timer.ref();
  assertEquals(clock.held, 1);
  assertThrows(() => clock.timer(NaN, () => {}), RangeError);
});
