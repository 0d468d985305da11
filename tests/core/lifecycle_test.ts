import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { InternalError } from "../../src/core/errors.ts";
import { lifecycle, POOL_TRANSITIONS, type PoolState, type Transitions } from "../../src/core/lifecycle.ts";
import { test } from "../support/harness.ts";

interface Stage {
  readonly state: PoolState;
  leave?(): void;
}

test("a pool goes new, starting, ready, reconnecting, ready, draining, closed", () => {
  const log: string[] = [];
  const life = lifecycle<Stage>(POOL_TRANSITIONS, { state: "new" }, (state, from) => log.push(`${from}>${state}`));
  const way: PoolState[] = ["starting", "ready", "reconnecting", "ready", "draining", "closed"];
  for (const state of way) {
    assertEquals(life.may(state), true);
    life.go({ state });
    assertEquals(life.state, state);
  }
  assertEquals(
    log.join(" "),
    "new>starting starting>ready ready>reconnecting reconnecting>ready ready>draining draining>closed",
  );
});

test("every transition that the table does not name throws, and nothing happens", () => {
  const states: PoolState[] = ["new", "starting", "ready", "reconnecting", "draining", "closed"];
  let refused = 0;
  for (const from of states) {
    for (const to of states.filter((s) => !POOL_TRANSITIONS[from].includes(s))) {
      let left = 0;
      const phase: Stage = { state: from, leave: () => left++ };
      const life = lifecycle<Stage>(POOL_TRANSITIONS, phase, () => left++);
      assertEquals(life.may(to), false);
      const message = `Cannot go to state "${to}": current state is "${from}"`;
      assertThrows(() => life.go({ state: to }), InternalError, message);
      assertStrictEquals(life.phase, phase);
      assertEquals(left, 0);
      refused++;
    }
  }
  assertEquals(refused, 36 - 12);
});

test("leaving a state releases what belongs to it, once, before the change is told", () => {
  const log: string[] = [];
  const life = lifecycle<Stage>(POOL_TRANSITIONS, { state: "new", leave: () => log.push("leave new") }, (state) => {
    log.push(`entered ${state}`);
  });
  life.go({ state: "starting", leave: () => log.push(`leave starting in ${life.state}`) });
  life.go({ state: "closed" });
  assertEquals(log, ["leave new", "entered starting", "leave starting in closed", "entered closed"]);
});

test("what is told of a change may go on to the next state", () => {
  const log: string[] = [];
  const life = lifecycle<Stage>(POOL_TRANSITIONS, { state: "ready" }, (state) => {
    log.push(state);
    if (state === "draining") life.go({ state: "closed" });
  });
  life.go({ state: "draining", leave: () => log.push("leave draining") });
  assertEquals([life.state, log], ["closed", ["draining", "leave draining", "closed"]]);
});

test("the same function serves another table with other phases", () => {
  type ServerState = "stopped" | "starting" | "running" | "stopping" | "failed" | "disabled";
  type ServerPhase = { state: "running"; since: number } | { state: Exclude<ServerState, "running"> };
  const table: Transitions<ServerState> = {
    stopped: ["starting", "disabled"],
    starting: ["running", "failed", "stopping"],
    running: ["stopping", "failed"],
    stopping: ["stopped", "failed"],
    failed: ["starting", "stopped", "disabled"],
    disabled: ["stopped"],
  };
  const life = lifecycle<ServerPhase>(table, { state: "stopped" });
  life.go({ state: "starting" });
  life.go({ state: "running", since: 5 });
  assertEquals(life.phase.state === "running" && life.phase.since, 5);
  assertThrows(() => life.go({ state: "disabled" }), InternalError, '"running"');
});
