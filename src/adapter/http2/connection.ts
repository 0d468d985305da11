/**
 * A {@linkcode Connection}: a session joined to a transport and a clock. Output goes out at the end of each read, or
 * with one microtask for everything a turn has written. @module
 */
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
import type { Transport, TransportSink } from "../tls/transport.ts";
import { NO_ERROR } from "./errors.ts";
import type { ResolvedSettings } from "./limits.ts";
import { Session, type SessionHost } from "./session.ts";
import { TimedPings } from "./timed_pings.ts";

/** How long a client may take to answer the PING behind the first GOAWAY before the final one goes out anyway. */
const SHUTDOWN_WAIT = 1_000;

/** Microtasks that a flush may wait for more to be written. */
const MAX_HOPS = 16;

/** Who waits for the peer's SETTINGS. One of the two is called, once. */
export interface Greeting {
  /** They have come. Returns who owns the connection. */
  ready(connection: Connection): ConnectionHandler;
  /** The connection ended before. */
  failed(error: Error): void;
}

/** What {@linkcode drive} needs. */
export interface DriveOptions {
  readonly role: "client" | "server";
  readonly transport: Transport;
  readonly clock: Clock;
  readonly settings: ResolvedSettings;
  readonly greeting: Greeting;
}

/** Starts HTTP/2 over a transport. The connection returned is the owner's only after `ready`; until then it can be destroyed. */
export function drive(options: DriveOptions): Connection {
  return new PortableConnection(options);
}

class PortableConnection implements Connection {
  readonly role: "client" | "server";
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #session: Session;
  #greeting: Greeting | undefined;
  #lastRead: number;
  /** Why the transport ends: by itself, with FIN, or at once. */
  #ending: "no" | "end" | "destroy" | "gone" = "no";
  /** Our FIN is on its way, behind everything else. */
  #finished = false;
  #held = true;
  #scheduled = false;
  #placed = 0;
  #hops = 0;
  readonly #pings: TimedPings;
  #shutdown: ClockTimer | undefined;

  constructor({ role, transport, clock, settings, greeting }: DriveOptions) {
    this.role = role;
    this.#transport = transport;
    this.#clock = clock;
    this.#greeting = greeting;
    this.#lastRead = clock.now();
    const host: SessionHost = {
      wake: () => this.#soon(),
      ready: () => {
        const waiting = this.#greeting!;
        this.#greeting = undefined;
        return waiting.ready(this);
      },
      over: (error) => this.#over(error),
    };
    this.#session = new Session(role, settings, () => clock.now(), host);
    const session = this.#session;
    this.#pings = new TimedPings(clock, {
      get over(): boolean {
        return session.over;
      },
      send: (answered) => session.ping(answered),
      cancel: (number) => session.cancelPing(number),
    });
    const sink: TransportSink = {
      data: (chunk) => {
        this.#lastRead = clock.now();
        const used = this.#session.receive(chunk);
        this.#flush();
        return used ? "used" : undefined;
      },
      wrote: () => {
        this.#session.wrote();
        this.#session.prepare();
        if (this.#session.ending || !this.#session.sender.empty) this.#soon();
      },
      closed: (error) => {
        if (this.#ending !== "destroy") this.#ending = "gone";
        this.#session.transportClosed(error);
      },
    };
    transport.start(sink);
    this.#flush();
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
    return this.#session.streams.size;
  }
  get lastRead(): number {
    return this.#lastRead;
  }
  get bytesIn(): number {
    return this.#session.bytesIn;
  }
  get bytesOut(): number {
    return this.#session.sender.taken;
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
    this.#hops = 0;
    queueMicrotask(this.#calm);
  }

  /**
   * Flushes once nobody writes any more in this turn: who awaits each `write` comes back a microtask later, with the rest
   * of what fits the slab. Else every 64 KiB would leave by itself, its last bytes in a TLS record of their own.
   */
  #calm = (): void => {
    const { placed } = this.#session.sender;
    if (placed !== this.#placed && this.#hops++ < MAX_HOPS) {
      this.#placed = placed;
      queueMicrotask(this.#calm);
      return;
    }
    this.#scheduled = false;
    this.#flush();
  };

  #flush = (): void => {
    this.#write();
    const session = this.#session;
    if (this.#ending === "no" && session.ending && session.sender.empty) this.#finish();
  };

  #write(): void {
    for (let output = this.#session.takeOutput(); output !== undefined; output = this.#session.takeOutput()) {
      // After a FIN it would be an error of the socket, which throws away what has not left yet.
      if (this.#finished) this.#session.sender.drop();
      else if (this.#ending !== "gone") this.#transport.write(output);
    }
  }

  #finish(): void {
    this.#ending = "end";
    this.#finished = true;
    this.#transport.end();
  }

  /** The session has ended; its last words, mostly GOAWAY, go out if they still can. */
  #over(error: Error | undefined): void {
    this.#shutdown?.cancel();
    this.#pings.fail(error);
    this.#write();
    if (this.#ending === "destroy") this.#transport.destroy();
    else if (this.#ending === "no") this.#finish();
    const waiting = this.#greeting;
    this.#greeting = undefined;
    waiting?.failed(error ?? new ConnectionClosedError("The connection was closed"));
  }
}
