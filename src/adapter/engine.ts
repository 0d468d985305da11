/** The engine that pools stand on. @module */
import { ConnectError, type Engine } from "./contract.ts";
import { portableEngine } from "./http2/engine.ts";
import { currentRuntime, tooOld } from "./runtime.ts";

/** The portable engine; on a runtime that is too old, one that says so instead of failing in its own way. */
export const defaultEngine: Engine = supported(portableEngine, tooOld(currentRuntime()));

/** `engine`, or where there is a `problem` one whose every call rejects with it, for good. */
export function supported(engine: Engine, problem: string | undefined): Engine {
  if (problem === undefined) return engine;
  const refuse = (): Promise<never> => Promise.reject(new ConnectError("tls", problem));
  return { name: engine.name, connect: refuse, listen: refuse };
}
