/** What a command sees of its process, so that tests can stand in for it. @module */
import process from "node:process";

/** A process's surroundings. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results: help, version. One line or several, without the last line feed. */
  print(text: string): void;
  /** Everything else that a command says. */
  readonly stderr: ErrorOutput;
  /** Calls back for SIGINT and SIGTERM until the returned function is called. */
  onSignal(hear: (signal: StopSignal) => void): () => void;
  /** Calls back for SIGHUP until the returned function is called. */
  onHangup(hear: () => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** Where log lines and the status line go. */
export interface ErrorOutput {
  readonly isTerminal: boolean;
  /** Width of the terminal now. */
  columns(): number;
  /** Its height. */
  rows(): number;
  write(text: string): void;
}

/** Signals that ask for an end. */
export type StopSignal = "SIGINT" | "SIGTERM";

/** The real process. */
export function processIo(): Io {
  const { stdout, stderr } = process;
  // A reader that has gone (`| head`) is not an error of ours.
  stdout.on("error", ignore);
  stderr.on("error", ignore);
  return {
    env: process.env,
    print: (text) => void stdout.write(`${text}\n`),
    stderr: {
      isTerminal: stderr.isTTY === true && process.env.TERM !== "dumb",
      columns: () => stderr.columns || 80,
      rows: () => stderr.rows || 24,
      write: (text) => void stderr.write(text),
    },
    onSignal(hear) {
      const interrupted = (): void => hear("SIGINT");
      const terminated = (): void => hear("SIGTERM");
      process.on("SIGINT", interrupted);
      process.on("SIGTERM", terminated);
      return () => {
        process.off("SIGINT", interrupted);
        process.off("SIGTERM", terminated);
      };
    },
    onHangup(hear) {
      process.on("SIGHUP", hear);
      return () => void process.off("SIGHUP", hear);
    },
    exit: (code) => process.exit(code),
  };
}

function ignore(): void {}
