import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { PoolError } from "../../src/core/errors.ts";
import { waitBudget, type WaitOptions } from "../../src/core/wait.ts";
import { test } from "../support/harness.ts";

test("a wait has 30 s when nothing is said", () => {
  assertEquals(waitBudget("wait", undefined).timeout, 30_000);
  assertEquals(waitBudget("wait", {}).timeout, 30_000);
  assertEquals(waitBudget("wait", { timeout: undefined }).timeout, 30_000);
});

test("a bare number is a timeout; 0 and Infinity are timeouts", () => {
  for (const timeout of [0, 0.5, 7, Infinity]) {
    assertEquals(waitBudget("wait", timeout).timeout, timeout);
    assertEquals(waitBudget("wait", { timeout }).timeout, timeout);
  }
});

test("the signal is handed on", () => {
  const { signal } = new AbortController();
  assertStrictEquals(waitBudget("wait", { signal }).signal, signal);
});

test("a wait that cannot be is ERR_POOL_OPTION naming option and value", () => {
  const wrong: [unknown, string][] = [
    [NaN, "Cannot take: `timeout` is NaN, not a number of milliseconds from 0 to Infinity"],
    [-1, "Cannot take: `timeout` is -1, "],
    [{ timeout: -0.1 }, "Cannot take: `timeout` is -0.1, "],
    [{ timeout: "5s" }, 'Cannot take: `timeout` is "5s", '],
    [{ timeout: null }, "Cannot take: `timeout` is null, "],
    ["5s", 'Cannot take: `wait` is "5s", '],
    [null, "Cannot take: `wait` is null, "],
    [{ signal: {} }, "Cannot take: `signal` is an object, not an AbortSignal"],
    [{ signal: null }, "Cannot take: `signal` is null, not an AbortSignal"],
  ];
  for (const [wait, message] of wrong) {
    const error = assertThrows(() => waitBudget("take", wait as WaitOptions), PoolError, message);
    assertEquals(error.code, "ERR_POOL_OPTION");
  }
});
