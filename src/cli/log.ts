/** Log lines, and on a terminal a live status below them: a line, or a table. @module */
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
  let shown: readonly string[] = [];
  let status: (() => string) | undefined;

  // Spaces instead of an erase sequence: one live line needs no escape sequence at all, a table only the way up.
  const home = (): string => shown.length > 1 ? `\r\x1b[${shown.length - 1}A` : "\r";
  const overwrite = (lines: readonly string[]): string => {
    const count = Math.max(lines.length, shown.length);
    const padded = Array.from({ length: count }, (_, i) => (lines[i] ?? "").padEnd(shown[i]?.length ?? 0));
    const back = count - lines.length;
    return home() + padded.join("\n") + (back > 0 && lines.length > 0 ? `\x1b[${back}A\r${lines.at(-1)}` : "");
  };
  const erase = (): void => {
    if (shown.length === 0) return;
    output.write(overwrite([]) + home());
    shown = [];
  };
  const draw = (): void => {
    if (status === undefined) return;
    const width = Math.max(0, output.columns() - 1);
    const lines = fitting(status().split("\n"), output.rows() - 1).map((line) => line.slice(0, width));
    output.write(overwrite(lines));
    shown = lines;
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

/** What is higher than the terminal could not be drawn over again. */
function fitting(lines: readonly string[], height: number): readonly string[] {
  if (lines.length <= height) return lines;
  const kept = Math.max(0, height - 1);
  return [...lines.slice(0, kept), `... and ${lines.length - kept} more`];
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
