/**
 * A connection that a client pool keeps up.
 *
 * @module
 */
import { type HostPort, joinAddress, splitAddress } from "../adapter/address.ts";
import { ConnectError, type Connection } from "../adapter/contract.ts";
import { type Backoff, backoff } from "../core/backoff.ts";
import type { Deadline, Expires } from "../core/deadlines.ts";
import { PoolError } from "../core/errors.ts";
import type { ClientCore, Verdict } from "./client_core.ts";
import { ClientLink } from "./client_link.ts";

/** At most one connection in so many first back-offs is made sooner than the back-off says. */
const HURRY = 10;
/** Milliseconds. With less than this left before `start` gives up, TCP and TLS have no chance: the failure would only hide the one before. */
const MIN_ATTEMPT = 10;

/**
 * Connects, and connects again when the connection is lost or takes no more streams.
 *
 * Times are gRPC's (doc/connection-backoff.md): an attempt begins no sooner than the back-off after the last one began. So a connection
 * that lived for a while is replaced at once, one that dies at once is not. After GOAWAY or at a connection's limit, which are no
 * failures, the new one is made at once even so, but not again and again.
 */
export class Slot implements Expires {
  /** The connection for new streams. */
  link: ClientLink | undefined = undefined;
  readonly #core: ClientCore;
  readonly #backoff: Backoff;
  #attempts = 0;
  #beganAt = -Infinity;
  #hurriedAt = -Infinity;
  #abort: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  #timer: Deadline | undefined;
  #stopped = false;

  constructor(core: ClientCore) {
    this.#core = core;
    this.#backoff = backoff(core.settings.backoff, core.environment.random, "create a client pool");
  }

  /** Whether the first attempt is under way. */
  get firstAttempt(): boolean {
    return this.#attempts <= 1 && this.#abort !== undefined;
  }

  /** Begins an attempt now, unless one is under way. */
  connect(): void {
    if (this.#stopped || this.link !== undefined || this.#abort !== undefined) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    const abort = this.#abort = new AbortController();
    this.#beganAt = this.#core.deadlines.now();
    this.#running = this.#attempt(abort);
  }

  /** The back-off is over. */
  expire(): void {
    const { deadlines, startUntil } = this.#core;
    const now = deadlines.now();
    if (startUntil - now >= MIN_ATTEMPT) return this.connect();
    // Another connection may still make it, and then this one goes on.
    this.#timer = deadlines.schedule(this, Math.max(startUntil, now + MIN_ATTEMPT));
  }

  /** The connection takes no more streams, or is gone. */
  replace(link: ClientLink): void {
    if (this.link !== link) return;
    this.link = undefined;
    if (link.answered) this.#backoff.reset();
    const now = this.#core.deadlines.now();
    const wait = this.#backoff.next();
    if (link.answered) this.#backoff.reset();
    if (!link.over && link.answered && now - this.#hurriedAt >= HURRY * wait) {
      this.#hurriedAt = now;
      this.connect();
    } else this.#later(wait);
    this.#core.slotChanged();
  }

  /** No more attempts. Resolves when the last one is over. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#abort?.abort();
    return this.#running;
  }

  #later(wait: number): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    this.#timer = this.#core.deadlines.schedule(this, this.#beganAt + wait);
  }

  async #attempt(abort: AbortController): Promise<void> {
    const core = this.#core;
    const attempt = ++this.#attempts;
    const starting = core.attemptBegins();
    try {
      const [connection, link] = await this.#dial(attempt, abort.signal);
      this.#abort = undefined;
      if (this.#stopped) return connection.destroy();
      // In one go: whatever ends the link from now on finds it here.
      link.begin(connection);
      this.link = link;
      core.attached(link);
    } catch (cause) {
      this.#abort = undefined;
      abort.abort();
      if (this.#stopped) return;
      const error = connectError(cause);
      this.#later(this.#backoff.next());
      core.attemptFailed(error, this.#verdict(cause));
    } finally {
      core.attemptEnded(starting);
    }
  }

  #verdict(cause: unknown): Verdict {
    if (!(cause instanceof ConnectError)) return cause instanceof PoolError ? "final" : "may pass";
    if (!cause.retry) return "final";
    const core = this.#core;
    return cause.kind === "timeout" && core.startUntil < this.#beganAt + core.settings.connectTimeout
      ? "cut short"
      : "may pass";
  }

  async #dial(attempt: number, signal: AbortSignal): Promise<[Connection, ClientLink]> {
    const core = this.#core;
    const { hostname, connectTimeout, window, limits } = core.settings;
    const until = Math.min(core.deadlines.now() + connectTimeout, core.startUntil);
    const target = await this.#resolve(attempt, signal, until);
    const link = new ClientLink(core, this, hostname ?? target.hostname);
    const connection = await core.environment.engine.connect({
      ...target,
      servername: hostname ?? target.hostname,
      trust: await core.trust(),
      settings: { window: window.idle, ...(limits === undefined ? {} : { limits }) },
      clock: core.environment.clock,
      timeout: Math.max(until - core.deadlines.now(), 1),
      signal,
      handler: link,
    });
    return [connection, link];
  }

  // A resolver that never answers, and does not look at the signal, is left behind.
  async #resolve(attempt: number, signal: AbortSignal, until: number): Promise<HostPort> {
    const { address } = this.#core.settings;
    if (typeof address !== "function") return address;
    const { deadlines } = this.#core;
    const answer = await new Promise<string>((resolve, reject) => {
      const limit = new AbortController();
      const late = deadlines.at(until, () => {
        const error = new ConnectError("timeout", "Cannot connect: the address resolver has not answered in time");
        limit.abort(error);
        reject(error);
      });
      const aborted = (): void => {
        limit.abort(signal.reason);
        reject(signal.reason);
      };
      signal.addEventListener("abort", aborted, { once: true });
      const done = (): void => {
        late.cancel();
        signal.removeEventListener("abort", aborted);
      };
      Promise.resolve().then(() => address({ attempt, signal: limit.signal })).then(resolve, reject).finally(done);
    }).catch((cause) => {
      if (cause instanceof ConnectError) throw cause;
      throw new ConnectError("dns", `Cannot connect: the address resolver failed: ${messageOf(cause)}`, { cause });
    });
    return readTarget(answer);
  }
}

function readTarget(answer: unknown): HostPort {
  try {
    if (typeof answer !== "string") throw new TypeError(`it gave ${typeof answer}, not a text such as "host:port"`);
    const target = splitAddress(answer);
    if (target.hostname === "" || target.port === 0) throw new TypeError(`it gave "${joinAddress(target)}"`);
    return target;
  } catch (cause) {
    throw new ConnectError("dns", `Cannot connect: the address resolver failed: ${messageOf(cause)}`, { cause });
  }
}

function connectError(cause: unknown): PoolError {
  if (cause instanceof PoolError) return cause;
  return new PoolError("ERR_POOL_CONNECT", messageOf(cause), { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
