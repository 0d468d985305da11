/**
 * What a test left open: sockets, child processes, timers, watchers, listeners on `process`.
 *
 * - Sockets and children come from `/proc` (Linux), so that it does not matter which API made them. Unix socket pairs are
 *   not counted: the runtimes open some for themselves, and a child's pipes go with the child.
 * - Timers are seen by wrapping the global `setTimeout` and `setInterval` (`node:timers` cannot be wrapped on Deno and
 *   Bun: `src` does not import it). Those that a runtime makes for itself do not count.
 * - Watchers and, outside Linux, sockets come from `process.getActiveResourcesInfo` of Node.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import { childrenOf, processState } from "./processes.ts";

/** What is open, each thing by a key that stays, with a sentence for the message. */
export type Open = ReadonlyMap<unknown, string>;

const setTimer = globalThis.setTimeout;
const timers = new Map<object, Error>();
const linux = process.platform === "linux" && existsSync("/proc/self/fd");
const GRACE = Number(process.env.H2POOL_LEAK_GRACE ?? 5_000);
const EVENTS = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGUSR1",
  "SIGUSR2",
  "SIGWINCH",
  "exit",
  "uncaughtException",
  "unhandledRejection",
];
const RESOURCES = /^(TCP|UDP|TLS|Process|FSEvent|StatWatcher|Worker)/;

/** Everything open now. */
export function open(): Open {
  const all = new Map<unknown, string>();
  for (const [timer, { stack }] of timers) all.set(timer, `timer made ${origin(stack)}`);
  for (const name of EVENTS) count(all, `listener of process "${name}"`, process.listenerCount(name));
  if (linux) {
    sockets(all);
    children(all);
  }
  if (!("Deno" in globalThis) && !("Bun" in globalThis)) resources(all);
  return all;
}

/** What is open now and was not then. Waits some turns for it to close, since sockets close behind the scenes. */
export async function leaks(before: Open): Promise<string[]> {
  const until = performance.now() + GRACE;
  for (let pause = 0;; pause = Math.min(50, pause * 2 + 1)) {
    const left = [...open()].filter(([key]) => !before.has(key)).map(([, what]) => what);
    if (left.length === 0 || performance.now() > until) return left;
    await new Promise((resolve) => setTimer(resolve, pause));
  }
}

/** The runtime's own `setTimeout`, for the harness. */
export const untracked: typeof setTimeout = setTimer;

// A number of things alike has one key for each.
function count(all: Map<unknown, string>, what: string, n: number): void {
  for (let i = 0; i < n; i++) all.set(`${what} ${i}`, what);
}

function resources(all: Map<unknown, string>): void {
  const seen = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) {
    if (RESOURCES.test(name) && !(linux && /^(TCP|UDP|TLS|Process)/.test(name))) {
      seen.set(name, (seen.get(name) ?? 0) + 1);
    }
  }
  for (const [name, n] of seen) count(all, name, n);
}

function sockets(all: Map<unknown, string>): void {
  const open = new Map<string, string>();
  for (const fd of readdirSync("/proc/self/fd")) {
    const inode = /^socket:\[(\d+)\]$/.exec(link(`/proc/self/fd/${fd}`))?.[1];
    if (inode) open.set(inode, fd);
  }
  if (open.size === 0) return;
  const named = new Map<string, string>();
  for (const table of ["tcp", "tcp6", "udp", "udp6"]) {
    for (const line of rows(`/proc/self/net/${table}`)) {
      const [, local = "", remote = "", state = "", , , , , , inode = ""] = line.trim().split(/\s+/);
      named.set(inode, `${table} socket ${address(local)} ${STATES[parseInt(state, 16)] ?? state} ${address(remote)}`);
    }
  }
  const others = new Set<string>();
  for (const line of rows("/proc/self/net/unix")) others.add(line.trim().split(/\s+/)[6] ?? "");
  for (const line of rows("/proc/self/net/netlink")) others.add(line.trim().split(/\s+/)[9] ?? "");
  for (const [inode, fd] of open) {
    if (!others.has(inode)) {
      all.set(`socket ${inode}`, named.get(inode) ?? `socket without an address (descriptor ${fd})`);
    }
  }
}

const STATES = [
  "",
  "ESTABLISHED",
  "SYN_SENT",
  "SYN_RECV",
  "FIN_WAIT1",
  "FIN_WAIT2",
  "TIME_WAIT",
  "CLOSE",
  "CLOSE_WAIT",
  "LAST_ACK",
  "LISTEN",
  "CLOSING",
];

function address(hex: string): string {
  const [ip = "", port = ""] = hex.split(":");
  const bytes = ip.match(/../g)?.map((byte) => parseInt(byte, 16)).reverse() ?? [];
  return `${bytes.length === 4 ? bytes.join(".") : ip}:${parseInt(port, 16)}`;
}

function children(all: Map<unknown, string>): void {
  for (const pid of childrenOf("self")) {
    const { name, state } = processState(pid) ?? {};
    if (state && state !== "Z") all.set(`child ${pid}`, `child process ${pid} (${name})`);
  }
}

function rows(path: string): string[] {
  return text(path).split("\n").slice(1);
}
function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

type Make = (fire: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => object;
interface Timer {
  refresh?(): unknown;
  close?(): unknown;
  [Symbol.toPrimitive]?(): unknown;
}

function track(name: "setTimeout" | "setInterval"): void {
  const make = globalThis[name] as unknown as Make;
  const wrapped: Make = (fire, ms, ...args) => {
    const made = new Error();
    const timer: Timer & object = make(
      name === "setInterval" ? fire : (...given) => {
        timers.delete(timer);
        fire(...given);
      },
      ms,
      ...args,
    );
    if (!ours(made.stack)) return timer;
    timers.set(timer, made);
    const { refresh, close } = timer;
    if (refresh) timer.refresh = () => (timers.set(timer, made), refresh.call(timer));
    if (close) timer.close = () => (timers.delete(timer), close.call(timer));
    return timer;
  };
  // Only what the wrapper lacks: Node's setTimeout has a promisified form.
  Object.defineProperties(wrapped, Object.getOwnPropertyDescriptors(make));
  Object.defineProperty(globalThis, name, { value: wrapped, writable: true, configurable: true, enumerable: true });
}

function untrack(name: "clearTimeout" | "clearInterval"): void {
  const clear = globalThis[name] as unknown as (timer: unknown) => void;
  const wrapped = (timer: unknown): void => {
    if (typeof timer === "object" && timer !== null) timers.delete(timer);
    else {for (const known of timers.keys()) {
        if (timer !== undefined && Number(known) === Number(timer)) timers.delete(known);
      }}
    clear(timer);
  };
  Object.defineProperty(globalThis, name, { value: wrapped, writable: true, configurable: true, enumerable: true });
}

function frames(stack = ""): string[] {
  const lines = stack.split("\n").filter((line) => /^ +at /.test(line) && !line.includes("/support/leaks.ts"));
  return lines.map((line) => line.trim());
}

function ours(stack: string | undefined): boolean {
  const caller = frames(stack)[0] ?? "";
  return caller !== "" && !/\b(node|ext|bun|internal):/.test(caller) && !/\bnative\b/.test(caller);
}

function origin(stack: string | undefined): string {
  return frames(stack).slice(0, 4).join(" ");
}

track("setTimeout");
track("setInterval");
untrack("clearTimeout");
untrack("clearInterval");
