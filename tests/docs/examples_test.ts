import { assertEquals } from "@std/assert";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { type Block, examples, moduleName, moduleOf } from "../../scripts/docs.ts";
import { selfSigned } from "../../src/cli/certificate.ts";
import { certFile } from "../support/certs.ts";
import { test, type TestContext } from "../support/harness.ts";
import { ROOT } from "../support/runtime.ts";

// The examples of the documents run as they stand, on every runtime: in a folder that has the certificates they name, in
// a file of this repository, so that `@x/h2pool` means it.

for (const block of examples().filter(({ words }) => !words.includes("check"))) {
  test(`example at ${block.place}`, (t) => run(t, block));
}

async function run(t: TestContext, block: Block): Promise<void> {
  const cache = join(ROOT, ".cache", "docs");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "run-"));
  t.cleanup(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, moduleName(block));
  writeFileSync(file, moduleOf(block));
  enterFolder(t);
  const { default: body } = await import(pathToFileURL(file).href) as { default: (t: TestContext) => Promise<void> };
  const printed = captureConsole(t);
  await body(t);
  if (block.prints !== undefined) assertEquals(printed.join("\n") + "\n", block.prints);
}

function enterFolder(t: TestContext): void {
  const folder = mkdtempSync(join(tmpdir(), "h2pool-docs-"));
  const { cert, key } = selfSigned({ names: ["localhost"], now: new Date() });
  writeFileSync(join(folder, "cert.pem"), cert);
  writeFileSync(join(folder, "key.pem"), key);
  for (const name of ["ca.pem", "client.pem", "client.key"]) copyFileSync(certFile(name), join(folder, name));
  process.chdir(folder);
  t.cleanup(() => {
    process.chdir(ROOT);
    rmSync(folder, { recursive: true, force: true });
  });
}

function captureConsole(t: TestContext): string[] {
  const lines: string[] = [];
  const { log } = console;
  console.log = (...values) => void lines.push(values.map((v) => typeof v === "string" ? v : inspect(v)).join(" "));
  t.cleanup(() => console.log = log);
  return lines;
}
