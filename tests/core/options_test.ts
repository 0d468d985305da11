import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { PoolError } from "../../src/core/errors.ts";
import { checks } from "../../src/core/options.ts";
import { test } from "../support/harness.ts";

const check = checks("try");

function refused(act: () => unknown, message: string): void {
  const error = assertThrows(act, PoolError);
  assertEquals([error.code, error.message], ["ERR_POOL_OPTION", `Cannot try: ${message}`]);
}

test("integer: whole numbers in the range, or the default", () => {
  const range = { default: 5, min: 1, max: 10 };
  assertEquals([undefined, 1, 10].map((n) => check.integer("n", n, range)), [5, 1, 10]);
  assertEquals(check.integer("n", undefined, { default: undefined }), undefined);
  assertEquals(check.integer("n", 0, { default: 1 }), 0);
  assertEquals(check.integer("n", Infinity, { default: 1, max: Infinity }), Infinity);
  refused(() => check.integer("n", 0, range), "`n` is 0, not a whole number from 1 to 10");
  refused(() => check.integer("n", 11, range), "`n` is 11, not a whole number from 1 to 10");
  refused(() => check.integer("n", 1.5, range), "`n` is 1.5, not a whole number from 1 to 10");
  refused(() => check.integer("n", NaN, range), "`n` is NaN, not a whole number from 1 to 10");
  refused(() => check.integer("n", "5", range), '`n` is "5", not a whole number from 1 to 10');
  refused(() => check.integer("n", null, range), "`n` is null, not a whole number from 1 to 10");
  refused(() => check.integer("n", Infinity, { default: 1 }), "`n` is Infinity, not a whole number of at least 0");
});

test("duration: milliseconds, broken ones too, Infinity only when allowed", () => {
  assertEquals(check.duration("d", undefined, { default: 30_000 }), 30_000);
  assertEquals(check.duration("d", 0.5, { default: 1 }), 0.5);
  assertEquals(check.duration("d", Infinity, { default: 1, max: Infinity }), Infinity);
  refused(
    () => check.duration("d", Infinity, { default: 1 }),
    "`d` is Infinity, not a number of milliseconds of at least 0",
  );
  refused(() => check.duration("d", -1, { default: 1 }), "`d` is -1, not a number of milliseconds of at least 0");
  refused(() => check.duration("d", "5s", { default: 1 }), '`d` is "5s", not a number of milliseconds of at least 0');
});

test("string and oneOf", () => {
  assertEquals([check.string("s", "x", "d"), check.string("s", undefined, "d")], ["x", "d"]);
  refused(() => check.string("s", "", "d"), '`s` is "", not a text of at least one character');
  refused(() => check.string("s", 5, "d"), "`s` is 5, not a text of at least one character");
  const values = ["verified", "insecure"] as const;
  assertEquals(check.oneOf("mode", undefined, values, "verified"), "verified");
  assertEquals(check.oneOf("mode", "insecure", values, "verified"), "insecure");
  refused(() => check.oneOf("mode", "none", values, "verified"), '`mode` is "none", not one of "verified", "insecure"');
});

test("callable and object", () => {
  const f = (): number => 1;
  const o = { a: 1 };
  assertStrictEquals(check.callable("f", f), f);
  assertStrictEquals(check.object("o", o), o);
  assertEquals([check.callable("f", undefined), check.object("o", undefined)], [undefined, undefined]);
  refused(() => check.callable("f", 5 as unknown as () => void), "`f` is 5, not a function");
  refused(() => check.object("o", null as unknown as object), "`o` is null, not an object");
  refused(() => check.object("o", []), "`o` is an array of 0, not an object");
  refused(() => check.object("o", "x" as unknown as object), '`o` is "x", not an object');
});

test("two options in order, and errors of the caller's own", () => {
  check.ordered("min", 20, "max", 20);
  refused(() => check.ordered("min", 30, "max", 20), "`min` is 30, above `max` 20");
  assertEquals(check.error("key", "k", "not PEM").message, 'Cannot try: `key` is "k", not PEM');
});
