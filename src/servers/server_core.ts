/**
 * Behind a server: its life, its handlers, its certificate.
 *
 * @module
 */
import { joinAddress } from "../adapter/address.ts";
import type { Answer, HttpListener, HttpOwner, HttpService } from "../adapter/http/contract.ts";
import type { ServerTls } from "../adapter/tls/material.ts";
import { type Lifecycle, lifecycle } from "../core/lifecycle.ts";
import type { Logger } from "../core/logger.ts";
import { Serial } from "../core/serial.ts";
import { within } from "../core/sleep.ts";
import type { WaitBudget } from "../core/wait.ts";
import { type Certificate, identity } from "./certificate.ts";
import { derivedUrl } from "./config/address.ts";
import { Draining } from "./draining.ts";
import type { ServerEnvironment } from "./environment.ts";
import { ServerError } from "./errors.ts";
import { answers, findHandler } from "./handlers.ts";
import type { Handler, HandlerSource } from "./handling.ts";
import { Health } from "./health.ts";
import { listenError, openListener } from "./opening.ts";
import type { HttpServerConfig } from "./options.ts";
import { type Running, SERVER_TRANSITIONS, type ServerPhase } from "./phases.ts";
import { ServerCertificates } from "./server_tls.ts";
import { protocolsOf, type ServerSettings } from "./settings.ts";
import { Patience } from "./patience.ts";
import { Traffic } from "./traffic.ts";
import type { HttpServerPoolEvents, ServerState } from "./types.ts";

/** The pool of a server, as far as the server knows it. */
export interface ServerHome {
  /** Its shared handlers. */
  readonly shared: HandlerSource;
  /** Its default certificate. */
  readonly tls: ServerTls | undefined;
  tell<K extends keyof HttpServerPoolEvents>(event: K, detail: HttpServerPoolEvents[K]): void;
  log(level: keyof Logger, message: string, fields: object): void;
}

/** A certificate and settings that have passed their checks: ready to serve. */
export interface Prepared {
  readonly settings: ServerSettings;
  readonly certificate: Certificate | undefined;
  readonly service: HttpService;
}

let made = 0;

/** A server. */
export class ServerCore {
  /** For an order among all servers of the process. */
  readonly id: number = made++;
  readonly environment: ServerEnvironment;
  readonly traffic: Traffic = new Traffic();
  readonly health: Health;
  readonly certificates: ServerCertificates;
  settings: ServerSettings;
  /** The pools that it is in; what happens is told to all. */
  readonly homes: Set<ServerHome> = new Set();
  /** How often it was taken out of a pool: starts that waited meanwhile must not bring it back. */
  removals = 0;
  errors = 0;
  starts = 0;
  /** When it was last well, or came to be. */
  lastUp: number;
  /** The last pool it came to: its handlers and its certificate are shared with the server, after a `detach` too. */
  #home: ServerHome;
  #source: HandlerSource;
  readonly #serial: Serial = new Serial();
  readonly #life: Lifecycle<ServerPhase>;
  readonly #answer: (handler: Handler) => Answer;
  /** Listeners that a reload took from it, with requests that are not over. */
  readonly #leftovers: Set<Draining> = new Set();
  /** An opening that came too late and is being closed. */
  #late: Promise<unknown> | undefined;
  readonly owner: HttpOwner;

