/** What the parts of the contract suite share: both ends of a connection, and handlers that write down what they hear. @module */
import { systemClock } from "../../../src/adapter/clock.ts";
import type {
  Channel,
  ChannelFault,
  ChannelHandler,
  Connection,
  ConnectionHandler,
  ConnectOptions,
  Engine,
  EngineSettings,
  Fields,
  Listener,
  ListenOptions,
  NetAddr,
} from "../../../src/adapter/contract.ts";
import * as certs from "../../support/certs.ts";
import type { TestContext } from "../../support/harness.ts";
import { joined } from "../../support/joined.ts";
import { queue } from "../../support/queue.ts";

/** The engines at both ends. */
export interface Engines {
  readonly server: Engine;
  readonly client: Engine;
}

/** Something that changes, and by whose state one can wait. */
export interface Watched {
  /** Resolves as soon as `what` holds, at once if it does already. */
  until(what: () => boolean): Promise<void>;
}
interface Watcher extends Watched {
  changed(): void;
}
function watcher(): Watcher {
  let waiting: { what: () => boolean; resolve: () => void }[] = [];
  const changed = (): void => {
    const now = waiting.filter(({ what }) => what());
    waiting = waiting.filter((one) => !now.includes(one));
    for (const { resolve } of now) resolve();
  };
  return {
    changed,
    until: (what) =>
      new Promise((resolve) => {
        waiting.push({ what, resolve });
        changed();
      }),
  };
}

/** What an {@linkcode Ear} does of itself. */
export interface EarOptions {
  /** Whether what arrives is given back to the window at once. Default "consume". */
  read?: "consume" | "keep";
  /** Called after the note was taken. */
  on?: (event: string, ear: Ear) => void;
}

/** A channel's handler that keeps everything it hears. Several `data` in a row are one note. */
export interface Ear extends ChannelHandler, Watched {
  readonly log: readonly string[];
  fields: Fields | undefined;
  trailers: Fields | undefined;
  readonly informationals: Fields[];
  readonly chunks: readonly Uint8Array[];
  readonly received: number;
  readonly accepts: number;
  fault: ChannelFault | undefined;
  readonly closed: boolean;
  channel: Channel | undefined;
  /** All that was received. */
  bytes(): Uint8Array;
  text(): string;
  readonly ended: Promise<void>;
  /** Resolves with the fault once closed. */
  readonly gone: Promise<ChannelFault | undefined>;
}

export function ear({ read = "consume", on = () => {} }: EarOptions = {}): Ear {
  const { until, changed } = watcher();
  const log: string[] = [], chunks: Uint8Array[] = [], informationals: Fields[] = [];
  let received = 0, accepts = 0;
  const note = (event: string): void => {
    if (event !== "data" || log.at(-1) !== "data") log.push(event);
    on(event, self);
    changed();
  };
  const self: Ear = {
    log,
    fields: undefined,
    trailers: undefined,
    informationals,
    chunks,
    get received() {
      return received;
    },
    get accepts() {
      return accepts;
    },
    fault: undefined,
    get closed() {
      return log.includes("close");
    },
    channel: undefined,
    until,
    bytes: () => joined(chunks),
    text: () => new TextDecoder().decode(joined(chunks)),
    get ended() {
      return until(() => log.includes("end"));
    },
    get gone() {
      return until(() => log.includes("close")).then(() => self.fault);
    },
    headers(fields, kind) {
      if (kind === "response") self.fields = fields;
      else self.trailers = fields;
      note(kind);
    },
    informational(fields) {
      informationals.push(fields);
      note("informational");
    },
    data(chunk) {
      chunks.push(chunk);
      received += chunk.length;
      if (read === "consume") self.channel?.consume(chunk.length);
      note("data");
    },
    end: () => note("end"),
    accepted() {
      accepts++;
      note("accepted");
    },
    close(fault) {
      self.fault = fault;
      note("close");
    },
  };
  return self;
}

