import { assertEquals } from "@std/assert";
import { test } from "../support/harness.ts";
import { figure, MEASURES } from "../../scripts/bench/measures.ts";
import { mark, ratios } from "../../scripts/bench/report.ts";
import type { Rounds, Sample } from "../../scripts/bench/rounds.ts";
import { spread } from "../../scripts/bench/statistics.ts";

const sample = (figure: number): Sample => ({ figure, client: 1, server: 1, cpu: 2 });

test("spread: the middle value, or the mean of both middle ones", () => {
  assertEquals(spread([3, 1, 2]), { median: 2, min: 1, max: 3 });
  assertEquals(spread([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 });
  assertEquals(spread([]), undefined);
});

test("mark: the limits themselves count as reached, in both directions", () => {
  assertEquals(mark(1.1, "higher", 0.9, 1.1), "aim");
  assertEquals(mark(0.9, "higher", 0.9, 1.1), "floor");
  assertEquals(mark(0.89, "higher", 0.9, 1.1), "below");
  assertEquals(mark(0.9, "lower", 1.1, 0.9), "aim");
  assertEquals(mark(1.11, "lower", 1.1, 0.9), "below");
  assertEquals(mark(5, "higher", undefined, undefined), "reported");
  assertEquals(mark(undefined, "higher", 0.9, 1.1), "missing");
});

test("ratios: taken within a round, a failed round counts for neither side", () => {
  const rounds: Rounds = new Map([
    ["pool", [sample(100), sample(10), undefined, sample(30)]],
    ["h2", [sample(50), sample(20), sample(1), sample(10)]],
  ]);
  const [first] = ratios("node", new Map([["up", rounds]]), {});
  assertEquals([first?.measure, first?.of, first?.median, first?.min, first?.max], ["up", "h2", 2, 0.5, 3]);
  assertEquals([first?.floor, first?.aim, first?.mark], [0.9, 1.1, "aim"]);
});

test("ratios: both engines are compared in every measure that both run", () => {
  const rounds: Rounds = new Map([["pool", [sample(30)]], ["pool-platform", [sample(10)]]]);
  const all = ratios("deno", new Map(MEASURES.map(({ id }) => [id, rounds])), {});
  const engines = all.filter(({ of }) => of === "pool-platform");
  assertEquals(engines.map(({ measure }) => measure).sort(), MEASURES.map(({ id }) => id).sort());
  for (const { who, median, mark } of engines) assertEquals([who, median, mark], ["pool", 3, "reported"]);
});

test("ratios: what was asked for and not measured is said to be missing", () => {
  const rounds: Rounds = new Map([["h2", [sample(50)]]]);
  const [first] = ratios("bun", new Map([["echo", rounds]]), {});
  assertEquals([first?.measure, first?.mark], ["echo", "missing"]);
});

test("figure: bytes, microseconds and events per second", () => {
  const of = (unit: string) => figure(MEASURES.find((m) => m.unit === unit)!, { seconds: 2, done: 4_000_000 });
  assertEquals([of("MB/s"), of("us"), of("/s")], [2, 0.5, 2_000_000]);
});
