/** What a test may need that not every machine has. A missing one shows as a skip, with the reason. @module */
import { existsSync } from "node:fs";
import process from "node:process";
import { findProgram, findRuntime, type RuntimeName } from "./runtime.ts";

/** Something that is there, or the sentence why it is not. */
export interface Need {
  readonly missing: string | undefined;
}

/** The Python that Debian's `python3-h2` is for; another one may come first on the PATH. */
export const PYTHON: string = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3";

/** A program on the PATH, or at that path. */
export function program(name: string): Need {
  if (name.includes("/")) return { missing: existsSync(name) ? undefined : `no ${name}` };
  return { missing: findProgram(name) ? undefined : `no program ${name}` };
}

/** A runtime of the matrix. */
export function runtime(name: RuntimeName): Need {
  return { missing: findRuntime(name) ? undefined : `no ${name}` };
}

/** Linux: `/proc`, signals that stop a process, 127.0.0.0/8. */
export const linux: Need = { missing: process.platform === "linux" ? undefined : "not Linux" };
