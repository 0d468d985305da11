/** The core's cost per operation on the runtime that runs this, as one line of JSON. @module */
import process from "node:process";
import { measureCore } from "../core.ts";

process.stdout.write(`${JSON.stringify(await measureCore([10, 1_000, 100_000]))}\n`);
