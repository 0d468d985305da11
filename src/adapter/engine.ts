/** The engines, by their names: nothing above the adapter knows more of them. @module */
import { ConnectError, type Engine } from "./contract.ts";
import { portableEngine } from "./http2/engine.ts";
import { platformEngine } from "./node_http2/engine.ts";
import { currentRuntime, tooOld } from "./runtime.ts";

const problem = tooOld(currentRuntime());
const ENGINES: Readonly<Record<Engine["name"], Engine>> = {
  "portable": supported(portableEngine, problem),
  "node:http2": supported(platformEngine, problem),
};

/** The names of the engines, the default one first. */
export const engineNames: readonly Engine["name"][] = ["portable", "node:http2"];

/** The engine of this name; on a runtime that is too old, one that says so instead of failing in its own way. */
export function engineNamed(name: Engine["name"]): Engine {
  return ENGINES[name];
}

/** The portable engine. */
export const defaultEngine: Engine = engineNamed("portable");

/** `engine`, or where there is a `problem` one whose every call rejects with it, for good. */
export function supported(engine: Engine, problem: string | undefined): Engine {
  if (problem === undefined) return engine;
  const refuse = (): Promise<never> => Promise.reject(new ConnectError("tls", problem));
  return { ...engine, connect: refuse, listen: refuse };
}
