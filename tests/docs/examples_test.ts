import { assertEquals } from "@std/assert";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { type Block, blocks, DOCUMENTS, examples, moduleName, moduleOf, readDocument } from "../../scripts/docs.ts";
import { spkiPin } from "../../src/adapter/tls/certificate.ts";
import { selfSigned } from "../../src/cli/certificate.ts";
import { certFile } from "../support/certs.ts";
import { test, type TestContext } from "../support/harness.ts";
import { program } from "../support/needs.ts";
import { ROOT } from "../support/runtime.ts";
import { spawnProgram } from "../support/spawn.ts";

// The examples of the documents run as they stand, on every runtime: in a folder that has the certificates they name, in
// a file of this repository, so that `@x/h2pool` means it.

for (const block of examples().filter(({ words }) => !words.includes("check"))) {
  test(`example at ${block.place}`, (t) => run(t, block));
}

test(
  "the commands for a certificate and its pin do what the documents say",
  { needs: program("openssl") },
  async (t) => {
    const command = (part: string): string => {
      const found = DOCUMENTS.flatMap((file) => blocks(file, readDocument(file))).find(({ text }) =>
        text.includes(part)
      );
      return found?.text ?? `no command has ${part}`;
    };
    enterFolder(t);
    const cwd = process.cwd();
    const make = spawnProgram(t, ["sh", "-c", command("openssl req")], { cwd });
    assertEquals((await make.exit()).code, 0, make.err.text);
    const pin = spawnProgram(t, ["sh", "-c", command("openssl dgst")], { cwd });
    await pin.exit();
    assertEquals(pin.out.text.trim(), spkiPin(readFileSync("cert.pem")));
    const first = examples()[0]!;
    await run(t, first, "stay");
  },
);

async function run(t: TestContext, block: Block, where: "enter" | "stay" = "enter"): Promise<void> {
  const cache = join(ROOT, ".cache", "docs");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "run-"));
  t.cleanup(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, moduleName(block));
  writeFileSync(file, moduleOf(block));
  if (where === "enter") enterFolder(t);
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
  cpSync(join(ROOT, "examples"), join(folder, "examples"), { recursive: true });
  process.chdir(folder);
  t.cleanup(() => {
    process.chdir(ROOT);
    rmSync(folder, { recursive: true, force: true });
  });
}

function captureConsole(t: TestContext): string[] {
  const lines: string[] = [];
  const { log, warn } = console;
  console.log = (...values) => void lines.push(values.map((v) => typeof v === "string" ? v : inspect(v)).join(" "));
  console.warn = () => {};
  t.cleanup(() => Object.assign(console, { log, warn }));
  return lines;
}
