/** The text of `--help`. @module */
import type { Command, Flags } from "./command.ts";

/** Help of one command, at most 100 columns. */
export function helpText(command: Command): string {
  if (command.kind === "group") {
    const commands = Object.entries(command.commands).map(([name, c]) => [name, c.summary] as const);
    return [
      command.summary,
      "",
      `Usage: ${command.path} <command> [flags]`,
      "",
      "Commands:",
      ...columns(commands),
      "",
      `${command.path} <command> --help says more.`,
    ].join("\n");
  }
  return [
    command.summary,
    "",
    `Usage: ${command.path} ${command.usage}`,
    ...command.argument === undefined
      ? []
      : ["", "Argument:", ...columns([[command.argument.value, command.argument.help]])],
    "",
    "Flags:",
    ...columns([...flagRows(command.flags), ["-h, --help", "This text"]]),
    ...command.notes.flatMap((note) => ["", ...wrap(note, WIDTH)]),
  ].join("\n");
}

const WIDTH = 100;

function flagRows(flags: Flags): (readonly [string, string])[] {
  return Object.entries(flags).map(([name, { value, many, help }]) => {
    const left = `--${name}${value === undefined ? "" : ` ${value}`}`;
    return [left, many ? `${help} (may be repeated)` : help] as const;
  });
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const left = Math.max(...rows.map(([name]) => name.length)) + 4;
  return rows.flatMap(([name, text]) =>
    wrap(text, WIDTH - left).map((line, i) => (i === 0 ? `  ${name}`.padEnd(left) : " ".repeat(left)) + line)
  );
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
