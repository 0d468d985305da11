/** The `h2pool` command: finds the command, runs it, and turns what it throws into an exit code. @module */
import { readArgs } from "./args.ts";
import type { GroupCommand } from "./command.ts";
import { sentence, UsageError } from "./errors.ts";
import { helpText } from "./help.ts";
import { type Io, processIo } from "./io.ts";
import { check, serve } from "./serve/commands.ts";
import { tunnel } from "./tunnel/commands.ts";
import { VERSION } from "./version.ts";

/** All commands. */
const h2pool: GroupCommand = {
  kind: "group",
  path: "h2pool",
  summary: "Stream pools over HTTP/2 and HTTP servers, from the command line",
  commands: { tunnel, serve, check },
};

/**
 * Runs the command line and resolves with the exit code: 0, 1 for a failure, 2 for a wrong flag, value or command, 130 or
 * 143 after a second Ctrl+C or SIGTERM. Says on stderr, in one sentence, what was wrong.
 *
 * @param args What follows the program's name.
 * @param io Where to read from and write to. Default: this process.
 */
export async function main(args: readonly string[], io: Io = processIo()): Promise<number> {
  let running: string | undefined;
  try {
    const request = readArgs(h2pool, args);
    switch (request.kind) {
      case "help":
        io.print(helpText(request.command));
        return 0;
      case "version":
        io.print(VERSION);
        return 0;
      case "run":
        running = request.command.path;
        return await request.command.run(request.values, io);
    }
  } catch (error) {
    const usage = error instanceof UsageError;
    const help = usage ? ` (${error.command ?? running ?? "h2pool"} --help)` : "";
    io.stderr.write(`h2pool: ${sentence(error)}${help}\n`);
    return usage ? 2 : 1;
  }
}
