/** A server and a client process of one implementation on one runtime, driven by lines of JSON. @module */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import type { Ask } from "./side/main.ts";
import type { ServerAsk } from "./side/servers/main.ts";

const START_MS = 20_000;

/** How to start a file on a runtime. */
export interface Command {
  readonly program: string;
  readonly flags: readonly string[];
}
export interface PairOptions {
  readonly command: Command;
  /** The `side/main.ts` of this checkout, or of another. */
  readonly main: string;
  readonly implementation: string;
  readonly purpose: "traffic" | "idle";
  readonly env: Readonly<Record<string, string>>;
}
/** One process of a pair: an answer to each question, in order, or an error by the deadline. */
export interface Side {
  ask<T>(question: Ask | ServerAsk, deadline: number): Promise<T>;
  /** Lets it end by itself (it writes its profile then), and kills it when it does not. */
  quit(): Promise<void>;
  kill(): void;
}
export interface Pair {
  readonly server: Side;
  readonly client: Side;
  quit(): Promise<void>;
  kill(): void;
}

export async function startPair(options: PairOptions): Promise<Pair> {
  const { implementation, purpose } = options;
  const start = (role: string, ...more: string[]) =>
    startSide({ ...options, name: `${implementation} ${role}`, args: [role, implementation, purpose, ...more] });
  const server = await start("server");
  try {
    const client = await start("client", String(server.ready.port));
    return {
      server,
      client,
      async quit() {
        await client.quit();
        await server.quit();
      },
      kill() {
        client.kill();
        server.kill();
      },
    };
  } catch (error) {
    server.kill();
    throw error;
  }
}

/** Ends every process that is still there; for the end of the program, whatever its reason. */
export function killAll(): void {
  for (const child of running) child.kill("SIGKILL");
}
const running = new Set<ChildProcess>();

export interface SideOptions {
  readonly command: Command;
  readonly main: string;
  readonly args: readonly string[];
  /** For messages. */
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts one process; `ready` is the first line that it says. */
export async function startSide(
  options: SideOptions,
): Promise<Side & { readonly ready: Readonly<Record<string, number>> }> {
  const { program, flags } = options.command;
  const { name } = options;
  const child = spawn(program, [...flags, options.main, ...options.args], {
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  running.add(child);
  let complaints = "";
  child.stderr.on("data", (text) => complaints = (complaints + text).slice(-2_000));
  child.stdin.on("error", () => {});
  interface Waiter {
    resolve(message: { error?: string }): void;
    reject(error: Error): void;
  }
  const waiters: Waiter[] = [];
  let rest = "";
  child.stdout.on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (line.startsWith("{")) waiters.shift()?.resolve(JSON.parse(line));
      else complaints = (complaints + line).slice(-2_000);
    }
  });
  let ended: Error | undefined;
  const gone = new Promise<void>((resolve) => {
    const end = (why: string) => {
      running.delete(child);
      ended = new Error(`${name} ${why}. ${complaints}`);
      for (const waiter of waiters.splice(0)) waiter.reject(ended);
      resolve();
    };
    child.on("error", (error) => end(error.message));
    child.on("exit", (code, signal) => end(`exited (${signal ?? code})`));
  });
  const next = <T>(deadline: number): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (ended) return reject(ended);
      const timer = setTimeout(() => reject(new Error(`${name}: no answer in ${deadline / 1000} s`)), deadline);
      waiters.push({
        resolve(message) {
          clearTimeout(timer);
          if (message.error) reject(new Error(`${name}: ${message.error}`));
          else resolve(message as T);
        },
        reject(error) {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  const tell = (question: Ask | ServerAsk) => child.stdin.write(`${JSON.stringify(question)}\n`);
  try {
    const ready = await next<Record<string, number>>(START_MS);
    return {
      ready,
      ask(question, deadline) {
        const answer = next<never>(deadline);
        tell(question);
        return answer;
      },
      async quit() {
        if (!ended) tell({ ask: "quit" });
        const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
        await gone;
        clearTimeout(timer);
      },
      kill: () => void child.kill("SIGKILL"),
    };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}
