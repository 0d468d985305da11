import {
  assert,
  assertEquals,
  AssertionError,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { parseArgs } from "@std/cli";
import { test } from "../support/harness.ts";

test("assertEquals: deep, by type, by order", () => {
  assertEquals({ a: [1, { b: new Uint8Array([1, 2]) }], s: new Set([1, 2]) }, {
    s: new Set([2, 1]),
    a: [1, { b: new Uint8Array([1, 2]) }],
  });
  assertEquals(new Map([["a", { x: 1 }]]), new Map([["a", { x: 1 }]]));
  assertEquals(new Date(5), new Date(5));
  assertEquals(NaN, NaN);
  const different: [unknown, unknown][] = [
    [0, -0],
    [[1, 2], [2, 1]],
    [{ a: undefined }, {}],
    [new Uint8Array([1]), new Uint8Array([2])],
    [new Uint8Array([1]), [1]],
    [new Set([1]), new Set([2])],
    [new Map([["a", 1]]), new Map([["a", 2]])],
    [new Error("a"), new Error("b")],
    [new TypeError("a"), new Error("a")],
    [[undefined], []],
    ["1", 1],
  ];
  for (const [a, b] of different) {
    assertThrows(() => assertEquals(a, b), AssertionError, "Values are not equal");
    assertNotEquals(a, b);
  }
});

test("assertEquals: cycles end", () => {
  const a: { self?: unknown } = {}, b: { self?: unknown } = {};
  a.self = a;
  b.self = b;
  assertEquals(a, b);
});

test("assertEquals: the message shows the difference", () => {
  const error = assertThrows(
    () => assertEquals({ name: "a", size: 1 }, { name: "a", size: 2 }, "sizes"),
    AssertionError,
  );
  assertMatch(error.message, /sizes[^]*\n- +size: 1[^]*\n\+ +size: 2/);
});

test("assertThrows and assertRejects: return the error, refuse the wrong class, text, and success", async () => {
  const error = assertThrows(
    () => {
      throw new RangeError("too far");
    },
    RangeError,
    "far",
  );
  assert(error instanceof RangeError);
  assertThrows(() => assertThrows(() => 1), AssertionError, "Expected function to throw");
  assertThrows(
    () =>
      assertThrows(() => {
        throw new Error("x");
      }, TypeError),
    AssertionError,
    "TypeError",
  );
  const reason = await assertRejects(() => Promise.reject(new TypeError("bad id")), TypeError, "id");
  assertStrictEquals(reason.message, "bad id");
  await assertRejects(() => assertRejects(() => Promise.resolve(1)), AssertionError, "Expected function to reject");
  const wrong = await assertRejects(
    () => assertRejects(() => Promise.reject(new Error("a")), Error, "b"),
    AssertionError,
  );
  assertStringIncludes(wrong.message, "but got 'a'");
});

test("parseArgs: flags, values, aliases, the rest", () => {
  const args = parseArgs([
    "run",
    "--size=3",
    "--name",
    "x",
    "-v",
    "--no-color",
    "--on",
    "a",
    "--on",
    "b",
    "--",
    "--raw",
  ], {
    boolean: ["verbose", "color"],
    string: ["size", "name"],
    collect: ["on"],
    alias: { v: "verbose" },
    default: { color: true },
  });
  assertEquals(args, { _: ["run", "--raw"], verbose: true, color: false, size: "3", name: "x", on: ["a", "b"] });
});
