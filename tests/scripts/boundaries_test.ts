import { assert, assertEquals } from "@std/assert";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { test, type TestContext } from "../support/harness.ts";
import { runtime } from "../support/needs.ts";
import { runtimePath } from "../support/runtime.ts";
import { spawnProgram } from "../support/spawn.ts";

const plugin = fileURLToPath(new URL("../../scripts/boundaries.ts", import.meta.url));

test("boundaries: every arrow that ARCHITECTURE.md does not draw is told", { needs: runtime("deno") }, async (t) => {
  assertEquals(
    await lint(t, {
      "src/core/a.ts":
        `import "../adapter/b.ts";\nimport type { X } from "../streams/c.ts";\nimport "node:path";\nexport { Y } from "npm:valibot";`,
      "src/adapter/b.ts":
        `import "../core/a.ts";\nexport * from "../streams/c.ts";\nimport "acorn";\nawait import("../cli/e.ts");`,
      "src/streams/c.ts":
        `import "../cli/e.ts";\nimport "../metrics/d.ts";\nexport type T = import("../servers/f.ts").T;`,
      "src/metrics/d.ts": `import "../streams/c.ts";`,
      "src/cli/e.ts":
        `import "node:tls";\nimport "node:net";\nimport "node:http";\nimport "node:http2";\nawait import(String(1));`,
      "src/servers/f.ts":
        `import "@std/assert";\nimport "jsr:@std/cli";\nimport "node:timers/promises";\nimport "../core/a";\nimport "../../scripts/test.ts";`,
      "src/other/g.ts": `export {};`,
    }),
    [
      "src/adapter/b.ts arrows 1, 2, 3, 4",
      "src/cli/e.ts arrows 1, 2, 3, 4, 5",
      "src/core/a.ts arrows 1, 2, 3, 4",
      "src/metrics/d.ts arrows 1",
      "src/other/g.ts arrows 1",
      "src/servers/f.ts arrows 1, 2, 3, 4, 5",
      "src/streams/c.ts arrows 1, 2, 3",
    ],
  );
});

test("boundaries: a runtime named above the adapter is told", { needs: runtime("deno") }, async (t) => {
  const code =
    `import process from "node:process";\nDeno.exit();\nexport const a = "Bun" in globalThis;\nexport const b = process.versions.bun;\nexport const c = navigator.userAgent;`;
  assertEquals(await lint(t, { "src/streams/a.ts": code, "src/adapter/b.ts": code }), [
    "src/streams/a.ts runtimes 2, 3, 4, 5",
  ]);
});

test(
  "boundaries: time and chance in the core, code in mod.ts, a long file are told",
  { needs: runtime("deno") },
  async (t) => {
    const code =
      `setTimeout(() => {});\nexport const a = [Date.now(), performance.now()];\nexport const b = Math.random();`;
    assertEquals(
      await lint(t, {
        "src/core/a.ts": code,
        "src/cli/b.ts": code,
        "mod.ts": `export * from "./src/core/a.ts";\nexport const a = 1;`,
        "cli.ts": `import "node:net";\nimport "./src/cli/b.ts";\nimport "./tests/full_test.ts";`,
        "tests/long_test.ts": "// line\n".repeat(600) + "export {};\n",
        "tests/full_test.ts": "// line\n".repeat(599) + "export {};\n",
      }),
      ["cli.ts arrows 1, 3", "mod.ts facade 2", "src/core/a.ts pure 1, 2, 2, 3", "tests/long_test.ts length 601"],
    );
  },
);

test("boundaries: what ARCHITECTURE.md draws passes", { needs: runtime("deno") }, async (t) => {
  assertEquals(
    await lint(t, {
      "src/core/a.ts": `import "./b.ts";\n// Deno and Bun are names here\nexport const a = "not in Bun";`,
      "src/core/b.ts": `export {};`,
      "src/adapter/b.ts": `import "node:tls";\nimport "./tls/c.ts";\nimport { setImmediate } from "node:timers";`,
      "src/adapter/tls/c.ts": `import "node:net";\nimport "../b.ts";\nawait import("node:http2");`,
      "src/streams/c.ts": `import "../core/a.ts";\nimport "../adapter/b.ts";\nimport "node:stream";`,
      "src/servers/d.ts": `import "npm:valibot";`,
      "src/cli/e.ts": `import "../streams/c.ts";\nimport "../core/a.ts";`,
      "mod.ts": `export { a } from "./src/core/a.ts";\nexport * from "./src/streams/c.ts";`,
      "tests/a_test.ts": `import "@std/assert";\nimport "../src/core/a.ts";\nDeno.exit();`,
    }),
    [],
  );
});

/** "file rule line, line" for each file and rule. */
async function lint(t: TestContext, files: Record<string, string>): Promise<string[]> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "h2pool-")));
  t.cleanup(() => rmSync(root, { recursive: true }));
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  };
  write("deno.json", JSON.stringify({ lint: { plugins: ["./scripts/boundaries.ts"], rules: { tags: [] } } }));
  write("scripts/boundaries.ts", "");
  copyFileSync(plugin, join(root, "scripts/boundaries.ts"));
  for (const [name, text] of Object.entries(files)) write(name, text);
  const child = spawnProgram(t, [runtimePath("deno"), "lint", "--json"], { cwd: root });
  await child.exit();
  const { diagnostics, errors } = JSON.parse(child.out.text) as {
    diagnostics: { filename: string; code: string; range: { start: { line: number } } }[];
    errors: unknown[];
  };
  assert(errors.length === 0, child.out.text);
  const lines = new Map<string, number[]>();
  for (const { filename, code, range } of diagnostics) {
    const key = `${relative(root, filename.startsWith("file:") ? fileURLToPath(filename) : filename)} ${
      code.split("/")[1]
    }`;
    lines.set(key, [...lines.get(key) ?? [], range.start.line]);
  }
  return [...lines].map(([key, list]) => `${key} ${list.sort((a, b) => a - b).join(", ")}`).sort();
}
