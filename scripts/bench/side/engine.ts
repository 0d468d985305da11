/** The engine alone: its channels, without pools. Windows as the prototype has them. @module */
import type {
  Channel,
  ChannelFault,
  ChannelHandler,
  Clock,
  Connection,
  ConnectionHandler,
  Fields,
} from "../../../src/adapter/contract.ts";
import { portableEngine as engine } from "../../../src/adapter/http2/engine.ts";
import {
  ANSWER,
  answering,
  bouncing,
  type ClientPeer,
  type Command,
  countBytes,
  type Flow,
  type PeerOptions,
  PIECE,
  type ServerPeer,
} from "./flow.ts";

const SETTINGS = { window: 1 << 20, maxStreams: 100_000 };
const OK: Fields = [":status", "200"];
const NOTHING = (): void => {};
const clock: Clock = {
  now: () => performance.now(),
  timer(ms, fire) {
    const id = setTimeout(fire, ms) as unknown as { ref?(): void; unref?(): void };
    return {
      cancel: () => clearTimeout(id as unknown as number),
      ref: () => id.ref?.(),
      unref: () => id.unref?.(),
    };
  },
};

export async function serve(options: PeerOptions): Promise<ServerPeer> {
  const owner: ConnectionHandler = {
    channel(channel, fields) {
      const path = fields[fields.indexOf(":path") + 1]!;
      if (path === "/one") return new One(channel);
      const command = path.slice(1) as Command;
      if (command === "echo") return new Echo(channel);
      if (command === "sink") return new Sink(channel);
      return new Source(channel, Number(fields[fields.indexOf("x-total") + 1]));
    },
    available: NOTHING,
    goaway: NOTHING,
    close: NOTHING,
  };
  const listener = await engine.listen({
    hostname: "127.0.0.1",
    port: 0,
    identity: { cert: options.cert, key: options.key },
    settings: SETTINGS,
    clock,
    handshakeTimeout: 10_000,
    maxHandshakes: 100,
    admit: () => true,
    accept: () => owner,
    failed: NOTHING,
  });
  return { port: listener.addr.port };
}

class Quiet implements ChannelHandler {
  headers(): void {}
  data(_chunk: Uint8Array): "used" | void {
    return "used";
  }
  end(): void {}
  accepted(): void {}
  close(_fault: ChannelFault | undefined): void {}
}

class One extends Quiet {
  private readonly channel: Channel;
  constructor(channel: Channel) {
    super();
    this.channel = channel;
  }
  override data(chunk: Uint8Array): "used" | void {
    this.channel.consume(chunk.length);
    return "used";
  }
  override end(): void {
    this.channel.respond(OK);
    this.channel.write(ANSWER);
    this.channel.end();
  }
}

class Sink extends Quiet {
  private readonly channel: Channel;
  private got = 0;
  constructor(channel: Channel) {
    super();
    this.channel = channel;
  }
  override data(chunk: Uint8Array): "used" | void {
    this.got += chunk.length;
    this.channel.consume(chunk.length);
    return "used";
  }
  override end(): void {
    this.channel.respond(OK);
    this.channel.write(countBytes(this.got));
    this.channel.end();
  }
}

class Echo extends Quiet {
  private readonly channel: Channel;
  /** Chunks that wait for `accepted`, the one under way first. */
  private waiting: Uint8Array[] = [];
  private ended = false;
  constructor(channel: Channel) {
    super();
    this.channel = channel;
    channel.respond(OK);
  }
  override data(chunk: Uint8Array): "used" | void {
    if (this.waiting.length > 0 || !this.channel.write(chunk)) {
      this.waiting.push(chunk);
      return;
    }
    this.channel.consume(chunk.length);
    return "used";
  }
  override accepted(): void {
    const { waiting, channel } = this;
    let at = 0;
    do channel.consume(waiting[at++]!.length); while (at < waiting.length && channel.write(waiting[at]!));
    this.waiting = at < waiting.length ? waiting.slice(at) : [];
    if (this.ended && this.waiting.length === 0) channel.end();
  }
  override end(): void {
    this.ended = true;
    if (this.waiting.length === 0) this.channel.end();
  }
}

/** Writes `left` bytes and ends. */
class Source extends Quiet {
  private readonly channel: Channel;
  private left: number;
  constructor(channel: Channel, total: number) {
    super();
    this.channel = channel;
    this.left = total;
    channel.respond(OK);
    this.accepted();
  }
  override accepted(): void {
    this.left = pour(this.channel, this.left);
  }
}

