/** What a command may throw, and how it is said. @module */

/** A wrong flag, value or command: exit code 2. The message is one sentence. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** The command whose help explains it. */
  readonly command: string | undefined;
  constructor(message: string, command?: string) {
    super(message);
    this.command = command;
  }
}

/** A failure in one sentence: the message, and that of its cause where it adds something. */
export function sentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const parts: string[] = [];
  for (let at: unknown = error; at instanceof Error && parts.length < 3; at = at.cause) {
    const said = message(at);
    if (!parts.some((part) => part.includes(said))) parts.push(said);
  }
  return parts.join(": ");
}

function message(error: Error): string {
  // Several addresses of one name were tried (RFC 8305): the outer error says nothing, they all say the same.
  if (error instanceof AggregateError && error.message === "" && error.errors[0] instanceof Error) {
    return message(error.errors[0]);
  }
  const text = error.message || (error as { code?: string }).code || error.name;
  return text.replace(/\s+/g, " ").trim();
}
