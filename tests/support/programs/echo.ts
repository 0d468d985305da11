// What spawn_test.ts starts.
import { assertEquals } from "@std/assert";
import process from "node:process";
import { currentRuntime } from "../runtime.ts";

assertEquals(1, 1);
console.log(`ready ${currentRuntime()}`);
console.log(`args ${process.argv.slice(2)}`);
process.stdin.on("data", (chunk) => console.log(`heard ${String(chunk).trim()}`));
process.stdin.on("end", () => {
  console.error("bye");
  process.exitCode = 3;
});