  constructor(settings: ServerSettings, environment: ServerEnvironment, home: ServerHome) {
    this.settings = settings;
    this.environment = environment;
    this.#home = home;
    this.lastUp = environment.clock.now();
    const { handler, handlers } = settings.given;
    this.#source = sourceOf(handler, handlers);
    this.#answer = answers(settings.name);
    this.#life = lifecycle<ServerPhase>(
      SERVER_TRANSITIONS,
      { state: settings.disabled ? "disabled" : "stopped" },
      (state, from) => {
        if (state !== from) this.tell("state", { server: this.name, state });
      },
    );
    this.health = new Health(this);
    this.certificates = new ServerCertificates(this);
    this.owner = {
      answer: () => {
        const found = this.#find();
        return found === undefined ? undefined : this.#answer(found);
      },
      began: () => this.traffic.began(),
      ended: (outcome) => this.traffic.ended(outcome),
      failed: (error) => this.#handlerFailed(error),
    };
  }

  // ---- what it is

  get name(): string {
    return this.settings.name;
  }
  get state(): ServerState {
    return this.#life.state;
  }
  get running(): Running | undefined {
    const { phase } = this.#life;
    return phase.state === "running" ? phase : undefined;
  }
  get error(): Error | undefined {
    const { phase } = this.#life;
    return phase.state === "failed" ? phase.error : undefined;
  }
  get listener(): HttpListener | undefined {
    return this.running?.listener;
  }
  get uptime(): number {
    const { running } = this;
    return running === undefined ? 0 : Math.max(1, this.environment.clock.now() - running.since);
  }
  get bind(): string {
    const { listener } = this;
    return listener === undefined ? this.settings.address.text : joinAddress(listener.addr);
  }
  get expose(): string {
    const { given, address } = this.settings;
    if (given.expose !== undefined) return given.expose;
    const { running } = this;
    const { hostname } = address;
    const port = running?.listener.addr.port ?? address.port;
    const secure = running === undefined ? this.certificates.secure : running.service.tls !== undefined;
    return derivedUrl({ hostname, port }, secure ? "https" : "http");
  }
  /** What it was made of, with the handlers and the certificate of now. */
  get config(): HttpServerConfig {
    const { handler: _handler, handlers: _handlers, ...rest } = this.settings.given;
    const config = { ...rest, ...this.#source };
    const tls = this.certificates.renewed;
    return tls === undefined ? config : { ...config, tls };
  }
  get source(): HandlerSource {
    return this.#source;
  }

  /** What the pool shares with it. */
  get shared(): ServerHome {
    return this.#home;
  }

  // ---- where it is

  /** It came into a pool. */
  join(home: ServerHome): void {
    this.homes.add(home);
    this.#home = home;
  }

  /** It left a pool. */
  leave(home: ServerHome): void {
    this.homes.delete(home);
  }

  /** Runs `work` when no call is under way; calls that come meanwhile wait. */
  exclusive<T>(work: () => T | Promise<T>): Promise<T> {
    return this.#serial.run(work);
  }

  // ---- handlers

  handle({ handler, handlers }: HandlerSource): void {
    this.#source = sourceOf(handler, handlers);
  }

  #find(): Handler | undefined {
    const { given: { handlerKey }, files } = this.settings;
    return findHandler(this.#source, handlerKey) ?? files ?? findHandler(this.#home.shared, handlerKey);
  }

  #handlerFailed(cause: Error): void {
    const message = `In server "${this.name}": ${cause.message}`;
    this.report(new ServerError("ERR_SERVER_HANDLER", this.name, message, { cause }));
  }

  // ---- start

  /** For users: waits its turn, and forgets what the health check was about to do. */
  async start({ timeout, signal }: WaitBudget): Promise<void> {
    if (signal?.aborted) throw signal.reason;
    this.health.calm();
    const { clock } = this.environment;
    const until = clock.now() + timeout;
    const patience = new Patience(clock, timeout, signal);
    const { removals } = this;
    const turn = this.#serial.run(async () => {
      if (!patience.begin()) return;
      if (removals !== this.removals) throw this.#wasRemoved();
      await this.startNow({ timeout: until - clock.now(), signal });
    });
    try {
      if (await Promise.race([turn, patience.lost]) !== "lost") return;
    } finally {
      patience.begin();
    }
    if (signal?.aborted) throw signal.reason;
    throw this.#tooLate(timeout);
  }

  /** Opens its port. Only inside its turn. */
  async startNow({ timeout, signal }: WaitBudget): Promise<void> {
    if (this.state === "running" || this.state === "disabled") return;
    if (signal?.aborted) throw signal.reason;
    await this.#late;
    const cancel = new AbortController();
    this.#life.go({ state: "starting", cancel });
    const { clock } = this.environment;
    let aborted = (): void => {};
    const gone = new Promise<undefined>((resolve) => aborted = () => resolve(undefined));
    signal?.addEventListener("abort", aborted);
    const opening = this.#open(cancel.signal);
    try {
      const opened = await within(clock, timeout, signal === undefined ? opening : Promise.race([opening, gone]));
      if (opened === undefined) {
        cancel.abort();
        this.#giveUp(opening);
        if (signal?.aborted) throw signal.reason;
        throw this.#tooLate(timeout);
      }
      this.serve(opened.prepared, opened.listener);
    } catch (error) {
      if (this.state === "starting") {
        this.errors++;
        this.#life.go({ state: "failed", error: error instanceof Error ? error : new Error(String(error)) });
      }
      throw error;
    } finally {
      signal?.removeEventListener("abort", aborted);
    }
  }

  #wasRemoved(): ServerError {
    return new ServerError("ERR_SERVER_START", this.name, `Server "${this.name}" was taken out of its pool meanwhile`);
  }

  #tooLate(timeout: number): ServerError {
    return new ServerError(
      "ERR_SERVER_START",
      this.name,
      `Server "${this.name}" is not up within ${Math.ceil(timeout)} ms`,
    );
  }

  async #open(signal: AbortSignal): Promise<{ prepared: Prepared; listener: HttpListener }> {
    const prepared = await this.prepare(this.settings, this.#home);
    const { name, address, reusePort } = this.settings;
    const listener = await openListener(
      this.environment,
      { name, address, reusePort, service: prepared.service },
      signal,
    );
    return { prepared, listener };
  }

  // Whatever still comes of it is closed; the next start waits for that.
  #giveUp(opening: Promise<{ listener: HttpListener }>): void {
    this.#late = opening.then(({ listener }) => new Draining(listener, this.environment.clock, 0).over, () => {});
  }

  /** Certificate and service for these settings. Nothing has happened yet. Rejects with a `ServerError`. */
  async prepare(settings: ServerSettings, home: ServerHome = this.#home): Promise<Prepared> {
    const certificate = await this.certificates.read(settings, home.tls);
    const tls = identity(certificate);
    const protocols = protocolsOf(settings, tls === undefined ? "plain" : "tls");
    return { settings, certificate, service: { tls, protocols, limits: settings.limits, owner: this.owner } };
  }

  /** It serves on this listener from now on. */
  serve({ settings, certificate, service }: Prepared, listener: HttpListener): void {
    const before = this.running;
    this.certificates.settle(settings);
    this.settings = settings;
    const since = before?.since ?? this.environment.clock.now();
    if (before === undefined) this.starts++;
    if (before?.listener !== listener) this.traffic.attach(listener);
    this.#life.go({ state: "running", listener, service, certificate, since });
    this.certificates.watch();
    this.health.begin();
    if (before === undefined) this.log("info", "listening", { bind: this.bind });
  }

  // ---- stop

  stop(grace: number, signal?: AbortSignal): Promise<void> {
    this.health.calm();
    const { phase } = this.#life;
    if (phase.state === "starting") phase.cancel.abort();
    if (phase.state === "stopping") phase.draining.shorten(grace);
    this.#shortenLeftovers(grace);
    return this.#bounded(signal, grace, (left) => this.stopNow(left()));
  }

  restart(grace: number, budget: WaitBudget, signal?: AbortSignal): Promise<void> {
    this.health.calm();
    const { removals } = this;
    return this.#bounded(signal, grace, async (left) => {
      if (removals !== this.removals) throw this.#wasRemoved();
      if (this.state === "disabled") return;
      await this.stopNow(left());
      await this.startNow(budget);
    });
  }

  /** Stops it for good, as far as its pool goes: what was called before this is over is void. */
  async remove(grace: number): Promise<void> {
    this.health.calm();
    const { phase } = this.#life;
    if (phase.state === "starting") phase.cancel.abort();
    await this.#serial.run(async () => {
      try {
        await this.stopNow(grace);
      } finally {
        this.removals++;
      }
    });
  }

  // An abort before or while it drains cuts the grace short.
  async #bounded(
    signal: AbortSignal | undefined,
    grace: number,
    work: (left: () => number) => Promise<void>,
  ): Promise<void> {
    const cut = (): void => {
      const { phase } = this.#life;
      this.#shortenLeftovers(0);
      if (phase.state === "stopping") phase.draining.shorten(0);
    };
    signal?.addEventListener("abort", cut);
    try {
      await this.#serial.run(() => work(() => signal?.aborted ? 0 : grace));
    } finally {
      signal?.removeEventListener("abort", cut);
    }
  }

  /** Closes its port and drains. Only inside its turn. */
  async stopNow(
    grace: number,
    then: "stopped" | "disabled" = this.settings.disabled ? "disabled" : "stopped",
  ): Promise<void> {
    const { running } = this;
    this.health.drop();
    const leftovers = [...this.#leftovers].map(({ over }) => over);
    if (running === undefined) {
      if (this.state === "failed") this.#life.go({ state: then });
      return void await Promise.all(leftovers);
    }
    this.#left();
    const draining = new Draining(running.listener, this.environment.clock, grace);
    this.#life.go({ state: "stopping", draining });
    const [{ aborted, stuck }] = await Promise.all([draining.over, ...leftovers]);
    this.traffic.detach();
    this.#life.go({ state: then });
    this.log("info", "stopped", {});
    this.#drained({ aborted }, grace);
    if (stuck) throw new ServerError("ERR_SERVER_STOP", this.name, `Server "${this.name}" did not close in time`);
  }

  /** Closes a listener that it has no more; a stop of the server waits for it, too. */
  drain(listener: HttpListener, grace: number): Draining {
    const draining = new Draining(listener, this.environment.clock, grace);
    this.#leftovers.add(draining);
    void draining.over.then((result) => {
      this.#leftovers.delete(draining);
      this.#drained(result, grace);
    });
    return draining;
  }

  #shortenLeftovers(grace: number): void {
    for (const draining of this.#leftovers) draining.shorten(grace);
  }

  /** Requests that had to be aborted are reported, once. */
  #drained({ aborted }: { readonly aborted: number }, grace: number): void {
    if (aborted === 0) return;
    const requests = aborted === 1 ? "1 request" : `${aborted} requests`;
    const message = `Server "${this.name}" aborted ${requests} when it was stopped, after ${grace} ms of grace at most`;
    this.report(new ServerError("ERR_SERVER_STOP", this.name, message));
  }

  /** Somebody else serves on its listener, or closes it. Only inside its turn. */
  yieldListener(): void {
    this.health.drop();
    if (this.state === "failed") this.#life.go({ state: "stopped" });
    if (this.running === undefined) return;
    this.#left();
    this.traffic.detach();
    this.#life.go({ state: "stopped" });
  }

  /** Other settings, while it does not run. Only inside its turn. */
  settle(settings: ServerSettings): void {
    this.certificates.settle(settings);
    this.settings = settings;
    if (settings.disabled && (this.state === "stopped" || this.state === "failed")) {
      this.#life.go({ state: "disabled" });
    }
    if (!settings.disabled && this.state === "disabled") this.#life.go({ state: "stopped" });
  }

  #left(): void {
    this.lastUp = this.environment.clock.now();
    this.health.end();
    this.certificates.unwatch();
  }

  // ---- what is told

  /** Something that no caller is told of. */
  report(error: ServerError): void {
    this.errors++;
    this.log("warn", error.message, {});
    this.tell("error", { server: this.name, error });
  }

  tell<K extends keyof HttpServerPoolEvents>(event: K, detail: HttpServerPoolEvents[K]): void {
    for (const home of this.homes) home.tell(event, detail);
  }

  log(level: keyof Logger, message: string, fields: object): void {
    for (const home of this.homes) home.log(level, message, { server: this.name, ...fields });
  }

  /** Of the system, while a listener of its is changed. */
  listenError(cause: unknown): ServerError {
    return listenError(this.settings, cause);
  }
}

function sourceOf(handler: Handler | undefined, handlers: HandlerSource["handlers"]): HandlerSource {
  return { ...(handler === undefined ? {} : { handler }), ...(handlers === undefined ? {} : { handlers }) };
}
