import { assertEquals } from "@std/assert";
import { stopOnSignals } from "../../src/cli/stop.ts";
import { test } from "../support/harness.ts";
import { fakeIo } from "./io.ts";

test("stop: the first signal drains, the second cuts with its code, the third ends the process", (t) => {
  const io = fakeIo();
  const stop = stopOnSignals(io, 0);
  t.cleanup(stop.release);
  assertEquals([stop.drain.aborted, stop.cut.aborted, stop.code()], [false, false, 0]);
  io.signal("SIGINT");
  assertEquals([stop.drain.aborted, stop.cut.aborted, stop.code()], [true, false, 0]);
  io.signal("SIGTERM");
  assertEquals([stop.cut.aborted, stop.code(), io.exits], [true, 143, []]);
  io.signal("SIGINT");
  assertEquals(io.exits, [143]);
});

test("stop: a drain that takes longer than its grace is cut, which is no failure", async (t) => {
  const io = fakeIo();
  const stop = stopOnSignals(io, 10);
  t.cleanup(stop.release);
  io.signal("SIGTERM");
  if (!stop.cut.aborted) await new Promise((resolve) => stop.cut.addEventListener("abort", resolve));
  assertEquals([stop.code(), io.exits], [0, []]);
  io.signal("SIGINT");
  assertEquals(stop.code(), 130);
});

test("stop: after its release signals are somebody else's, and no timer is left", () => {
  const io = fakeIo();
  const stop = stopOnSignals(io, 60_000);
  io.signal("SIGINT");
  stop.release();
  io.signal("SIGINT");
  assertEquals([stop.cut.aborted, io.exits], [false, []]);
});
