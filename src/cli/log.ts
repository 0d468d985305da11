/** Log lines, and on a terminal one live status line below them. @module */
import type { ErrorOutput } from "./io.ts";

/** Where commands and pools say what happens. */
export interface Log {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  /** Shows the text below the log, anew each second, on a terminal only. The returned function removes it. */
  status(text: () => string): () => void;
}

/** What {@linkcode createLog} needs. */
export interface LogOptions {
  readonly output: ErrorOutput;
  /** Also `debug` lines. */
  readonly verbose: boolean;
  /** From NO_COLOR (no-color.org). */
  readonly color: boolean;
  /** Wall-clock time. */
  now?(): Date;
}

type Level = "debug" | "info" | "warn" | "error";

/** Same warnings within this many milliseconds are counted, not written: a dead service must not fill a disk. */
const REPEAT = 5_000;
/** Different warnings remembered for that. */
const REMEMBERED = 100;
/** Milliseconds between two drawings of the status line. */
const REDRAW = 1_000;
const COLORS: Readonly<Record<Level, string>> = { debug: "2", info: "", warn: "33", error: "31" };

/** Log lines: with date and level for files, shorter on a terminal. */
export function createLog(options: LogOptions): Log {
  const { output, verbose } = options;
  const now = options.now ?? (() => new Date());
  const color = options.color && output.isTerminal;
  const seen = new Map<string, { until: number; more: number }>();
  let shown = 0;
  let status: (() => string) | undefined;

  // Spaces instead of an erase sequence: the live line needs no escape sequence at all.
  const erase = (): void => {
    if (shown > 0) output.write(`\r${" ".repeat(shown)}\r`);
    shown = 0;
  };
  const draw = (): void => {
    if (status === undefined) return;
    const text = status().slice(0, Math.max(0, output.columns() - 1));
    output.write(`\r${text}${" ".repeat(Math.max(0, shown - text.length))}`);
    shown = text.length;
  };
  const write = (level: Level, message: string, fields?: object): void => {
    const stamp = now().toISOString();
    const text = printable(message + showFields(fields));
    const line = output.isTerminal ? `${stamp.slice(11, 19)} ${text}` : `${stamp} ${level.padEnd(5)} ${text}`;
    const code = COLORS[level];
    erase();
    output.write(color && code !== "" ? `\x1b[${code}m${line}\x1b[0m\n` : `${line}\n`);
    draw();
  };
  const writeOnce = (level: Level, message: string, fields?: object): void => {
    const at = now().getTime();
    const last = seen.get(message);
    if (last !== undefined && at < last.until) return void last.more++;
    write(level, last !== undefined && last.more > 0 ? `${message} (and ${times(last.more)} before)` : message, fields);
    seen.delete(message);
    seen.set(message, { until: at + REPEAT, more: 0 });
    if (seen.size > REMEMBERED) {
      for (const oldest of seen.keys()) {
        seen.delete(oldest);
        break;
      }
    }
  };

  return {
    debug: (message, fields) => verbose ? write("debug", message, fields) : undefined,
    info: (message, fields) => write("info", message, fields),
    warn: (message, fields) => writeOnce("warn", message, fields),
    error: (message, fields) => writeOnce("error", message, fields),
    status(text) {
      if (!output.isTerminal) return () => {};
      status = text;
      draw();
      const timer = setInterval(draw, REDRAW);
      timer.unref();
      return () => {
        clearInterval(timer);
        erase();
        status = undefined;
      };
    },
  };
}

function showFields(fields: object | undefined): string {
  if (fields === undefined) return "";
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${value instanceof Error ? JSON.stringify(value.message) : String(value)}`)
    .join("");
}

function times(n: number): string {
  return n === 1 ? "once" : `${n} times`;
}

/** What the other side said may be in a line; it must not move the cursor or end the line. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]+/g, " ");
}
