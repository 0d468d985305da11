import { assert, assertEquals } from "@std/assert";
import { currentRuntime, tooOld } from "../../src/adapter/runtime.ts";
import { test } from "../support/harness.ts";

test("names the runtime it runs on, which is new enough", () => {
  const runtime = currentRuntime();
  const globals = globalThis as { Deno?: unknown; Bun?: unknown };
  assertEquals(runtime.name, globals.Deno !== undefined ? "deno" : globals.Bun !== undefined ? "bun" : "node");
  assert(/^\d+\.\d+\.\d+/.test(runtime.version), runtime.version);
  assertEquals(tooOld(runtime), undefined);
});

test("says what is needed where a runtime is too old", () => {
  assertEquals(tooOld({ name: "deno", version: "2.8.9" }), "h2pool needs Deno 2.9 or newer: this is 2.8.9");
  assertEquals(tooOld({ name: "bun", version: "1.3.14" }), "h2pool needs Bun 1.4 or newer: this is 1.3.14");
  assertEquals(tooOld({ name: "node", version: "20.20.0" }), "h2pool needs Node 22.0 or newer: this is 20.20.0");
});

test("takes its floors and everything above them", () => {
  for (const version of ["2.9.0", "2.10.1", "3.0.0-rc.1"]) assertEquals(tooOld({ name: "deno", version }), undefined);
  assertEquals(tooOld({ name: "node", version: "22.0.0" }), undefined);
});
