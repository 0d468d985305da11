import { assertEquals } from "@std/assert";
import { statusLine } from "../../../src/cli/tunnel/status.ts";
import type { StreamPoolStats } from "../../../src/streams/mod.ts";
import { test } from "../../support/harness.ts";

test("status: streams idle and in use, bytes, round trip; who waits only when somebody does", () => {
  const stats = { active: 12, bytesIn: 1_234_567, bytesOut: 999, rtt: 0.42 } as StreamPoolStats;
  assertEquals(
    statusLine({ state: "clients 2", inUse: 3, waiting: 0, stats }),
    "clients 2  idle 12  in use 3  in 1.2 MB  out 999 B  rtt 0.4 ms",
  );
  assertEquals(
    statusLine({ state: "ready", inUse: 0, waiting: 7, stats: { ...stats, rtt: 31.4 } }),
    "ready  idle 12  in use 0  waiting 7  in 1.2 MB  out 999 B  rtt 31 ms",
  );
  assertEquals(
    statusLine({ state: "reconnecting", inUse: 0, stats: { ...stats, rtt: undefined } }),
    "reconnecting  idle 12  in use 0  in 1.2 MB  out 999 B  rtt -",
  );
});
