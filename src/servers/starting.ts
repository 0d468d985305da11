/**
 * Starting many servers at once.
 *
 * @module
 */
import type { WaitBudget } from "../core/wait.ts";
import { batch, present, withAll } from "./calls.ts";
import type { ServerCore } from "./server_core.ts";

/** Starts all that are not disabled. Rejects with one `ERR_SERVERS_START`. */
export async function startAll(
  cores: readonly ServerCore[],
  budget: WaitBudget,
  mode: "all or nothing" | "as many as can",
): Promise<void> {
  const down = cores.filter((core) => core.running === undefined);
  const failures = await present(cores, (core) => core.start(budget));
  if (failures.length === 0) return;
  if (mode === "all or nothing") {
    const failed = new Set(failures.map(({ core }) => core));
    // They have been up for a moment: nobody is owed any grace.
    await withAll(down.filter((core) => !failed.has(core)), (core) => core.stop(0));
  }
  throw batch("ERR_SERVERS_START", "started", failures, cores.length);
}
