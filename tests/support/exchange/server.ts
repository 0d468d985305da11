/**
 * Our server for other people's clients. A request with a body gets it back, trailers too; `/bytes/N` is N bytes of
 * `pattern`, `/fields/N` has N fields of 1,000 octets; every response says in `seen` what request fields it saw. @module
 */
import { systemClock } from "../../../src/adapter/clock.ts";
import type {
  Channel,
  ChannelFault,
  ChannelHandler,
  Connection,
  EngineSettings,
  Fields,
  Listener,
} from "../../../src/adapter/contract.ts";
import { portableEngine } from "../../../src/adapter/http2/engine.ts";
import type { TestContext } from "../harness.ts";
import { field, fieldsDigest, pattern } from "./bodies.ts";
import { server } from "../certs.ts";

/** A server of ours, closed with the test. */
export interface OurServer {
  readonly port: number;
  readonly url: string;
  readonly connections: readonly Connection[];
  /** Faults of channels, in order. */
  readonly faults: readonly ChannelFault[];
  /** How connections ended; undefined in order. */
  readonly ends: readonly (Error | undefined)[];
}

export async function ourServer(t: TestContext, settings: EngineSettings = {}): Promise<OurServer> {
  const connections: Connection[] = [];
  const faults: ChannelFault[] = [];
  const ends: (Error | undefined)[] = [];
  const listener: Listener = await portableEngine.listen({
    hostname: "127.0.0.1",
    port: 0,
    identity: server,
    settings,
    clock: systemClock,
    handshakeTimeout: 10_000,
    maxHandshakes: 100,
    admit: () => true,
    accept(connection) {
      connections.push(connection);
      return {
        channel: (channel, fields, body) => respond(channel, fields, body, faults),
        available() {},
        goaway() {},
        close: (error) => void ends.push(error),
      };
    },
    failed() {},
  });
  t.cleanup(async () => {
    await listener.close();
    for (const connection of connections) connection.destroy();
  });
  const { port } = listener.addr;
  return { port, url: `https://localhost:${port}`, connections, faults, ends };
}

function respond(channel: Channel, fields: Fields, body: "body" | "none", faults: ChannelFault[]): ChannelHandler {
  const [, kind, count] = (field(fields, ":path") ?? "").split("/");
  const answer = [":status", "200", "seen", fieldsDigest(fields), "content-type", "application/octet-stream"];
  if (kind === "fields") { for (let i = 0; i < Number(count); i++) answer.push(`x-field-${i}`, "v".repeat(1_000)); }
  if (kind === "early") channel.inform([":status", "103", "link", "</style.css>"]);
  const echo = new Echo(channel, faults);
  if (body === "none" && kind !== "bytes") {
    channel.respond(answer, "none");
  } else {
    channel.respond(answer);
    if (kind === "bytes") echo.send(pattern(Number(count)));
  }
  return echo;
}

class Echo implements ChannelHandler {
  readonly #channel: Channel;
  readonly #faults: ChannelFault[];
  /** What `write` could not place, and what came after it. */
  readonly #waiting: Uint8Array[] = [];
  #trailers: Fields | undefined;
  #ended = false;

  constructor(channel: Channel, faults: ChannelFault[]) {
    this.#channel = channel;
    this.#faults = faults;
  }

  send(chunk: Uint8Array): void {
    if (this.#waiting.length > 0 || !this.#channel.write(chunk)) this.#waiting.push(chunk);
  }

  headers(fields: Fields): void {
    this.#trailers = fields;
  }
  data(chunk: Uint8Array): void {
    this.send(chunk);
    if (this.#waiting.length === 0) this.#channel.consume(chunk.length);
  }
  accepted(): void {
    for (;;) {
      const done = this.#waiting.shift()!;
      if (!this.#ended) this.#channel.consume(done.length);
      const next = this.#waiting[0];
      if (next === undefined) break;
      if (!this.#channel.write(next)) return;
    }
    if (this.#ended) this.#channel.end(this.#trailers);
  }
  end(): void {
    this.#ended = true;
    if (this.#waiting.length === 0) this.#channel.end(this.#trailers);
  }
  close(fault: ChannelFault | undefined): void {
    if (fault !== undefined) this.#faults.push(fault);
  }
}
