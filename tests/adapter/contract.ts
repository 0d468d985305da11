/**
 * What every engine does, stated once: run for each against itself and against every other. What is said to a peer that
 * breaks the rules is said by a raw one, frame by frame. @module
 */
import { connectingContract } from "./contract/connecting.ts";
import { endingsContract } from "./contract/endings.ts";
import { flowContract } from "./contract/flow.ts";
import type { Engines } from "./contract/setup.ts";
import { streamsContract } from "./contract/streams.ts";
import { survivingContract } from "./contract/surviving.ts";

export type { Engines } from "./contract/setup.ts";

/** Makes the tests; `name` stands before each. */
export function contractSuite(name: string, engines: Engines): void {
  connectingContract(name, engines);
  streamsContract(name, engines);
  flowContract(name, engines);
  endingsContract(name, engines);
  survivingContract(name, engines);
}
