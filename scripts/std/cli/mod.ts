/** `parseArgs` of JSR's `@std/cli`, as much of it as the scripts use. See `../assert/mod.ts`. @module */

/** What the options are called, and of which type. */
export interface ParseOptions {
  boolean?: readonly string[];
  string?: readonly string[];
  /** String options that may be given several times. */
  collect?: readonly string[];
  alias?: Readonly<Record<string, string>>;
  default?: Readonly<Record<string, unknown>>;
  /** Stop at the first positional argument. */
  stopEarly?: boolean;
  /** Called for what is in none of the lists; false leaves it out. */
  unknown?: (arg: string) => unknown;
}

/** The arguments by name, the positional ones under `_`. */
export interface Args {
  _: string[];
  [name: string]: unknown;
}

/** Parses `--name value`, `--name=value`, `--flag`, `--no-flag`, `-x`, `--`. */
export function parseArgs(args: readonly string[], options: ParseOptions = {}): Args {
  const { boolean = [], string = [], collect = [], alias = {} } = options;
  const out: Args = { _: [], ...options.default };
  for (const name of boolean) out[name] ??= false;
  for (const name of collect) out[name] ??= [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      out._.push(...args.slice(i + 1));
      break;
    }
    const match = /^--?([^=-][^=]*)(?:=(.*))?$/s.exec(arg);
    if (!match) {
      if (options.stopEarly) {
        out._.push(...args.slice(i));
        break;
      }
      out._.push(arg);
      continue;
    }
    const given = match[1]!;
    const negated = given.startsWith("no-") && boolean.includes(given.slice(3));
    const name = negated ? given.slice(3) : alias[given] ?? given;
    const known = boolean.includes(name) || string.includes(name) || collect.includes(name);
    if (!known && options.unknown?.(arg) === false) continue;
    if (boolean.includes(name) || !known && match[2] === undefined) out[name] = !negated && match[2] !== "false";
    else {
      const value = match[2] ?? args[++i] ?? "";
      if (collect.includes(name)) out[name] = [...(out[name] as unknown[]), value];
      else out[name] = value;
    }
  }
  return out;
}
