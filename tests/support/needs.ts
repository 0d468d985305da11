/** What a test may need that not every machine has. A missing one shows as a skip, with the reason. @module */
import process from "node:process";
import { findProgram, findRuntime, type RuntimeName } from "./runtime.ts";

/** Something that is there, or the sentence why it is not. */
export interface Need {
  readonly missing: string | undefined;
}

/** A program on the PATH. */
export function program(name: string): Need {
  return { missing: findProgram(name) ? undefined : `no program ${name}` };
}

/** A runtime of the matrix. */
export function runtime(name: RuntimeName): Need {
  return { missing: findRuntime(name) ? undefined : `no ${name}` };
}

/** Linux: `/proc`, signals that stop a process, 127.0.0.0/8. */
export const linux: Need = { missing: process.platform === "linux" ? undefined : "not Linux" };