/** A connection's handler that keeps what it hears. */
export interface ConnectionEar extends ConnectionHandler, Watched {
  readonly log: readonly string[];
  readonly goaways: readonly { code: number; lastId: number }[];
  readonly availables: number;
  error: Error | undefined;
  /** Resolves with the error once closed. */
  readonly gone: Promise<Error | undefined>;
}

type OnChannel = (channel: Channel, fields: Fields, body: "body" | "none") => ChannelHandler;

export function connectionEar(onChannel: OnChannel = () => ear()): ConnectionEar {
  const { until, changed } = watcher();
  const log: string[] = [];
  const goaways: { code: number; lastId: number }[] = [];
  const self: ConnectionEar = {
    log,
    goaways,
    get availables() {
      return log.filter((event) => event === "available").length;
    },
    error: undefined,
    until,
    get gone() {
      return until(() => log.includes("close")).then(() => self.error);
    },
    channel: (channel, fields, body) => {
      log.push("channel");
      return onChannel(channel, fields, body);
    },
    available() {
      log.push("available");
      changed();
    },
    goaway(code, lastId) {
      goaways.push({ code, lastId });
      log.push("goaway");
      changed();
    },
    close(error) {
      self.error = error;
      log.push("close");
      changed();
    },
  };
  return self;
}

/** A request as the server's side got it. */
export interface Request {
  readonly channel: Channel;
  readonly fields: Fields;
  readonly body: "body" | "none";
  readonly ear: Ear;
}

/** A listener of the server engine. */
export interface Served {
  readonly listener: Listener;
  readonly port: number;
  /** The next connection that it accepts. */
  connection(): Promise<{ connection: Connection; ear: ConnectionEar }>;
  /** The next request on any connection. */
  request(): Promise<Request>;
  /** The next failure that it reports. */
  failure(): Promise<{ remote: NetAddr | undefined; error: Error }>;
  readonly failures: readonly Error[];
}

/** What {@linkcode listen} may change. */
export interface ServeOptions extends Partial<Omit<ListenOptions, "accept" | "failed">> {
  /** Handles requests in place of `request()`. */
  onChannel?: OnChannel;
  /** For the ears that `request()` gives. */
  ear?: EarOptions;
}

export async function listen(t: TestContext, engines: Engines, options: ServeOptions = {}): Promise<Served> {
  const { onChannel, ear: earOptions, ...given } = options;
  const connections = queue<{ connection: Connection; ear: ConnectionEar }>(), requests = queue<Request>();
  const failed = queue<{ remote: NetAddr | undefined; error: Error }>();
  const failures: Error[] = [];
  const all = new Set<Connection>();
  const listener = await engines.server.listen({
    hostname: "127.0.0.1",
    port: 0,
    identity: certs.server,
    clock: systemClock,
    handshakeTimeout: 600_000,
    maxHandshakes: 1_000,
    admit: () => true,
    accept(connection) {
      all.add(connection);
      const handler = connectionEar(
        onChannel ?? ((channel, fields, body) => {
          const handler = ear(earOptions);
          handler.channel = channel;
          requests.push({ channel, fields, body, ear: handler });
          return handler;
        }),
      );
      connections.push({ connection, ear: handler });
      return handler;
    },
    failed(remote, error) {
      failures.push(error);
      failed.push({ remote, error });
    },
    ...given,
  });
  t.cleanup(async () => {
    await listener.close();
    for (const connection of all) connection.destroy();
  });
  return {
    listener,
    port: listener.addr.port,
    connection: connections.next,
    request: requests.next,
    failure: failed.next,
    failures,
  };
}

/** Connects with the client engine. */
export async function connect(
  t: TestContext,
  engines: Engines,
  port: number,
  options: Partial<ConnectOptions> = {},
): Promise<{ connection: Connection; ear: ConnectionEar }> {
  const handler = connectionEar();
  const connection = await engines.client.connect({ ...connecting(port), handler, ...options });
  t.cleanup(() => connection.destroy());
  return { connection, ear: handler };
}

