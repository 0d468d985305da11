/**
 * Writes `schema/servers.json`, or says with `--check` whether it is current.
 *
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { serversJsonSchema } from "../src/servers/config/json_schema.ts";
import { ROOT } from "../tests/support/runtime.ts";

const file = join(ROOT, "schema", "servers.json");
const text = `${JSON.stringify(serversJsonSchema(), null, 2)}\n`;
if (process.argv.includes("--check")) {
  if (read() !== text) {
    console.log("schema/servers.json is not current: deno task schema writes it");
    process.exitCode = 1;
  }
} else {
  mkdirSync(join(ROOT, "schema"), { recursive: true });
  writeFileSync(file, text);
}

function read(): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
