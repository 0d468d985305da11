/** A process for the command to run in, in memory. @module */
import type { Io, StopSignal } from "../../src/cli/io.ts";
import { main } from "../../src/cli/main.ts";
import type { TestContext } from "../support/harness.ts";

export interface FakeIo extends Io {
  /** What was printed. */
  readonly out: string[];
  /** What was written to stderr. */
  readonly err: string[];
  readonly exits: number[];
  signal(name: StopSignal): void;
  hangup(): void;
  /** Called for each write to stderr. */
  heard(listen: () => void): void;
}

export function fakeIo(env: Record<string, string> = {}, terminal?: { columns: number; rows?: number }): FakeIo {
  const out: string[] = [], err: string[] = [], exits: number[] = [];
  const heard = new Set<(signal: StopSignal) => void>();
  const hangups = new Set<() => void>();
  let written = (): void => {};
  return {
    env,
    out,
    err,
    exits,
    print: (text) => void out.push(text),
    stderr: {
      isTerminal: terminal !== undefined,
      columns: () => terminal?.columns ?? 80,
      rows: () => terminal?.rows ?? 24,
      write: (text) => {
        err.push(text);
        written();
      },
    },
    onSignal(hear) {
      heard.add(hear);
      return () => void heard.delete(hear);
    },
    onHangup(hear) {
      hangups.add(hear);
      return () => void hangups.delete(hear);
    },
    hangup: () => hangups.forEach((hear) => hear()),
    exit: (code) => void exits.push(code),
    signal: (name) => heard.forEach((hear) => hear(name)),
    heard: (listen) => written = listen,
  };
}

/** The command at work, in a process of its own or in this one. */
export interface Running {
  readonly err: {
    /** All of it so far. */
    readonly text: string;
    /** The next line that matches. */
    line(pattern: RegExp): Promise<RegExpMatchArray>;
  };
  kill(signal: StopSignal): void;
  exit(): Promise<{ code: number | null; signal: string | null }>;
}

/** Runs the command in this process. It is cut when the test is over. */
export function runInside(t: TestContext, ...args: string[]): Running {
  const io = fakeIo();
  let seen = 0;
  let over = false;
  let look = (): void => {};
  io.heard(() => look());
  const exit = main(args, io).then((code) => ({ code, signal: null })).finally(() => {
    over = true;
    look();
  });
  t.cleanup(async () => {
    io.signal("SIGINT");
    io.signal("SIGINT");
    await exit;
  });
  return {
    err: {
      get text() {
        return io.err.join("");
      },
      line: (pattern) =>
        new Promise((resolve, reject) => {
          look = () => {
            const text = io.err.join("");
            const lines = text.slice(seen).split("\n").slice(0, -1);
            let at = seen;
            for (const line of lines) {
              at += line.length + 1;
              const match = pattern.exec(line);
              if (match === null) continue;
              seen = at;
              return resolve(match);
            }
            if (over) reject(new Error(`It ended without ${pattern}\n${text}`));
          };
          t.signal.addEventListener(
            "abort",
            () => reject(new Error(`It did not write ${pattern}\n${io.err.join("")}`)),
          );
          look();
        }),
    },
    kill: (signal) => io.signal(signal),
    exit: () => exit,
  };
}
