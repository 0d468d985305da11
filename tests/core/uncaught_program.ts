/** What callbacks that throw do: run by core/uncaught_test.ts as a process of its own, prints what happened as JSON. */
import process from "node:process";
import { Deadlines } from "../../src/core/deadlines.ts";
import { emit, TypedEventTarget } from "../../src/core/events.ts";
import { lifecycle } from "../../src/core/lifecycle.ts";
import { fakeClock } from "../support/clock.ts";

const uncaught: string[] = [];
const log: string[] = [];
process.on("uncaughtException", (error: Error) => uncaught.push(error.message));

const target = new TypedEventTarget<{ x: number }>();
target.addEventListener("x", () => {
  throw new Error("listener");
});
target.addEventListener("x", ({ detail }) => log.push(`listener ${detail}`));
emit(target, "x", 1);
log.push("emitted");

const clock = fakeClock(1_000);
const deadlines = new Deadlines(clock);
deadlines.after(1, () => {
  throw new Error("deadline");
});
deadlines.after(1, () => log.push("deadline"));
deadlines.after(2, () => log.push("later deadline"));
clock.advance(1);
clock.advance(1);
log.push(`fired, ${deadlines.size} left`);

type Two = "a" | "b";
const life = lifecycle<{ state: Two; leave?(): void }>(
  { a: ["b"], b: [] },
  {
    state: "a",
    leave(): void {
      throw new Error("leave");
    },
  },
  (state) => log.push(`entered ${state}`),
);
life.go({ state: "b" });

setTimeout(() => console.log(JSON.stringify({ uncaught: uncaught.sort(), log })), 1);
