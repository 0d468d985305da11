/** What a command is: data that parsing, help and the dispatcher read. @module */
import type { Io } from "./io.ts";

/** One flag of a command. */
export interface Flag {
  /** How its value is called in the help; without one the flag is on or off. */
  readonly value?: string;
  /** May be given several times. */
  readonly many?: true;
  /** One line. */
  readonly help: string;
}

/** Flags by their long name, in the order of the help. */
export type Flags = Readonly<Record<string, Flag>>;

/** The text of each flag that was given. */
export interface FlagValues {
  /** What was given without a flag, where the command takes it. */
  readonly argument: string;
  /** The value, or undefined when the flag was not given. */
  text(name: string): string | undefined;
  /** The value; a `UsageError` when the flag was not given. */
  needed(name: string): string;
  /** All values of a flag that may be repeated. */
  all(name: string): readonly string[];
  /** Whether it was given. */
  has(name: string): boolean;
}

/** A command that does something. */
export interface RunCommand {
  readonly kind: "run";
  /** As typed, with the commands above it. */
  readonly path: string;
  /** One line, for the list of the level above. */
  readonly summary: string;
  /** What follows the path in the help's first line. */
  readonly usage: string;
  readonly flags: Flags;
  /** What it needs without a flag. */
  readonly argument?: { readonly value: string; readonly help: string };
  /** Paragraphs under the flags: what a reader needs besides them. */
  readonly notes: readonly string[];
  /** Resolves with the exit code. */
  run(values: FlagValues, io: Io): Promise<number>;
}

/** A command that only leads to others. */
export interface GroupCommand {
  readonly kind: "group";
  readonly path: string;
  readonly summary: string;
  readonly commands: Readonly<Record<string, Command>>;
}

/** Either. */
export type Command = RunCommand | GroupCommand;
