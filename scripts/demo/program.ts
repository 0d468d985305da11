/** Processes of the demo. @module */
import { spawn } from "node:child_process";
import process from "node:process";

/** A running process. */
export interface Program {
  readonly name: string;
  /** Everything that it wrote. */
  readonly said: string;
  /** The next line that matches; rejects when the process ends without it, or does not write it for long. */
  line(pattern: RegExp): Promise<RegExpMatchArray>;
  /** Its exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  kill(signal: "SIGINT" | "SIGKILL"): void;
}

/** How long a process may take to write what is waited for. Milliseconds. */
const PATIENCE = 30_000;

/** Runs a file under the runtime that this one runs on. */
export function startProgram(name: string, file: string, args: readonly string[]): Program {
  const before = "Deno" in globalThis ? ["run", "-A", "--quiet"] : [];
  const child = spawn(process.execPath, [...before, file, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  let said = "";
  let seen = 0;
  let over = false;
  let look = (): void => {};
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      look();
    });
  }
  const exited = new Promise<number | string>((resolve) => {
    child.once("error", (error) => {
      said += error.message;
      resolve(error.message);
    });
    child.once("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
  exited.then(() => {
    over = true;
    look();
  });
  return {
    name,
    exited,
    get said() {
      return said;
    },
    line(pattern) {
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`${name} did not write ${pattern}`)), PATIENCE);
        look = () => {
          const match = pattern.exec(said.slice(seen, said.lastIndexOf("\n") + 1));
          if (match === null && !over) return;
          clearTimeout(late);
          look = () => {};
          if (match === null) return reject(new Error(`${name} ended without ${pattern}`));
          seen += match.index + match[0].length;
          resolve(match);
        };
        look();
      });
    },
    // Deno's `ChildProcess.kill` does nothing after its first signal.
    kill: (signal) => void (over || child.pid === undefined || process.kill(child.pid, signal)),
  };
}
