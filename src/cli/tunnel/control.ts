/** A control stream: messages both ways on stream 00000000 of a connection. @module */
import type { PoolStream } from "../../streams/mod.ts";
import { ControlError, type ControlMessage, encodeMessage, messageReader } from "./messages.ts";

/** The stream of each connection that carries control messages. */
export const CONTROL_ID = "00000000";

/**
 * How soon a silent connection is asked whether it lives, milliseconds. Shorter than the pool's own 30 s: half-dead home
 * connections are what tunnels run over, and the status line shows the round trip that is measured this way.
 */
export const KEEP_ALIVE = 15_000;

/** One end of a control stream. */
export interface Control {
  /** In order, without waiting. */
  send(message: ControlMessage): void;
  /** Ends this side after what was sent; the other side may go on. */
  end(): void;
  /** The other side ended its own (undefined), broke the protocol (a `ControlError`) or was lost. Never rejects. */
  readonly over: Promise<Error | undefined>;
}

/** The other side's first line must come within this. Milliseconds. */
const HELLO_TIMEOUT = 10_000;
/** Bytes of messages for a side that does not read them. */
const MAX_UNSENT = 1024 * 1024;

/** Says hello, and tells `hear` every message from the hello on. */
export function openControl(stream: PoolStream, hear: (message: ControlMessage) => void): Control {
  const encoder = new TextEncoder();
  let unsent = "";
  let sending = false;
  let ending = false;

  async function flush(): Promise<void> {
    sending = true;
    while (unsent !== "") {
      const bytes = encoder.encode(unsent);
      unsent = "";
      await stream.write(bytes);
    }
    if (ending) await stream.closeWrite();
    sending = false;
  }

  function start(): void {
    // A failed write means a broken stream, which the reading side hears of too, and says.
    if (!sending) flush().catch(ignore);
  }

  function send(message: ControlMessage): void {
    if (ending) return;
    unsent += encodeMessage(message);
    if (unsent.length > MAX_UNSENT) {
      return stream.abort(new ControlError("the other side does not read its control stream"));
    }
    start();
  }

  function end(): void {
    ending = true;
    start();
  }

  async function listen(): Promise<Error | undefined> {
    const buffer = new Uint8Array(4096);
    let refused: string | undefined;
    const reader = messageReader((message) => {
      if (message.kind === "hello") {
        stream.setReadDeadline(null);
        refused ??= message.error;
        if (message.error !== undefined) return;
      }
      hear(message);
    });
    stream.setReadDeadline(new Date(Date.now() + HELLO_TIMEOUT));
    try {
      for (;;) {
        const n = await stream.read(buffer);
        if (n === null) return refused === undefined ? undefined : new ControlError(`the other side says: ${refused}`);
        reader.push(buffer.subarray(0, n));
      }
    } catch (error) {
      if (error instanceof ControlError) {
        // It should hear why; what it still sends is not looked at.
        send({ kind: "hello", error: error.message });
        end();
      }
      return error as Error;
    }
  }

  send({ kind: "hello" });
  return { send, end, over: listen() };
}

function ignore(): void {}
