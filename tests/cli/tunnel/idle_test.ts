import { assert, assertEquals } from "@std/assert";
import { idleWatch } from "../../../src/cli/tunnel/idle.ts";
import { fakeClock } from "../../support/clock.ts";
import { test } from "../../support/harness.ts";

const traffic = () => ({ sent: 0, received: 0, busy: false });

test("idle: who has no byte for the time is cut once, not before, and at most an eighth of it late", () => {
  const clock = fakeClock(1_000);
  const watch = idleWatch(clock, 8_000);
  const started = clock.now();
  const cut: number[] = [];
  const quiet = watch.watch(traffic(), () => {
    cut.push(clock.now() - started);
    watch.unwatch(quiet);
  });
  clock.advance(60_000);
  assertEquals(cut.length, 1);
  assert(cut[0]! >= 8_000 && cut[0]! <= 9_000, String(cut));
  assertEquals(clock.pending, 0);
});

test("idle: a byte now and then keeps it", () => {
  const clock = fakeClock(1_000);
  const watch = idleWatch(clock, 8_000);
  const live = traffic();
  let cuts = 0;
  const watched = watch.watch(live, () => cuts++);
  for (let i = 0; i < 20; i++) {
    clock.advance(7_500);
    live.busy = true;
  }
  assertEquals(cuts, 0);
  clock.advance(9_000);
  assert(cuts > 0);
  watch.unwatch(watched);
  assertEquals(clock.pending, 0);
});

test("idle: one timer for all, none without a timeout or anybody to watch", () => {
  const clock = fakeClock(1_000);
  idleWatch(clock, 0).watch(traffic(), () => {});
  assertEquals(clock.pending, 0);
  const watch = idleWatch(clock, 1_000);
  assertEquals(clock.pending, 0);
  const all = Array.from({ length: 50 }, () => watch.watch(traffic(), () => {}));
  assertEquals(clock.pending, 1);
  for (const watched of all) watch.unwatch(watched);
  assertEquals(clock.pending, 0);
});
