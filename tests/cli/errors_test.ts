import { assertEquals } from "@std/assert";
import { sentence } from "../../src/cli/errors.ts";
import { test } from "../support/harness.ts";

test("cli: a failure is one line: its message, and what its causes add to it", () => {
  assertEquals(sentence(new Error("it\n  broke")), "it broke");
  const cause = new Error("connect ECONNREFUSED 127.0.0.1:1");
  assertEquals(sentence(new Error("cannot reach it", { cause })), "cannot reach it: connect ECONNREFUSED 127.0.0.1:1");
  assertEquals(sentence(new Error("cannot: connect ECONNREFUSED 127.0.0.1:1", { cause })), `cannot: ${cause.message}`);
  assertEquals(sentence("text"), "text");
});

test("cli: an error that says nothing is told by what is in it, its code or its name", () => {
  const first = new Error("connect ECONNREFUSED ::1:3000");
  assertEquals(sentence(new AggregateError([first, new Error("other")])), first.message);
  assertEquals(sentence(Object.assign(new Error(), { code: "EMFILE" })), "EMFILE");
  assertEquals(sentence(new RangeError()), "RangeError");
});
