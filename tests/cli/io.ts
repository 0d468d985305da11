/** A process for the command to run in, in memory. @module */
import type { Io, StopSignal } from "../../src/cli/io.ts";

export interface FakeIo extends Io {
  /** What was printed. */
  readonly out: string[];
  /** What was written to stderr. */
  readonly err: string[];
  readonly exits: number[];
  signal(name: StopSignal): void;
}

export function fakeIo(env: Record<string, string> = {}, terminal?: { columns: number }): FakeIo {
  const out: string[] = [], err: string[] = [], exits: number[] = [];
  const heard = new Set<(signal: StopSignal) => void>();
  return {
    env,
    out,
    err,
    exits,
    print: (text) => void out.push(text),
    stderr: {
      isTerminal: terminal !== undefined,
      columns: () => terminal?.columns ?? 80,
      write: (text) => void err.push(text),
    },
    onSignal(hear) {
      heard.add(hear);
      return () => void heard.delete(hear);
    },
    exit: (code) => void exits.push(code),
    signal: (name) => heard.forEach((hear) => hear(name)),
  };
}
