/** The command line: which command, and its flags. @module */
import { parseArgs } from "node:util";
import { nearest } from "../core/nearest.ts";
import type { Command, Flags, FlagValues, RunCommand } from "./command.ts";
import { UsageError } from "./errors.ts";

/** What the command line asks for. */
export type Request =
  | { readonly kind: "run"; readonly command: RunCommand; readonly values: FlagValues }
  | { readonly kind: "help"; readonly command: Command }
  | { readonly kind: "version" };

/** Follows the words to a command and reads its flags. Throws a `UsageError`. */
export function readArgs(root: Command, args: readonly string[]): Request {
  let command = root;
  let rest = args;
  while (command.kind === "group") {
    const word = rest[0];
    if (word === undefined || word === "help" || isHelp(word)) return { kind: "help", command };
    if (command === root && (word === "--version" || word === "-V")) return { kind: "version" };
    if (word.startsWith("-")) throw new UsageError(`${word} is not a flag of ${command.path}`, command.path);
    const next: Command | undefined = Object.hasOwn(command.commands, word) ? command.commands[word] : undefined;
    if (next === undefined) {
      const meant = nearest(word, Object.keys(command.commands));
      throw new UsageError(`${word} is not a command of ${command.path}${hint(meant)}`, command.path);
    }
    command = next;
    rest = rest.slice(1);
  }
  if (rest.some(isHelp)) return { kind: "help", command };
  return { kind: "run", command, values: readFlags(command, rest) };
}

/**
 * `strict: false` and own checks on the tokens: the runtimes word what `parseArgs` throws differently, and none in one
 * sentence.
 */
function readFlags(command: RunCommand, args: readonly string[]): FlagValues {
  const { flags, path } = command;
  const names = Object.keys(flags);
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: Object.fromEntries(names.map((name) => [name, { type: takesValue(flags, name) ? "string" : "boolean" }])),
  });
  const given = new Map<string, string[]>();
  let argument: string | undefined;
  for (const token of tokens) {
    if (token.kind === "positional") {
      if (command.argument === undefined) {
        throw new UsageError(`${path} takes no argument "${token.value}", only flags`, path);
      }
      if (argument !== undefined) {
        throw new UsageError(`${path} takes one ${command.argument.value}, not "${token.value}" besides`, path);
      }
      argument = token.value;
      continue;
    }
    if (token.kind === "option-terminator") continue;
    const { name, rawName, value } = token;
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (flag === undefined) {
      const meant = nearest(name, names);
      throw new UsageError(`${rawName} is not a flag of ${path}${hint(meant && `--${meant}`)}`, path);
    }
    if (flag.value === undefined) {
      if (value !== undefined) throw new UsageError(`${rawName} takes no value`, path);
    } else if (value === undefined || value === "" || (!token.inlineValue && value.startsWith("-"))) {
      throw new UsageError(`${rawName} needs a value: ${rawName} ${flag.value}`, path);
    }
    const values = given.get(name);
    if (values === undefined) given.set(name, value === undefined ? [] : [value]);
    else if (flag.many && value !== undefined) values.push(value);
    else throw new UsageError(`${rawName} is given twice`, path);
  }
  if (command.argument !== undefined && !argument) {
    throw new UsageError(`${path} needs ${command.argument.value}`, path);
  }
  return {
    argument: argument ?? "",
    text: (name) => given.get(name)?.[0],
    needed(name) {
      const value = given.get(name)?.[0];
      if (value === undefined) {
        throw new UsageError(`${path} needs --${name} ${flags[name]?.value ?? ""}`.trimEnd(), path);
      }
      return value;
    },
    all: (name) => given.get(name) ?? [],
    has: (name) => given.has(name),
  };
}

function takesValue(flags: Flags, name: string): boolean {
  return flags[name]?.value !== undefined;
}

function isHelp(word: string): boolean {
  return word === "--help" || word === "-h";
}

function hint(meant: string | undefined): string {
  return meant ? `; did you mean ${meant}?` : "";
}
