/** A service over the network in memory, and a client that writes down what it gets. @module */
import { systemClock } from "../../../../src/adapter/clock.ts";
import type {
  Channel,
  ChannelFault,
  ChannelHandler,
  Clock,
  Connection,
  EngineSettings,
  Fields,
} from "../../../../src/adapter/contract.ts";
import type { Answer, HttpLimits } from "../../../../src/adapter/http/contract.ts";
import { type H2Service, h2Service } from "../../../../src/adapter/http/h2/service.ts";
import type { TestContext } from "../../../support/harness.ts";
import { joined } from "../../../support/joined.ts";
import { type MemoryEngine, memoryEngine } from "../../../support/memory_engine.ts";
import { type Recorder, recorder } from "../support.ts";

export interface Rig {
  readonly service: H2Service;
  readonly owner: Recorder;
  readonly engine: MemoryEngine;
  readonly client: Connection;
  /** What became of the client's connection. */
  readonly gone: Promise<Error | undefined>;
  /** GOAWAY codes that it got. */
  readonly goaways: number[];
  /** One whole exchange. */
  ask(fields?: Record<string, string>, body?: string | Uint8Array, trailers?: Fields): Promise<Reply>;
  /** An exchange by hand. */
  open(fields?: Record<string, string>, options?: OpenOptions): Live;
}

export interface OpenOptions {
  body?: "none";
  /** Whether what comes is given back to the window. Default "consume". */
  read?: "consume" | "keep";
}

/** What a client got. */
export interface Reply {
  status: number;
  /** Without `:status` and `date`; in their order. */
  fields: string[];
  dated: boolean;
  informational: string[];
  trailers: string[];
  text: string;
  bytes: number;
  fault: ChannelFault | undefined;
}

export interface Live {
  readonly channel: Channel;
  readonly reply: Reply;
  /** The head has come. */
  readonly head: Promise<Reply>;
  /** Closed. */
  readonly done: Promise<Reply>;
  /** Resolves when this holds; looked at whenever something comes. */
  until(what: () => boolean): Promise<void>;
}

interface RigOptions {
  limits?: HttpLimits;
  clock?: Clock;
  client?: EngineSettings;
}

/** A service with one client. */
export async function rig(t: TestContext, answer: Answer | undefined, options: RigOptions = {}): Promise<Rig> {
  const { limits = {}, clock = systemClock } = options;
  const engine = memoryEngine();
  const owner = recorder(answer);
  const service = h2Service({ limits, owner, clock });
  const listener = await engine.listen({
    hostname: "127.0.0.1",
    port: 0,
    identity: { cert: "", key: "" },
    settings: service.settings,
    clock,
    handshakeTimeout: 1_000,
    maxHandshakes: 10,
    admit: () => true,
    accept: (connection) => service.accept(connection),
    failed() {},
  });
  t.cleanup(async () => {
    service.abort();
    await listener.close();
  });
  let over: (error: Error | undefined) => void = () => {};
  const gone = new Promise<Error | undefined>((resolve) => over = resolve);
  const goaways: number[] = [];
  const client = await engine.connect({
    hostname: "127.0.0.1",
    port: listener.addr.port,
    servername: "localhost",
    trust: { mode: "insecure" },
    settings: options.client,
    clock,
    timeout: 1_000,
    handler: {
      channel() {
        throw new Error("a server opens nothing");
      },
      available() {},
      goaway: (code) => void goaways.push(code),
      close: (error) => over(error),
    },
  });
  t.cleanup(() => client.destroy());
  function open(fields: Record<string, string> = {}, { body, read = "consume" }: OpenOptions = {}): Live {
    return live(client, request(fields), body, read);
  }
  return {
    service,
    owner,
    engine,
    client,
    gone,
    goaways,
    open,
    async ask(fields, body, trailers) {
      if (body === undefined && trailers === undefined) return await open(fields, { body: "none" }).done;
      const one = open(fields);
      const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body ?? new Uint8Array(0);
      one.channel.write(bytes);
      one.channel.end(trailers);
      return await one.done;
    },
  };
}

function request(fields: Record<string, string>): string[] {
  const all: Record<string, string> = {
    ":method": "GET",
    ":scheme": "https",
    ":path": "/",
    ":authority": "localhost",
    ...fields,
  };
  // "" leaves a pseudo-field out.
  return Object.entries(all).filter(([name, value]) => value !== "" || !name.startsWith(":")).flat();
}

function live(client: Connection, fields: Fields, body: "none" | undefined, read: "consume" | "keep"): Live {
  const chunks: Uint8Array[] = [];
  const reply: Reply = {
    status: 0,
    fields: [],
    dated: false,
    informational: [],
    trailers: [],
    text: "",
    bytes: 0,
    fault: undefined,
  };
  let waiting: { what: () => boolean; resolve: () => void }[] = [];
  let closed = false;
  const changed = (): void => {
    const now = waiting.filter(({ what }) => what());
    waiting = waiting.filter((one) => !now.includes(one));
    for (const { resolve } of now) resolve();
  };
  const until = (what: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      waiting.push({ what, resolve });
      changed();
    });
  const handler: ChannelHandler = {
    headers(fields, kind) {
      if (kind === "trailers") reply.trailers = [...fields];
      else {
        reply.status = Number(fields[1]);
        for (let i = 2; i < fields.length; i += 2) {
          if (fields[i] === "date") reply.dated = true;
          else reply.fields.push(fields[i]!, fields[i + 1]!);
        }
      }
      changed();
    },
    informational: (fields) => {
      reply.informational.push(fields.join(" "));
      changed();
    },
    data(chunk) {
      chunks.push(chunk.slice());
      reply.bytes += chunk.length;
      if (read === "consume") channel.consume(chunk.length);
      changed();
    },
    end() {},
    accepted: changed,
    close(fault) {
      reply.fault = fault;
      reply.text = new TextDecoder().decode(joined(chunks));
      closed = true;
      changed();
    },
  };
  const channel = client.open(fields, handler, body);
  const self: Live = {
    channel,
    reply,
    until,
    get head() {
      return until(() => reply.status > 0 || closed).then(() => reply);
    },
    get done() {
      return until(() => closed).then(() => reply);
    },
  };
  return self;
}

/** What a fault says in short. */
export function faultOf({ fault }: Reply): string {
  if (fault === undefined) return "none";
  return fault.kind === "reset" ? `reset ${fault.code} ${fault.by}` : fault.kind;
}

/** Lets everything that is under way in microtasks happen. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}
