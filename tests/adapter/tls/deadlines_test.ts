import { assertEquals } from "@std/assert";
import { deadlines } from "../../../src/adapter/tls/deadlines.ts";
import { fakeClock } from "../../support/clock.ts";
import { test } from "../../support/harness.ts";

test("each falls due after the same time, in order, on one timer that holds nothing", () => {
  const clock = fakeClock(1_000);
  const due: string[] = [];
  const queue = deadlines<string>(clock, 100, (item) => due.push(`${item}@${clock.now() - 1_000}`));
  queue.add("a");
  clock.advance(30);
  queue.add("b");
  queue.add("c");
  assertEquals([clock.pending, clock.held], [1, 0]);
  clock.advance(69);
  assertEquals(due, []);
  clock.advance(1);
  assertEquals(due, ["a@100"]);
  assertEquals([clock.pending, clock.held], [1, 0]);
  clock.advance(30);
  assertEquals(due, ["a@100", "b@130", "c@130"]);
  assertEquals(clock.pending, 0);
});

test("one that is deleted does not fall due, and the last one takes the timer along", () => {
  const clock = fakeClock();
  const due: string[] = [];
  const queue = deadlines<string>(clock, 100, (item) => due.push(item));
  queue.add("a");
  queue.add("b");
  queue.delete("a");
  queue.delete("never added");
  assertEquals(clock.pending, 1);
  queue.delete("b");
  assertEquals(clock.pending, 0);
  clock.advance(50);
  queue.add("c");
  clock.advance(99);
  assertEquals(due, []);
  clock.advance(1);
  assertEquals(due, ["c"]);
});

test("what is added while others fall due waits its own time, on one timer", () => {
  const clock = fakeClock();
  const due: number[] = [];
  const queue = deadlines<number>(clock, 100, (item) => {
    due.push(clock.now());
    if (item < 3) queue.add(item + 1);
    assertEquals(clock.pending <= 1, true);
  });
  queue.add(1);
  clock.advance(1_000);
  assertEquals(due, [100, 200, 300]);
  assertEquals(clock.pending, 0);
});

test("clear forgets all", () => {
  const clock = fakeClock();
  const queue = deadlines<string>(clock, 100, () => {
    throw new Error("due");
  });
  queue.add("a");
  queue.clear();
  assertEquals(clock.pending, 0);
  clock.advance(200);
});
