/** What callbacks that throw do: run by core/uncaught_test.ts as a process of its own, prints what happened as JSON. */
import process from "node:process";
import { Deadlines } from "../../src/core/deadlines.ts";
import { Events } from "../../src/core/events.ts";
import { lifecycle } from "../../src/core/lifecycle.ts";
import { fakeClock } from "../support/clock.ts";

const uncaught: string[] = [];
const log: string[] = [];
process.on("uncaughtException", (error: Error) => uncaught.push(error.message));

const target = new EventTarget();
const events = new Events(target);
events.listened("x");
target.addEventListener("x", () => {
  throw new Error("listener");
});
target.addEventListener("x", (event) => log.push(`listener ${(event as CustomEvent).detail}`));
events.raise("x", 1);
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
