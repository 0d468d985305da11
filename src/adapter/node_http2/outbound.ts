/** What each frame of the runtime becomes on the wire. What concerns the connection is not the runtime's to say. @module */
import { writeGreeting, writeReset, writeSettingsAck } from "../http2/control.ts";
import { codeName, H2Error, NO_ERROR } from "../http2/errors.ts";
import { DATA, END_STREAM } from "../http2/frames.ts";
import type { DataOwner, FrameSink } from "../http2/receiver.ts";
import { CLOSED, type PlatformChannel, RESET } from "./channel.ts";
import { writeBlock } from "./header_block.ts";
import type { Session } from "./session.ts";

export class Outbound implements FrameSink, DataOwner {
  readonly #session: Session;
  #greeted = false;
  #channel: PlatformChannel | undefined;
  #id = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  onDataStart(id: number, _length: number): DataOwner | undefined {
    this.#id = id;
    this.#channel = this.#session.channels.get(id);
    return this;
  }

  /** False for a stream that we have reset: none of it may follow RST_STREAM. */
  onDataLength(_owner: DataOwner, payload: number, endStream: boolean): boolean {
    const { sender, out } = this.#session;
    sender.owed -= payload;
    const channel = this.#channel;
    // Bun ends a stream with an empty frame and then an empty one with END_STREAM (1.4.4): peers count the first against
    // floods (RFC 9113 section 10.5), and more than their limit of streams a second would end the connection.
    if (payload === 0 && !endStream) return false;
    if (channel === undefined || (channel.flags & (CLOSED | RESET)) !== 0 || channel.faulty) {
      // The peer never sees it: its connection window stays as it is.
      sender.window += payload;
      return false;
    }
    out.head(payload, DATA, endStream ? END_STREAM : 0, this.#id);
    return true;
  }

  padding(): void {}

  deliver(chunk: Uint8Array): boolean {
    // The runtime may use its buffer again before our frames leave.
    this.#session.out.payload(chunk);
    return false;
  }

  readEnd(): void {
    this.#channel?.outEnded();
  }

  onHeaders(id: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    const session = this.#session;
    writeBlock(session.out, id, bytes.slice(start, end), endStream ? END_STREAM : 0, session.peerMaxFrame);
    session.blockLeft(id, endStream);
  }

  /** The runtime found something wrong with what the peer sent, before we did. */
  onReset(id: number, code: number): void {
    const session = this.#session;
    const channel = session.channels.get(id);
    if (channel !== undefined) session.wrong(channel, code, `the runtime reset the stream with ${codeName(code)}`);
    else if (!session.client && !session.hushed.has(id) && code !== NO_ERROR) writeReset(session.out, id, code);
  }

  /** The same with the connection. */
  onGoaway(_lastId: number, code: number): void {
    if (code !== NO_ERROR) {
      this.#session.fail(new H2Error(code, `the runtime ended the connection with ${codeName(code)}`));
    }
  }

  onSettings(): void {
    if (this.#greeted) return;
    this.#greeted = true;
    const { out, client, settings } = this.#session;
    out.begin(() => writeGreeting(out, client ? "client" : "server", settings));
  }

  onSettingsAck(): void {
    writeSettingsAck(this.#session.out);
  }

  onPriority(): void {}
  onPing(): void {}
  onPingAck(): void {}
  onWindowUpdate(): void {}
  onUnknown(): void {}
}
