import { assertEquals } from "@std/assert";
import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "../support/harness.ts";

test("a listener, a deadline or a disposer that throws is the runtime's uncaught exception and disturbs nobody", async () => {
  const program = fileURLToPath(new URL("./uncaught_program.ts", import.meta.url));
  const args = "Deno" in globalThis ? ["run", "-A", "--no-check", program] : [program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
  assertEquals(JSON.parse(stdout), {
    uncaught: ["deadline", "leave", "listener"],
    log: ["listener 1", "emitted", "deadline", "later deadline", "fired, 0 left", "entered b"],
  });
});
