import { assert, assertEquals } from "@std/assert";
import { readDocument } from "../../scripts/docs.ts";
import { engineNamed, engineNames } from "../../src/adapter/engine.ts";
import { currentRuntime } from "../../src/adapter/runtime.ts";
import { test } from "../support/harness.ts";

// Each runtime checks its own column: what an engine cannot do may differ between them.
const here = { deno: "Deno", bun: "Bun", node: "Node" }[currentRuntime().name];
const rows = table();

for (const name of engineNames) {
  test(`README.md: what the engine ${name} can do here is in its table, and nothing else`, () => {
    const column = (rows[0] ?? []).findIndex((cell) => cell === `\`${name}\`` || cell === `\`${name}\`, ${here}`);
    assert(column > 0, `no column for ${name} on ${here}`);
    const said = rows.flatMap((row) => {
      const [, capability] = /^`(\w+)`:/.exec(row[0] ?? "") ?? [];
      return capability === undefined ? [] : [[capability, row[column]] as const];
    });
    const has = Object.entries(engineNamed(name).capabilities).map(([key, can]) => [key, can ? "yes" : "no"] as const);
    assertEquals(Object.fromEntries(said), Object.fromEntries(has));
    assertEquals(said.length, has.length);
  });
}

test("README.md: what an engine lacks is explained below its table", () => {
  const [, after = ""] = readDocument("README.md").split("<!-- engines: end -->");
  const missing = engineNames.flatMap((name) => Object.entries(engineNamed(name).capabilities))
    .filter(([key, can]) => !can && !after.split(/^#/m)[0]?.includes(`\`${key}\``));
  assertEquals(missing, []);
});

function table(): string[][] {
  const [, text = ""] = /<!-- engines: begin -->([\s\S]*?)<!-- engines: end -->/.exec(readDocument("README.md")) ?? [];
  return text.trim().split("\n").map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}
