/**
 * Options of calls, checked.
 *
 * @module
 */
import { show } from "../core/errors.ts";
import { type WaitBudget, waitBudget, type WaitOptions } from "../core/wait.ts";
import { DEFAULT_GRACE } from "./draining.ts";
import { ServerBatchError, type ServerBatchErrorCode, ServerError, type ServerErrorCode } from "./errors.ts";
import type { StopOptions } from "./options.ts";
import type { ServerCore } from "./server_core.ts";

/** How long a start may take. @throws ServerError `ERR_SERVER_CONFIG` */
export function waiting(server: string, wait: WaitOptions | undefined): WaitBudget {
  try {
    return waitBudget("start", wait);
  } catch (error) {
    throw new ServerError("ERR_SERVER_CONFIG", server, (error as Error).message);
  }
}

/** Grace and signal of a stop. @throws ServerError `ERR_SERVER_CONFIG` */
export function grace(server: string, options: StopOptions = {}): [grace: number, signal: AbortSignal | undefined] {
  const { grace = DEFAULT_GRACE, signal } = options;
  if (typeof grace !== "number" || !(grace >= 0)) {
    const message = `Cannot stop: \`grace\` is ${show(grace)}, not a number of milliseconds from 0 to Infinity`;
    throw new ServerError("ERR_SERVER_CONFIG", server, message);
  }
  return [grace, signal];
}

/** What failed, each with its server. */
export interface Failure {
  readonly core: ServerCore;
  readonly error: unknown;
}

/** Does it with all at once; returns those that failed. */
export async function withAll(
  cores: readonly ServerCore[],
  work: (core: ServerCore) => Promise<unknown>,
): Promise<Failure[]> {
  const results = await Promise.allSettled(cores.map((core) => work(core)));
  return results.flatMap((result, i) =>
    result.status === "rejected" ? [{ core: cores[i]!, error: result.reason }] : []
  );
}

/** The same, but for those that were taken out of their pool meanwhile: that is nobody's failure. */
export async function present(
  cores: readonly ServerCore[],
  work: (core: ServerCore) => Promise<unknown>,
): Promise<Failure[]> {
  const before = new Map(cores.map((core) => [core, core.removals]));
  const failures = await withAll(cores, work);
  return failures.filter(({ core }) => before.get(core) === core.removals);
}

/** One error for all of them. */
export function batch(
  code: ServerBatchErrorCode,
  action: string,
  failures: readonly Failure[],
  of: number,
  single: ServerErrorCode = "ERR_SERVER_START",
): ServerBatchError {
  const errors = failures.map(({ core, error }) => asServerError(core.name, error, single));
  return new ServerBatchError(code, `${failures.length} of ${of} servers could not be ${action}`, errors);
}

/** What a call rejected with, as an error of its server: an abort's reason is the cause. */
export function asServerError(name: string, error: unknown, code: ServerErrorCode): ServerError {
  if (error instanceof ServerError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ServerError(code, name, `Server "${name}": ${message}`, { cause: error });
}
