/**
 * A stream on the server's side of its opening (WIRE.md, "Opening a stream").
 *
 * @module
 */
import type { ChannelFault, Fields } from "../adapter/contract.ts";
import { PoolError } from "../core/errors.ts";
import { requestHeaders } from "./headers.ts";
import type { ServerCore } from "./server_core.ts";
import { CANCEL, REFUSED_STREAM, Seat } from "./seat.ts";
import type { ServerLink } from "./server_link.ts";

const ACCEPTED: Fields = [":status", "200"];
const NO_ERROR = 0;

/** Waits for `authorize` and for the first byte, in whichever order they come, and only then gives an id. */
export class ServerSeat extends Seat {
  declare readonly link: ServerLink;
  /** Whether its window counts in the budget. */
  reserved = false;
  #authorized = false;
  #begun = false;

  /** Asks whether it may have an id. */
  begin(fields: Fields): void {
    this.hurry();
    const { authorize } = this.#core.settings;
    if (authorize === undefined) {
      this.#authorized = true;
      return;
    }
    const { info } = this.link;
    let answer: boolean | Promise<boolean>;
    try {
      answer = authorize({
        headers: requestHeaders(fields),
        remoteAddr: info.remoteAddr,
        tls: info.tls,
        connection: info,
      });
    } catch (error) {
      return this.#failed(error);
    }
    if (typeof answer === "object") {
      Promise.resolve(answer).then((yes) => this.#answered(yes), (error) => this.#failed(error));
    } else this.#answered(answer);
  }

  /** Answers with an error status, which ends our side, and ignores what the client still sends. */
  turnAway(status: number): void {
    this.phase = "retired";
    const unread = this.early?.clear() ?? 0;
    this.early = undefined;
    if (unread > 0) this.channel.consume(unread);
    this.timer?.cancel();
    this.#core.giveBack(this);
    this.hurry();
    this.channel.respond([":status", String(status)], "none");
  }

  // A refused client that never ends its side (RFC 9113 section 8.1: nothing is wrong, it is just not read).
  override expire(): void {
    if (this.phase === "retired" && !this.reserved) this.channel.reset(NO_ERROR);
    else super.expire();
  }

  protected override openingData(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#begun) return this.keep(chunk);
    this.#begun = true;
    this.channel.consume(1);
    if (chunk.length > 1) this.keep(chunk.subarray(1));
    this.#admit();
  }

  protected override openingEnd(): void {
    this.complete = true;
    // Neither a first byte nor anything after it: nobody will ever use this one.
    if (this.early === undefined) this.#giveUp(400, "the client ended the stream before it was open");
  }

  protected override openingLate(): void {
    if (!this.#authorized) {
      this.#refuse();
      this.#core.report(
        new PoolError("ERR_POOL_HANDSHAKE", "Cannot open a stream: `authorize` has not answered in time"),
      );
      return;
    }
    this.#core.counters.failed++;
    this.#core.report(
      new PoolError(
        "ERR_POOL_HANDSHAKE",
        `Cannot open a stream: connection ${this.link.info.id} has not sent its first byte in time`,
      ),
    );
    this.channel.reset(CANCEL);
  }

  protected override openingClosed(fault: ChannelFault | undefined): void {
    if (fault !== undefined && fault.kind !== "aborted") this.#core.counters.failed++;
  }

  #answered(yes: unknown): void {
    if (this.phase !== "opening") return;
    if (yes !== true) return this.#refuse();
    this.#authorized = true;
    this.#admit();
  }

  #failed(error: unknown): void {
    this.#core.report(error);
    if (this.phase === "opening") this.#refuse();
  }

  #refuse(): void {
    this.#core.counters.rejected++;
    this.turnAway(403);
  }

  #giveUp(status: number, why: string): void {
    this.#core.counters.failed++;
    this.#core.report(new PoolError("ERR_POOL_HANDSHAKE", `Cannot open a stream: ${why}`));
    this.turnAway(status);
  }

  // The place is taken, the id written and the stream handed over in one go: nothing can come in between.
  #admit(): void {
    if (!this.#authorized || !this.#begun) return;
    if (!this.#core.hasPlace(this.link)) {
      this.#core.counters.rejected++;
      this.channel.reset(REFUSED_STREAM);
      return;
    }
    const id = this.#core.giveId(this.link);
    this.key = id.text;
    this.channel.respond(ACCEPTED);
    this.writing = !this.channel.write(id.bytes);
    this.opened();
  }

  get #core(): ServerCore {
    return this.link.core;
  }
}
