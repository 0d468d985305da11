// Not part of the suite: job_test.ts runs it as a test file that goes wrong in the way that MODE names.
import process from "node:process";
import { test } from "../../support/harness.ts";

const mode = process.env.MODE;
if (mode === "throws") throw new Error("cannot load");
if (mode === "missing") await import(String("./no_such_module.ts"));

if (mode !== "empty") {
  test("one <passes> & \"is\" 'quoted'", () => {});
  test("one is left out", { needs: { missing: "no moon" } }, () => {});
  test("one depends", async () => {
    if (mode === "fails") throw new Error('expected <this> & "that"');
    if (mode === "exits") process.exit(0);
    if (mode === "crashes") process.kill(process.pid, "SIGKILL");
    if (mode === "hangs") { for (;;); }
    await Promise.resolve();
  });
}