/** Writes until the channel is full; returns what is left, -1 when the end has been sent too. */
function pour(channel: Channel, total: number): number {
  let left = total;
  while (left > 0) {
    const piece = left >= PIECE.length ? PIECE : PIECE.subarray(0, left);
    left -= piece.length;
    if (!channel.write(piece)) return left;
  }
  if (left === 0) channel.end();
  return -1;
}

export async function connect(options: PeerOptions, port: number): Promise<ClientPeer> {
  const connection = await engine.connect({
    hostname: "127.0.0.1",
    port,
    servername: "localhost",
    trust: { mode: "verified", ca: options.ca },
    settings: SETTINGS,
    clock,
    timeout: 10_000,
    handler: {
      channel: () => new Quiet(),
      available: NOTHING,
      goaway: NOTHING,
      close: NOTHING,
    },
  });
  const held: Channel[] = [];
  return {
    flow: () => Promise.resolve(channelFlow(connection)),
    exchange: () =>
      new Promise<number>((resolve, reject) => {
        const handler = new Exchange(resolve, reject);
        handler.channel = connection.open(request("/one", 0), handler);
        handler.channel.write(PIECE.subarray(0, 1));
        handler.channel.end();
      }),
    async hold(count) {
      while (held.length < count) {
        await Promise.all(
          Array.from({ length: Math.min(500, count - held.length) }, () =>
            new Promise<void>((resolve) => {
              const handler = new Held(resolve);
              const channel = connection.open(request("/echo", 0), handler);
              held.push(channel);
              channel.write(PIECE.subarray(0, 1));
            })),
        );
      }
    },
    close: () => connection.destroy(),
  };
}

function request(path: string, total: number): Fields {
  return [
    ":method",
    "POST",
    ":scheme",
    "https",
    ":authority",
    "localhost",
    ":path",
    path,
    ...(total > 0 ? ["x-total", String(total)] : []),
  ];
}

class Held extends Quiet {
  private resolve: (() => void) | undefined;
  constructor(resolve: () => void) {
    super();
    this.resolve = resolve;
  }
  override data(): "used" | void {
    this.resolve?.();
    this.resolve = undefined;
    return "used";
  }
}

class Exchange extends Quiet {
  channel!: Channel;
  private got = 0;
  private readonly resolve: (got: number) => void;
  private readonly reject: (error: Error) => void;
  constructor(resolve: (got: number) => void, reject: (error: Error) => void) {
    super();
    this.resolve = resolve;
    this.reject = reject;
  }
  override data(chunk: Uint8Array): "used" | void {
    this.got += chunk.length;
    this.channel.consume(chunk.length);
    return "used";
  }
  override end(): void {
    this.resolve(this.got);
  }
  override close(fault: ChannelFault | undefined): void {
    if (fault) this.reject(new Error(`channel closed: ${JSON.stringify(fault)}`));
  }
}

function channelFlow(connection: Connection): Flow {
  const handler = new FlowHandler();
  const settled = <T>(run: (resolve: (value: T) => void) => void): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      handler.rejects.push(reject);
      run(resolve);
    });
  return {
    begin(command, total) {
      handler.channel = connection.open(request(`/${command}`, total), handler);
    },
    send: (total) =>
      settled<void>((resolve) => {
        handler.left = total;
        handler.sent = resolve;
        handler.accepted();
      }),
    receive: () =>
      settled<number>((resolve) => {
        let got = 0;
        handler.onData = (chunk) => void (got += chunk.length);
        handler.onEnd = () => resolve(got);
      }),
    bounce: (size, times) =>
      settled<void>((resolve) =>
        void (handler.onData = bouncing(size, times, (message) => handler.channel.write(message), resolve))
      ),
    answer: () => settled<number>((resolve) => void (handler.onData = answering(resolve))),
    finish: () => handler.channel.end(),
  };
}

class FlowHandler extends Quiet {
  channel!: Channel;
  left = -1;
  rejects: ((error: Error) => void)[] = [];
  sent: () => void = NOTHING;
  onData: (chunk: Uint8Array) => void = NOTHING;
  onEnd: () => void = NOTHING;
  override data(chunk: Uint8Array): "used" | void {
    this.onData(chunk);
    this.channel.consume(chunk.length);
    return "used";
  }
  override end(): void {
    this.onEnd();
  }
  override accepted(): void {
    if (this.left < 0) return;
    this.left = pour(this.channel, this.left);
    if (this.left < 0) this.sent();
  }
  override close(fault: ChannelFault | undefined): void {
    if (fault) { for (const reject of this.rejects) reject(new Error(`channel closed: ${JSON.stringify(fault)}`)); }
  }
}
