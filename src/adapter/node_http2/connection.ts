/** A {@linkcode Connection}: a session joined to a transport and a clock. @module */
import {
  type Channel,
  type ChannelHandler,
  type Clock,
  type ClockTimer,
  type Connection,
  ConnectionClosedError,
  type ConnectionHandler,
  type Fields,
  type NetAddr,
  type TlsState,
} from "../contract.ts";
import type { DriveOptions, Greeting } from "../http2/connection.ts";
import { NO_ERROR } from "../http2/errors.ts";
import { TimedPings } from "../http2/timed_pings.ts";
import type { Transport } from "../tls/transport.ts";
import type { Rules } from "./rules.ts";
import { Session } from "./session.ts";

/** How long a client may take to answer the PING behind the first GOAWAY before the final one goes out anyway. */
const SHUTDOWN_WAIT = 1_000;

/** Starts HTTP/2 over a transport. The connection returned is the owner's only after `ready`; until then it can be destroyed. */
export function drive(options: DriveOptions, rules: Rules): Connection {
  return new PlatformConnection(options, rules);
}

class PlatformConnection implements Connection {
  readonly role: "client" | "server";
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #session: Session;
  #greeting: Greeting | undefined;
  #lastRead: number;
  #bytesOut = 0;
  #started = false;
  /** Who ends the transport. */
  #ending: "no" | "end" | "destroy" | "gone" = "no";
  #held = true;
  #scheduled = false;
  /** Sizes of the writes that have not left, oldest first. */
  readonly #flying: number[] = [];
  readonly #pings: TimedPings;
  #shutdown: ClockTimer | undefined;

  constructor({ role, transport, clock, settings, greeting }: DriveOptions, rules: Rules) {
    this.role = role;
    this.#transport = transport;
    this.#clock = clock;
    this.#greeting = greeting;
    this.#lastRead = clock.now();
    this.#session = new Session(role, settings, rules, () => clock.now(), {
      start: () => this.#start(),
      wake: () => this.#soon(),
      ready: () => this.#ready(),
      over: (error) => this.#over(error),
    });
    const session = this.#session;
    this.#pings = new TimedPings(clock, {
      get over(): boolean {
        return session.over;
      },
      send: (answered) => session.pings.send(answered),
      cancel: (number) => session.pings.cancel(number),
    });
  }

  #start(): void {
    if (this.#started || this.#ending !== "no") return;
    this.#started = true;
    this.#transport.start({
      data: (chunk) => {
        this.#lastRead = this.#clock.now();
        this.#session.receive(chunk);
        this.#flush();
      },
      wrote: () => {
        this.#session.sender.flying -= this.#flying.shift()!;
        this.#session.prepare();
        this.#flush();
      },
      closed: (error) => {
        if (this.#ending !== "destroy") this.#ending = "gone";
        this.#session.transportClosed(error);
      },
    });
    this.#flush();
  }

  #ready(): ConnectionHandler {
    const waiting = this.#greeting!;
    this.#greeting = undefined;
    return waiting.ready(this);
  }

  get localAddr(): NetAddr {
    return this.#transport.localAddr;
  }
  get remoteAddr(): NetAddr {
    return this.#transport.remoteAddr;
  }
  get tls(): TlsState {
    return this.#transport.tls;
  }
  get openable(): number {
    return this.#session.openable;
  }
  get channels(): number {
    return this.#session.channels.size;
  }
  get lastRead(): number {
    return this.#lastRead;
  }
  get bytesIn(): number {
    return this.#session.bytesIn;
  }
  get bytesOut(): number {
    return this.#bytesOut;
  }

  open(fields: Fields, handler: ChannelHandler, body?: "none"): Channel {
    return this.#session.open(fields, handler, body);
  }

  ping(timeout: number): Promise<number> {
    return this.#pings.ping(timeout);
  }

  goaway(code: number = NO_ERROR): void {
    if (!this.#session.goAway(code)) return;
    this.#shutdown = this.#clock.timer(SHUTDOWN_WAIT, () => this.#session.leaveNow());
    if (!this.#held) this.#shutdown.unref();
  }

  destroy(error?: Error): void {
    if (this.#session.over) return;
    this.#ending = "destroy";
    this.#session.destroy(error);
  }

  ref(): void {
    this.#hold(true);
  }

  unref(): void {
    this.#hold(false);
  }

  #hold(held: boolean): void {
    this.#held = held;
    const verb = held ? "ref" : "unref";
    this.#transport[verb]();
    this.#shutdown?.[verb]();
    this.#pings.hold(verb);
  }

  #soon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#session.prepare();
      this.#flush();
    });
  }

  #flush(): void {
    this.#write();
    if (this.#ending === "no" && this.#session.ending) {
      this.#ending = "end";
      this.#transport.end();
    }
  }

  #write(): void {
    if (this.#ending === "gone" || this.#ending === "end") return;
    const bytes = this.#session.out.take();
    if (bytes === undefined) return;
    this.#bytesOut += bytes.length;
    this.#session.sender.flying += bytes.length;
    this.#flying.push(bytes.length);
    this.#transport.write(bytes);
  }

  /** The session has ended; its last words, mostly GOAWAY, go out if they still can. */
  #over(error: Error | undefined): void {
    this.#shutdown?.cancel();
    this.#pings.fail(error);
    if (this.#started) this.#write();
    if (this.#ending === "destroy" || !this.#started) this.#transport.destroy();
    else if (this.#ending === "no") {
      this.#ending = "end";
      this.#transport.end();
    }
    const waiting = this.#greeting;
    this.#greeting = undefined;
    waiting?.failed(error ?? new ConnectionClosedError("The connection was closed"));
  }
}
