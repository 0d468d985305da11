import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { Deadlines } from "../../src/core/deadlines.ts";
import type { Deadline } from "../../src/core/deadlines.ts";
import { InternalError } from "../../src/core/errors.ts";
import { type FakeClock, fakeClock } from "../support/clock.ts";
import { test } from "../support/harness.ts";
import { seeded } from "../support/random.ts";

function setUp(): { clock: FakeClock; deadlines: Deadlines; log: string[]; note: (name: string) => () => void } {
  const clock = fakeClock(0);
  const log: string[] = [];
  return { clock, deadlines: new Deadlines(clock), log, note: (name) => () => log.push(`${name}@${clock.now()}`) };
}

test("deadlines fire in the order of their times, equal ones in the order of scheduling", () => {
  const { clock, deadlines, log, note } = setUp();
  deadlines.at(30, note("c"));
  deadlines.at(10, note("a"));
  deadlines.at(20, note("b1"));
  deadlines.at(20, note("b2"));
  assertEquals(deadlines.size, 4);
  clock.advance(9);
  assertEquals(log, []);
  clock.advance(100);
  assertEquals(log, ["a@10", "b1@20", "b2@20", "c@30"]);
  assertEquals([deadlines.size, clock.pending], [0, 0]);
});

test("any number of deadlines has one timer, moved only to an earlier time", () => {
  const { clock, deadlines, note } = setUp();
  for (let i = 0; i < 1_000; i++) deadlines.at(100 + i, note("later"));
  assertEquals([clock.made, clock.times], [1, [100]]);
  deadlines.at(50, note("earlier"));
  assertEquals([clock.made, clock.times], [2, [50]]);
});

test("a cancelled deadline does not fire; with none left there is no timer", () => {
  const { clock, deadlines, log, note } = setUp();
  const a = deadlines.at(10, note("a"));
  const b = deadlines.at(20, note("b"));
  assertEquals([a.time, a.pending], [10, true]);
  a.cancel();
  a.cancel();
  assertEquals([a.pending, deadlines.size, clock.pending], [false, 1, 1]);
  clock.advance(15);
  assertEquals([log, clock.times], [[], [20]]);
  b.cancel();
  assertEquals([deadlines.size, clock.pending], [0, 0]);
  clock.advance(100);
  assertEquals(log, []);
});

test("a cancelled deadline that outlives the last pending one holds no timer", () => {
  const { clock, deadlines, note } = setUp();
  deadlines.at(10, note("a"));
  deadlines.at(20, note("b")).cancel();
  clock.advance(10);
  assertEquals([deadlines.size, clock.pending], [0, 0]);
});

test("cancelling what has fired changes nothing", () => {
  const { clock, deadlines, note } = setUp();
  const a = deadlines.at(10, note("a"));
  deadlines.at(20, note("b"));
  clock.advance(10);
  a.cancel();
  assertEquals([a.pending, deadlines.size], [false, 1]);
});

test("a deadline in the past fires as soon as possible, never inside the call", () => {
  const { clock, deadlines, log, note } = setUp();
  clock.advance(100);
  deadlines.at(5, note("a"));
  deadlines.at(-Infinity, note("b"));
  assertEquals(log, []);
  clock.advance(0);
  assertEquals(log, ["b@100", "a@100"]);
});

test("an infinite deadline never fires and holds nothing; NaN is a fault of ours", () => {
  const { clock, deadlines, note } = setUp();
  const never = deadlines.at(Infinity, note("never"));
  assertEquals([never.pending, deadlines.size, clock.pending], [false, 0, 0]);
  never.cancel();
  assertThrows(() => deadlines.at(NaN, note("x")), InternalError, "NaN");
});

test("a deadline beyond what a timer takes waits in steps", () => {
  const { clock, deadlines, log, note } = setUp();
  const month = 30 * 24 * 3_600_000;
  deadlines.after(month, note("a"));
  assertEquals(clock.times, [0x7fff_ffff]);
  clock.advance(month - 1);
  assertEquals(log, []);
  clock.advance(1);
  assertEquals(log, [`a@${month}`]);
});

