/**
 * Other processes in a test: a script under any runtime of the matrix, or a program. They end with the test, by pid.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { TestContext } from "./harness.ts";
import { untracked } from "./leaks.ts";
import { ROOT, runtimeCommand, type RuntimeName } from "./runtime.ts";
import { joined } from "./joined.ts";

/** How a process ended: `code`, or the `signal` that ended it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** What a process writes to one of its outputs. */
export interface Output {
  /** All of it so far. */
  readonly text: string;
  readonly bytes: Uint8Array;
  /**
   * The next line that matches, after the one an earlier call returned. Rejects when the output ends without it, and
   * after `timeout` ms (default 15_000); the message has what the process wrote.
   */
  line(pattern: RegExp | string, timeout?: number): Promise<RegExpMatchArray>;
}

/** A process. */
export interface Child {
  readonly pid: number;
  readonly out: Output;
  readonly err: Output;
  /** Resolves, never rejects, when it has ended and its outputs have been read. */
  readonly exited: Promise<Exit>;
  /** Like `exited`, but rejects after `timeout` ms (default 15_000). */
  exit(timeout?: number): Promise<Exit>;
  /** Sends a signal; nothing happens when the process is over. */
  kill(signal: NodeJS.Signals): void;
  write(text: string | Uint8Array): void;
  /** Ends its input. */
  end(): void;
}

/** Options of {@linkcode spawnRuntime} and {@linkcode spawnProgram}. */
export interface SpawnOptions {
  /** Added to this process's environment; undefined takes away. */
  env?: Record<string, string | undefined>;
  /** Default: the checkout. */
  cwd?: string;
}

/** Runs a TypeScript file under a runtime: `spawnRuntime(t, "bun", new URL("./server.ts", import.meta.url), ["0"])`. */
export function spawnRuntime(
  t: TestContext,
  name: RuntimeName,
  file: URL | string,
  args: readonly string[] = [],
  options: SpawnOptions = {},
): Child {
  const path = file instanceof URL ? fileURLToPath(file) : file;
  return spawnProgram(t, runtimeCommand(name, path, args), options);
}

/** Runs a program. */
export function spawnProgram(t: TestContext, command: readonly string[], options: SpawnOptions = {}): Child {
  const [program = "", ...args] = command;
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: "1", ...options.env };
  const child = spawn(program, args, { cwd: options.cwd ?? ROOT, env, stdio: "pipe" });
  const name = command.slice(0, 12).join(" ");
  const exited = new Promise<Exit>((resolve) => {
    child.once("error", () => resolve({ code: 127, signal: null }));
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  const written = (): string => `${name}\n${out.text}${err.text}`;
  const out = output(child, "stdout", written), err = output(child, "stderr", written);
  // A process that ended does not read its input any more: that shows in its exit, not here.
  child.stdin?.on("error", () => {});
  let over = child.pid === undefined;
  child.once("exit", () => over = true);
  // By pid: Deno's `ChildProcess.kill` does nothing after its first signal, were it SIGSTOP.
  const kill = (signal: NodeJS.Signals): void => void (over || process.kill(child.pid!, signal));
  t.cleanup(async () => {
    kill("SIGKILL");
    await exited;
  });
  return {
    pid: child.pid ?? 0,
    out,
    err,
    exited,
    exit: (timeout = 15_000) => within(exited, timeout, () => `did not exit: ${written()}`),
    kill,
    write: (text) => void child.stdin?.write(text),
    end: () => void child.stdin?.end(),
  };
}

/** The process writes "closed" when it has closed what it opened, and then exits by itself, in good order and soon. */
export async function exitsByItself(child: Child, timeout = 3_000): Promise<void> {
  await child.out.line(/^closed$/);
  const { code, signal } = await child.exit(timeout);
  if (code !== 0 || child.err.text) throw new Error(`Exit code ${code ?? signal}\n${child.err.text}`);
}

function output(child: ChildProcess, which: "stdout" | "stderr", written: () => string): Output {
  const chunks: Uint8Array[] = [];
  const wake = new Set<() => void>();
  let done = false;
  let seen = 0;
  const stream = child[which];
  const notify = (): void => wake.forEach((f) => f());
  stream?.on("data", (chunk: Uint8Array) => {
    chunks.push(chunk);
    notify();
  });
  const finish = (): void => {
    done = true;
    notify();
  };
  // Not the stream's own end: the other output may say why, and has not been read then.
  child.once("close", finish);
  child.once("error", (error) => {
    chunks.push(new TextEncoder().encode(`${error}\n`));
    finish();
  });
  const bytes = (): Uint8Array => {
    if (chunks.length > 1) chunks.splice(0, chunks.length, joined(chunks));
    return chunks[0] ?? new Uint8Array(0);
  };
  const text = (): string => new TextDecoder().decode(bytes());
  const next = (pattern: RegExp | string): RegExpMatchArray | undefined => {
    const all = text();
    for (let at = seen; at < all.length;) {
      const end = all.indexOf("\n", at);
      if (end < 0 && !done) return;
      const line = all.slice(at, end < 0 ? all.length : end);
      at = end < 0 ? all.length : end + 1;
      const match = typeof pattern === "string" ? line.includes(pattern) && line.match(/.*/) : line.match(pattern);
      if (match) {
        seen = at;
        return match;
      }
    }
  };
  return {
    get text() {
      return text();
    },
    get bytes() {
      return bytes();
    },
    async line(pattern, timeout = 15_000) {
      let look = (): void => {};
      const found = new Promise<RegExpMatchArray>((resolve, reject) => {
        look = () => {
          const match = next(pattern);
          if (match) resolve(match);
          else if (done) reject(new Error(`ended its ${which} without ${pattern}: ${written()}`));
        };
        wake.add(look);
        look();
      });
      try {
        return await within(found, timeout, () => `did not write ${pattern}: ${written()}`);
      } finally {
        wake.delete(look);
      }
    },
  };
}

async function within<T>(promise: Promise<T>, ms: number, message: () => string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = untracked(() => reject(new Error(`After ${ms} ms: ${message()}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
