/** Child processes, from `/proc`. Elsewhere than on Linux there are none to be seen. @module */
import { readdirSync, readFileSync } from "node:fs";

/** The processes that `pid` started and that have not been waited for. */
export function childrenOf(pid: number | "self"): number[] {
  const tasks = attempt(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  return tasks.flatMap((task) => {
    const list = attempt(() => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")) ?? "";
    return list.split(" ").filter(Boolean).map(Number);
  });
}

/** A process's name and state letter ("Z" has ended), or undefined. */
export function processState(pid: number): { name: string; state: string } | undefined {
  const [, name = "", state = ""] =
    /\((.*)\) (.)/.exec(attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8")) ?? "") ?? [];
  return state ? { name, state } : undefined;
}

// A process may end between any two looks.
function attempt<T>(f: () => T): T | undefined {
  try {
    return f();
  } catch {
    return undefined;
  }
}
