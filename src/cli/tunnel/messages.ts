/** The control protocol's lines: newline-delimited JSON, as bytes and as what they say. @module */

/** What one side tells the other on the control stream. */
export type ControlMessage =
  /** The first line of either side; also what it ends with when the other side broke the protocol. */
  | { readonly kind: "hello"; readonly error?: string }
  /** Server to client: a public connection from `from` is on the stream `id`. */
  | { readonly kind: "take"; readonly id: string; readonly from: string }
  /** Client to server: the service of `id` is connected. */
  | { readonly kind: "ok"; readonly id: string }
  /** Client to server: it could not be. */
  | { readonly kind: "failed"; readonly id: string; readonly why: string };

/** The other side broke the protocol, or speaks another version of it. */
export class ControlError extends Error {
  override readonly name = "ControlError";
}

/** The version spoken here. */
export const VERSION = 1;
/** Bytes of a line without its line feed. */
export const MAX_LINE = 4096;

/** One line, line feed included. */
export function encodeMessage(message: ControlMessage): string {
  switch (message.kind) {
    case "hello":
      return line({ h2pool: VERSION, error: cut(message.error) });
    case "take":
      return line({ take: message.id, from: message.from });
    case "ok":
      return line({ ok: message.id });
    case "failed":
      return line({ failed: message.id, why: cut(message.why) });
  }
}

/** Takes bytes as they come and gives what each line says. `push` throws a `ControlError`; nothing can be pushed after it. */
export function messageReader(hear: (message: ControlMessage) => void): { push(bytes: Uint8Array): void } {
  const text = new TextDecoder("utf-8", { fatal: true });
  const partial = new Uint8Array(MAX_LINE);
  let held = 0;
  let greeted = false;

  function read(bytes: Uint8Array): void {
    const fields = parse(text, bytes);
    if (!greeted) checkVersion(fields);
    const message = greeted ? toMessage(fields) : toHello(fields);
    greeted = true;
    if (message !== undefined) hear(message);
  }

  function hold(bytes: Uint8Array): void {
    if (held + bytes.length > MAX_LINE) throw new ControlError(`a control line is longer than ${MAX_LINE} bytes`);
    partial.set(bytes, held);
    held += bytes.length;
  }

  return {
    push(bytes) {
      let from = 0;
      for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, from)) {
        hold(bytes.subarray(from, end));
        const whole = partial.subarray(0, held);
        held = 0;
        from = end + 1;
        read(whole);
      }
      hold(bytes.subarray(from));
    },
  };
}

const LINE_FEED = 0x0a;
/** A reason is for people: longer ones would not fit the line once escaped. */
const MAX_REASON = 500;

function line(fields: object): string {
  return `${JSON.stringify(fields)}\n`;
}

function cut(text: string): string;
function cut(text: string | undefined): string | undefined;
function cut(text: string | undefined): string | undefined {
  return text?.slice(0, MAX_REASON);
}

type Fields = Readonly<Record<string, unknown>>;

function parse(text: TextDecoder, bytes: Uint8Array): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text.decode(bytes));
  } catch {
    throw new ControlError("a control line is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ControlError("a control line is not a JSON object");
  }
  return value as Fields;
}

function checkVersion(fields: Fields): void {
  const version = fields.h2pool;
  if (version === undefined) {
    throw new ControlError("the first control line names no version: this is no h2pool tunnel");
  }
  if (version !== VERSION) {
    const shown = JSON.stringify(version).slice(0, 20);
    throw new ControlError(
      `the other side speaks version ${shown} of the tunnel protocol, this one version ${VERSION}`,
    );
  }
}

function toHello(fields: Fields): ControlMessage {
  return { kind: "hello", ...typeof fields.error === "string" ? { error: fields.error } : {} };
}

/** Undefined for what a later version may add. */
function toMessage(fields: Fields): ControlMessage | undefined {
  if ("take" in fields) return { kind: "take", id: streamId(fields.take), from: string("from", fields.from ?? "") };
  if ("ok" in fields) return { kind: "ok", id: streamId(fields.ok) };
  if ("failed" in fields) return { kind: "failed", id: streamId(fields.failed), why: string("why", fields.why ?? "") };
  if ("error" in fields) return toHello(fields);
  return undefined;
}

function streamId(value: unknown): string {
  if (typeof value === "string" && /^[0-9a-f]{8}$/.test(value)) return value;
  throw new ControlError("a control line names no stream");
}

function string(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw new ControlError(`"${name}" of a control line is not text`);
}
