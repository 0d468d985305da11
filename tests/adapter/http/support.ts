/** What the tests of the HTTP listeners share. @module */
import { Buffer } from "node:buffer";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { systemClock } from "../../../src/adapter/clock.ts";
import type {
  Answer,
  HttpListener,
  HttpListenOptions,
  HttpOutcome,
  HttpOwner,
} from "../../../src/adapter/http/contract.ts";
import { httpAdapter } from "../../../src/adapter/http/listen.ts";
import * as certs from "../../support/certs.ts";
import type { TestContext } from "../../support/harness.ts";
import { queue } from "../../support/queue.ts";

export { certs };

/** An owner that keeps what it hears. */
export interface Recorder extends HttpOwner {
  readonly outcomes: HttpOutcome[];
  readonly failures: Error[];
  begun: number;
  /** The next request that is over. */
  outcome(): Promise<HttpOutcome>;
}

export function recorder(answer: Answer | undefined | (() => Answer | undefined)): Recorder {
  const over = queue<HttpOutcome>();
  const outcomes: HttpOutcome[] = [], failures: Error[] = [];
  return {
    outcomes,
    failures,
    begun: 0,
    outcome: over.next,
    answer: typeof answer === "function" ? answer : () => answer,
    began() {
      this.begun++;
    },
    ended(outcome) {
      outcomes.push(outcome);
      over.push(outcome);
    },
    failed: (error) => void failures.push(error),
  };
}

/** A listener under test. */
export interface Served {
  readonly listener: HttpListener;
  readonly owner: Recorder;
  readonly port: number;
}

type Given = Answer | undefined | (() => Answer | undefined);

/** Listens on a free port of 127.0.0.1, plain and HTTP/1.1 unless told otherwise. */
export async function serve(t: TestContext, answer: Given, options: Partial<HttpListenOptions> = {}): Promise<Served> {
  const owner = recorder(answer);
  const listener = await httpAdapter.listen({ ...service(owner), ...options });
  t.cleanup(async () => {
    await listener.close();
    listener.abort();
    await listener.closed;
  });
  return { listener, owner, port: listener.addr.port };
}

export function service(owner: HttpOwner): HttpListenOptions {
  return {
    hostname: "127.0.0.1",
    port: 0,
    reusePort: false,
    clock: systemClock,
    tls: undefined,
    protocols: ["h1"],
    limits: {},
    owner,
  };
}

/** A client that writes and reads bytes. */
export interface RawClient {
  readonly socket: Socket;
  /** All that has come, Latin-1. */
  readonly text: string;
  /** Whether the server has ended it: FIN or reset. */
  readonly ended: boolean;
  readonly error: Error | undefined;
  write(text: string | Uint8Array): void;
  /** Resolves with all that has come once it contains this. */
  until(what: string | RegExp): Promise<string>;
  /** Resolves with all that has come when the server has ended it. */
  end(): Promise<string>;
}

/** A client of bare TCP. */
export const tcp = (t: TestContext, port: number): Promise<RawClient> => raw(t, port, "plain");

export function raw(t: TestContext, port: number, how: "plain" | "tls" = "plain"): Promise<RawClient> {
  const socket = how === "plain" ? connectTcp({ port, host: "127.0.0.1" }) : connectTls({
    port,
    host: "127.0.0.1",
    servername: "localhost",
    ca: certs.ca as string,
    ALPNProtocols: ["http/1.1"],
  });
  let text = "", ended = false, error: Error | undefined;
  let waiting: { done: () => boolean; resolve: () => void; reject: (error: Error) => void }[] = [];
  const look = (): void => {
    const open = waiting;
    waiting = [];
    for (const one of open) {
      if (one.done()) one.resolve();
      else if (ended) {
        one.reject(new Error(`The connection ended (${error}) after ${JSON.stringify(text.slice(-300))}`));
      } else waiting.push(one);
    }
  };
  const over = (): void => {
    ended = true;
    look();
  };
  socket.setNoDelay(true);
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    look();
  });
  socket.on("error", (e) => error = e);
  socket.on("end", over);
  socket.on("close", over);
  t.cleanup(() => socket.destroy());
  const wait = (done: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting.push({ done, resolve, reject });
      look();
    });
  const client: RawClient = {
    socket,
    get text() {
      return text;
    },
    get ended() {
      return ended;
    },
    get error() {
      return error;
    },
    write: (what) => void socket.write(typeof what === "string" ? Buffer.from(what, "latin1") : what),
    async until(what) {
      await wait(() => typeof what === "string" ? text.includes(what) : what.test(text));
      return text;
    },
    async end() {
      await wait(() => ended);
      return text;
    },
  };
  return new Promise((resolve, reject) => {
    socket.once(how === "plain" ? "connect" : "secureConnect", () => resolve(client));
    socket.once("error", reject);
  });
}

/** One raw request, and everything that comes until the server ends the connection. */
export async function exchange(
  t: TestContext,
  port: number,
  text: string,
  how: "plain" | "tls" = "plain",
): Promise<string> {
  const client = await raw(t, port, how);
  client.write(text);
  const all = await client.end();
  client.socket.destroy();
  return all;
}

/** The statuses of the responses in what a raw client got. */
export function statuses(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

/** A promise for what a callback will bring. */
export function later<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => resolve = done);
  return { promise, resolve: (value) => resolve(value) };
}