test("a timer that fires too early fires nothing and is armed again", () => {
  let fire = (): void => {};
  let now = 0;
  const delays: number[] = [];
  const timer = { cancel(): void {}, ref(): void {}, unref(): void {} };
  const deadlines = new Deadlines({ now: () => now, timer: (ms, f) => (delays.push(ms), fire = f, timer) });
  let fired = 0;
  deadlines.at(10, () => fired++);
  now = 9.4;
  fire();
  assertEquals([fired, delays], [0, [10, 1]]);
  now = 10;
  fire();
  assertEquals(fired, 1);
});

test("an expiring deadline may schedule, cancel and close", () => {
  const { clock, deadlines, log, note } = setUp();
  let victim: Deadline | undefined = undefined;
  deadlines.at(10, () => {
    victim?.cancel();
    deadlines.at(0, note("past"));
    deadlines.at(10, note("now"));
    deadlines.at(40, note("future"));
  });
  victim = deadlines.at(10, note("victim"));
  deadlines.at(10, note("neighbour"));
  clock.advance(10);
  assertEquals(log, ["neighbour@10", "past@10", "now@10"]);
  deadlines.at(20, () => deadlines.close());
  deadlines.at(20, note("closed"));
  clock.advance(100);
  assertEquals([log.length, deadlines.size, clock.pending], [3, 0, 0]);
});

test("a deadline that sets itself into the past again and again starves nobody", () => {
  const { clock, deadlines, log, note } = setUp();
  let again = 0;
  const self = { expire: (): void => void (again++ < 100 && deadlines.schedule(self, 0)) };
  deadlines.schedule(self, 10);
  deadlines.at(10, note("other"));
  clock.advance(10);
  assertEquals([again, log], [101, ["other@10"]]);
  // One turn for each: what is due besides timers gets its turn too.
  assertEquals(clock.made, 101);
});

test("unref and ref reach the timer that is armed and every later one", () => {
  const { clock, deadlines, note } = setUp();
  deadlines.at(10, note("a"));
  assertEquals(clock.held, 1);
  deadlines.unref();
  assertEquals(clock.held, 0);
  deadlines.at(5, note("b"));
  assertEquals([clock.pending, clock.held], [1, 0]);
  clock.advance(5);
  assertEquals([clock.pending, clock.held], [1, 0]);
  deadlines.ref();
  assertEquals(clock.held, 1);
});

test("close cancels everything, and what is scheduled later", () => {
  const { clock, deadlines, log, note } = setUp();
  const a = deadlines.at(10, note("a"));
  deadlines.close();
  const b = deadlines.at(20, note("b"));
  assertEquals([a.pending, b.pending, deadlines.size, clock.pending], [false, false, 0, 0]);
  a.cancel();
  b.cancel();
  clock.advance(100);
  assertEquals([log, deadlines.size], [[], 0]);
});

test("random scheduling and cancelling agrees with a sorted list", () =>
  seeded((random) => {
    const { clock, deadlines } = setUp();
    const fired: number[] = [];
    let model: { id: number; time: number; deadline: Deadline }[] = [];
    for (let id = 0; id < 20_000; id++) {
      // By turns it grows and empties.
      if (random.chance(id % 1_000 < 500 ? 0.6 : 0.2)) {
        const time = clock.now() + random.int(500) - 20;
        model.push({ id, time, deadline: deadlines.at(time, () => fired.push(id)) });
      } else if (random.chance(0.8) && model.length > 0) {
        model.splice(random.int(model.length), 1)[0]!.deadline.cancel();
      } else {
        clock.advance(random.int(30));
        const due = model.filter((m) => m.time <= clock.now()).sort((a, b) => a.time - b.time || a.id - b.id);
        assertEquals([...fired].sort((a, b) => a - b), due.map((m) => m.id).sort((a, b) => a - b));
        fired.length = 0;
        model = model.filter((m) => m.time > clock.now());
      }
      assertEquals(deadlines.size, model.length);
      assert(clock.pending === (model.length > 0 ? 1 : 0));
    }
  }));

test("cancelling many deadlines leaves the others and the timer alone", () => {
  const { clock, deadlines, note } = setUp();
  deadlines.at(1, note("first"));
  for (let i = 0; i < 100_000; i++) deadlines.at(1_000 + i, note("x")).cancel();
  assertEquals([deadlines.size, clock.made], [1, 1]);
  const many = Array.from({ length: 10_000 }, (_, i) => deadlines.at(1_000 + i, note("x")));
  for (const deadline of many) deadline.cancel();
  assertEquals(deadlines.size, 1);
  assertLess(clock.made, 3);
});
