import { assertEquals, assertThrows } from "@std/assert";
import { read } from "../../scripts/bench/servers/load.ts";
import type { ServerName } from "../../scripts/bench/servers/measures.ts";
import { ratios, table } from "../../scripts/bench/servers/report.ts";
import type { Rounds, Sample } from "../../scripts/bench/servers/rounds.ts";
import { test } from "../support/harness.ts";

// What h2load 1.52 prints.
const printed = (codes: string, errored: number): string => `
finished in 2.00s, 1500.50 req/s, 200KB/s
requests: 100 total, 101 started, 100 done, 100 succeeded, ${errored} failed, ${errored} errored, 0 timeout
status codes: ${codes}
`;
const log = Array.from({ length: 100 }, (_, i) => `1\t200\t${(i + 1) * 1_000}`).join("\n") + "\n";

test("bench of servers: what h2load says", () => {
  const whole = { rate: 1500.5, p99: 99, requests: 100 };
  assertEquals(read(0, printed("100 2xx, 0 3xx, 0 4xx, 0 5xx", 0), log), whole);
  // A status without a reason is one that it does not see.
  assertEquals(read(0, printed("0 2xx, 0 3xx, 0 4xx, 0 5xx", 0), log), whole);
  assertThrows(() => read(0, printed("99 2xx, 0 3xx, 0 4xx, 1 5xx", 0), log), Error, "1 5xx");
  assertThrows(() => read(0, printed("90 2xx, 0 3xx, 0 4xx, 0 5xx", 10), log), Error, "10 errored");
  assertThrows(() => read(1, "", ""), Error, "h2load (1)");
});

test("bench of servers: ratios of paired rounds against their floors", () => {
  const sample = (rate: number): Sample => ({ rate, p99: 1, cpu: 1e6 / rate });
  const of = (samples: Partial<Record<ServerName, (Sample | undefined)[]>>): Rounds =>
    new Map(Object.entries(samples) as [ServerName, Sample[]][]);
  const rounds = of({
    pool: [sample(90), undefined, sample(80), sample(190)],
    bare: [sample(100), sample(1), sample(100), sample(100)],
  });
  const found = ratios(new Map([["h1", rounds], ["h2", rounds]]), ["pool", "bare", "pool-node"]);
  const shown = found.filter(({ figure }) => figure === "rate").map(({ measure, who, median, mark }) =>
    [measure, who, median, mark].join(" ")
  );
  assertEquals(shown, [
    "h1 pool 0.9 floor",
    "h1 pool-node  missing",
    "h2 pool 0.9 below",
    "h2 pool-node  missing",
  ]);
  const text = table({
    runtime: "Node",
    version: "1.2.3",
    rounds: 4,
    seconds: 1,
    samples: new Map([["h1", rounds]]),
    ratios: found,
    beside: [],
    notes: ["a note"],
    took: 5,
  });
  assertEquals(/HTTP\/2, GET +pool \/ node:http\(2\) +0\.90 .* BELOW/.test(text), true, text);
});
