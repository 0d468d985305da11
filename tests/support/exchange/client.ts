/** Our client for other people's servers. @module */
import { systemClock } from "../../../src/adapter/clock.ts";
import type {
  Channel,
  ChannelFault,
  ChannelHandler,
  Connection,
  EngineSettings,
  Fields,
} from "../../../src/adapter/contract.ts";
import { portableEngine } from "../../../src/adapter/http2/engine.ts";
import type { TestContext } from "../harness.ts";
import { digest } from "./bodies.ts";
import { ca } from "../certs.ts";

/** A connection of ours, destroyed with the test, and what it can be told to wait for. */
export interface OurClient {
  readonly connection: Connection;
  /** Resolves when a channel can be opened. */
  openable(): Promise<void>;
  request(options: RequestOptions): Promise<Answer>;
}

export interface RequestOptions {
  method?: string;
  path?: string;
  /** Beside the pseudo-fields. */
  fields?: Fields;
  body?: Uint8Array;
  /** Octets of one write. Default 65_536. */
  piece?: number;
  trailers?: Fields;
}

/** What came back. */
export interface Answer {
  readonly informational: readonly Fields[];
  readonly fields: Fields | undefined;
  readonly length: number;
  readonly sha256: string;
  readonly trailers: Fields | undefined;
  /** Undefined for an exchange that both sides ended. */
  readonly fault: ChannelFault | undefined;
}

export async function ourClient(t: TestContext, port: number, settings: EngineSettings = {}): Promise<OurClient> {
  let wake: (() => void)[] = [];
  const again = (): void => {
    const woken = wake;
    wake = [];
    for (const each of woken) each();
  };
  const connection = await portableEngine.connect({
    hostname: "127.0.0.1",
    port,
    servername: "localhost",
    trust: { mode: "verified", ca },
    settings,
    clock: systemClock,
    timeout: 10_000,
    signal: t.signal,
    handler: {
      channel: () => {
        throw new Error("a server opened a channel");
      },
      available: again,
      goaway: again,
      close: again,
    },
  });
  t.cleanup(() => connection.destroy());
  const openable = async (): Promise<void> => {
    while (connection.openable === 0) await new Promise<void>((resolve) => wake.push(resolve));
  };
  const request = (options: RequestOptions): Promise<Answer> => {
    return new Promise((resolve) => new Exchange(connection, options, resolve));
  };
  return { connection, openable, request };
}

class Exchange implements ChannelHandler {
  readonly #channel: Channel;
  readonly #body: Uint8Array | undefined;
  readonly #piece: number;
  readonly #trailers: Fields | undefined;
  readonly #hash = digest();
  readonly #done: (answer: Answer) => void;
  readonly #informational: Fields[] = [];
  #sent = 0;
  #length = 0;
  #response: Fields | undefined;
  #received: Fields | undefined;

  constructor(connection: Connection, options: RequestOptions, done: (answer: Answer) => void) {
    const { body, trailers, path = "/echo", method = body ? "POST" : "GET", piece = 65_536, fields = [] } = options;
    this.#body = body;
    this.#piece = piece;
    this.#trailers = trailers;
    this.#done = done;
    const all = [":method", method, ":scheme", "https", ":path", path, ":authority", "localhost", ...fields];
    if (body === undefined) {
      this.#channel = connection.open(all, this, "none");
    } else {
      this.#channel = connection.open(all, this);
      this.accepted();
    }
  }

  accepted(): void {
    const body = this.#body!;
    while (this.#sent < body.length) {
      const piece = body.subarray(this.#sent, this.#sent + this.#piece);
      this.#sent += piece.length;
      if (!this.#channel.write(piece)) return;
    }
    this.#channel.end(this.#trailers);
  }
  headers(fields: Fields, kind: "response" | "trailers"): void {
    if (kind === "response") this.#response = fields;
    else this.#received = fields;
  }
  informational(fields: Fields): void {
    this.#informational.push(fields);
  }
  data(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#length += chunk.length;
    this.#channel.consume(chunk.length);
  }
  end(): void {}
  close(fault: ChannelFault | undefined): void {
    this.#done({
      informational: this.#informational,
      fields: this.#response,
      length: this.#length,
      sha256: this.#hash.digest("hex"),
      trailers: this.#received,
      fault,
    });
  }
}
