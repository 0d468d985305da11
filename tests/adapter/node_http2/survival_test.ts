/** What kills node:http2 as it comes does not kill the engine on it; `scripts/survival.ts` asks more often. @module */
import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { test } from "../../support/harness.ts";
import { currentRuntime } from "../../support/runtime.ts";
import { attack, ROLES, TRIGGERS } from "./triggers.ts";

const RUNS = 2;

for (const trigger of TRIGGERS) {
  for (const role of ROLES) {
    test(`survival: a ${role} outlives the trigger "${trigger}"`, async (t) => {
      for (let run = 0; run < RUNS; run++) {
        const { survived, exit, said } = await attack(t, currentRuntime(), { role, over: "engine", trigger });
        assert(survived, `${JSON.stringify(exit)} ${said}`);
      }
    });
  }
}

/** Whom node:http2 as it comes does not outlive. A newer Deno belongs here, and in the rules, or in neither. */
const { deno } = process.versions as Record<string, string | undefined>;
const goaway = ["2.9.4", "2.9.5", "2.9.6"].includes(deno ?? "");
const DEADLY = [
  { trigger: "goaway", role: "server", deadly: goaway },
  { trigger: "goaway", role: "client", deadly: goaway },
  { trigger: "reset", role: "server", deadly: deno !== undefined },
] as const;
for (const { trigger, role, deadly } of DEADLY) {
  test(`survival: without the engine "${trigger}" kills a ${role} on Deno, and there alone`, async (t) => {
    const { survived, exit } = await attack(t, currentRuntime(), { role, over: "bare", trigger });
    assertEquals([survived, exit.signal !== null], [!deadly, deadly]);
  });
}
