import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { InternalError, optionError, PoolError, SECRET, show } from "../../src/core/errors.ts";
import { test } from "../support/harness.ts";

test("an error has code, message, cause and, when there is one, the RST code", () => {
  const cause = new Error("below");
  const error = new PoolError("ERR_STREAM_RESET", "reset", { cause, rstCode: 8 });
  assertEquals([error.name, error.code, error.message, error.rstCode], ["PoolError", "ERR_STREAM_RESET", "reset", 8]);
  assertStrictEquals(error.cause, cause);
  assert(error instanceof Error);
  assertEquals(String(error), "PoolError: reset");
  assert(error.stack?.includes("errors_test"));
});

test("what is not there is not a field", () => {
  const error = new PoolError("ERR_POOL_TIMEOUT", "late");
  assertEquals(["rstCode" in error, "cause" in error, Object.keys(error)], [false, false, ["code"]]);
});

test("instanceof holds across copies of the package, and for nothing else", async (t) => {
  // A copy of the file: with "?copy" Bun gives the same module again.
  const folder = await mkdtemp(join(tmpdir(), "h2pool-errors-"));
  t.cleanup(() => rm(folder, { recursive: true }));
  const file = join(folder, "errors.ts");
  await copyFile(new URL("../../src/core/errors.ts", import.meta.url), file);
  const copy = await import(pathToFileURL(file).href) as typeof import("../../src/core/errors.ts");
  assert(copy.PoolError !== PoolError, "the runtime gave the same module");
  const theirs: unknown = new copy.PoolError("ERR_POOL_CLOSED", "closed");
  assert(theirs instanceof PoolError);
  assert(new PoolError("ERR_POOL_CLOSED", "closed") instanceof copy.PoolError);
  for (
    const other of [
      new Error("x"),
      { code: "ERR_POOL_CLOSED" },
      null,
      undefined,
      "ERR_POOL_CLOSED",
      new InternalError("x"),
    ]
  ) {
    assertFalse(other instanceof PoolError);
  }
});

test("an option error names the action, the option, its value and the problem", () => {
  const error = optionError("create a client pool", "minCapacity", 30, "above `maxCapacity` 20");
  assertEquals(error.code, "ERR_POOL_OPTION");
  assertEquals(error.message, "Cannot create a client pool: `minCapacity` is 30, above `maxCapacity` 20");
});

test("values are shown short, on one line, and secrets not at all", () => {
  const shown: [unknown, string][] = [
    [30, "30"],
    [-0.5, "-0.5"],
    [NaN, "NaN"],
    [10n, "10n"],
    [true, "true"],
    [undefined, "undefined"],
    [null, "null"],
    ["a\nb", '"a\\nb"'],
    ["x".repeat(200), `"${"x".repeat(77)}..."`],
    [[1, 2], "an array of 2"],
    [{ a: 1 }, "an object"],
    [new Date(5), "the date 5"],
    [() => 1, "a function"],
    [Symbol("s"), "a symbol"],
    [SECRET, "set"],
  ];
  for (const [value, text] of shown) assertEquals(show(value), text);
});