export function connecting(port: number): ConnectOptions {
  return {
    hostname: "127.0.0.1",
    port,
    servername: "localhost",
    trust: { mode: "verified", ca: certs.ca },
    clock: systemClock,
    timeout: 10_000,
    handler: connectionEar(),
  };
}

/** Both ends of one connection. */
export interface Ends {
  readonly served: Served;
  readonly client: Connection;
  readonly server: Connection;
  readonly clientEar: ConnectionEar;
  readonly serverEar: ConnectionEar;
  /** Opens a channel from the client. */
  open(options?: EarOptions & { fields?: Fields; body?: "none" }): { channel: Channel; ear: Ear };
  /** Opens one, and waits until the server's side has it. */
  pair(options?: EarOptions): Promise<{ near: Channel; nearEar: Ear; far: Channel; farEar: Ear }>;
  request(): Promise<Request>;
}

/** What {@linkcode ends} may change. */
export interface EndsOptions extends ServeOptions {
  /** The client's. */
  clientSettings?: EngineSettings;
  connect?: Partial<ConnectOptions>;
}

export async function ends(t: TestContext, engines: Engines, options: EndsOptions = {}): Promise<Ends> {
  const { clientSettings, connect: connectOptions, ...serve } = options;
  const served = await listen(t, engines, serve);
  const settings = clientSettings === undefined ? {} : { settings: clientSettings };
  const near = await connect(t, engines, served.port, { ...settings, ...connectOptions });
  const far = await served.connection();
  const open: Ends["open"] = ({ fields = post("/"), body, ...earOptions } = {}) => {
    const handler = ear(earOptions);
    const channel = near.connection.open(fields, handler, body);
    handler.channel = channel;
    return { channel, ear: handler };
  };
  return {
    served,
    client: near.connection,
    clientEar: near.ear,
    server: far.connection,
    serverEar: far.ear,
    open,
    async pair(earOptions) {
      const { channel, ear } = open(earOptions);
      const request = await served.request();
      return { near: channel, nearEar: ear, far: request.channel, farEar: request.ear };
    },
    request: served.request,
  };
}

/** The header block of a POST. */
export function post(path: string, ...more: string[]): Fields {
  return [":method", "POST", ":scheme", "https", ":authority", "localhost", ":path", path, ...more];
}
export const ok: Fields = [":status", "200"];

/** A handler that sends back whatever comes, and ends when the other side does. */
export function echo(channel: Channel): ChannelHandler {
  channel.respond(ok);
  const waiting: Uint8Array[] = [];
  let ended = false, busy = false;
  const pump = (): void => {
    while (!busy && waiting.length > 0) {
      const chunk = waiting.shift() as Uint8Array;
      channel.consume(chunk.length);
      busy = !channel.write(chunk);
    }
    if (!busy && ended) channel.end();
  };
  return {
    headers() {},
    data(chunk) {
      waiting.push(chunk);
      pump();
    },
    end() {
      ended = true;
      pump();
    },
    accepted() {
      busy = false;
      pump();
    },
    close() {},
  };
}

/** Writes everything, in pieces, under backpressure; then ends. Resolves when the last byte was taken. */
export async function writeAll(channel: Channel, handler: Ear, data: Uint8Array, piece = 65_536): Promise<void> {
  for (let at = 0; at < data.length; at += piece) {
    const accepts = handler.accepts;
    const taken = channel.write(data.subarray(at, at + piece));
    if (!taken) await handler.until(() => handler.accepts > accepts || handler.closed);
  }
  channel.end();
}

/** Bytes that tell where they belong, and differ by `seed`. */
export function pattern(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed * 2_654_435_761 + 1 >>> 0;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Lets what is on its way arrive: a round trip after it. */
export async function settled(connection: Connection): Promise<void> {
  await connection.ping(10_000);
}
