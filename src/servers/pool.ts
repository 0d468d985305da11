/**
 * The pool of HTTP servers.
 *
 * @module
 */
import { Events } from "../core/events.ts";
import { batch, type Failure, grace, present, waiting, withAll } from "./calls.ts";
import { copyConfig } from "./config/validate.ts";
import { ServerBatchError, ServerError } from "./errors.ts";
import type { HandlerSource } from "./handling.ts";
import type { HttpServerConfig, HttpServerPoolOptions, StartOptions, StopOptions } from "./options.ts";
import { PoolCore } from "./pool_core.ts";
import { checkField, fieldOf, matcher } from "./query.ts";
import { reload } from "./reload.ts";
import { serverOf } from "./server.ts";
import type { ServerCore } from "./server_core.ts";
import { startAll } from "./starting.ts";
import { statsOf } from "./stats.ts";
import type {
  HttpServer,
  HttpServerPoolEvents,
  HttpServerPoolStats,
  ReloadReport,
  ServerField,
  ServerMonitor,
  ServerQuery,
} from "./types.ts";

/** A part of another pool, as it is at any time. */
interface View {
  readonly of: HttpServerPool;
  readonly core: PoolCore;
  readonly has: (core: ServerCore) => boolean;
}

let viewing: View | undefined;

/**
 * HTTP servers by unique name, in the order in which they came, with shared handlers and a default certificate.
 *
 * @example
 * ```ts
 * import { HttpServerPool } from "@x/h2pool";
 *
 * const pool = new HttpServerPool({
 *   servers: [{ name: "web", listen: "127.0.0.1:0" }, { name: "admin", listen: "127.0.0.1:0" }],
 *   handler: (request) => new Response(`You asked for ${request.url}\n`),
 * });
 * await pool.start();
 * for (const [name, { expose }] of pool) console.log(name, expose);
 * await pool.stop();
 * ```
 */
export class HttpServerPool extends EventTarget implements AsyncDisposable, Iterable<[string, HttpServer]> {
  readonly #core: PoolCore;
  readonly #view: View | undefined;
  readonly #events: Events = new Events(this);
  /** Types that a view hears of from its pool. */
  readonly #forwarded: Set<string> = new Set();
  readonly #aborted = (): void => void this.#core.stopUnasked();

  /**
   * Checks the options and every config; nothing is begun before `start`.
   *
   * @throws ServerBatchError `ERR_SERVERS_ADD` that lists every problem with its path
   */
  constructor(options: HttpServerPoolOptions = {}) {
    super();
    this.#view = viewing;
    viewing = undefined;
    this.#core = this.#view?.core ?? new PoolCore(options, (type, detail) => this.#events.raise(type, detail));
    if (this.#view === undefined) options.signal?.addEventListener("abort", this.#aborted);
  }

  // ---- members

  /** How many servers. */
  get size(): number {
    return this.#members().length;
  }
  /** Whether any of them runs. */
  get running(): boolean {
    return this.#members().some(({ running }) => running !== undefined);
  }
  /** Milliseconds since the longest of them listens; 0 when none does. */
  get uptime(): number {
    return Math.max(0, ...this.#members().map(({ uptime }) => uptime));
  }

  /** Whether there is a server with this name, or on this address. */
  has(key: string): boolean {
    return this.#find(key) !== undefined;
  }

  /** The server with this name, or on this address. */
  get(key: string): HttpServer | undefined {
    const core = this.#find(key);
    return core === undefined ? undefined : serverOf(core);
  }

  /**
   * Puts a server in; never starts it. One of the same name is drained and stopped first, and its place is taken.
   *
   * Rejects with a `ServerBatchError`, `ERR_SERVERS_ADD`, that lists every problem with its path.
   */
  async add(server: HttpServerConfig | HttpServer): Promise<HttpServer> {
    return serverOf(await this.#core.add(server));
  }

  /** Takes a server out and stops it; its port is free then. False when there is none. */
  async delete(key: string): Promise<boolean> {
    const core = this.#find(key);
    return core !== undefined && await this.#core.delete(core);
  }

  /** Takes a server out as it is: it goes on running, with the handlers that it had. */
  detach(key: string): HttpServer | undefined {
    const core = this.#find(key);
    if (core === undefined) return undefined;
    this.#core.detach(core);
    return serverOf(core);
  }

  /** Takes all out and stops them. */
  async clear(): Promise<void> {
    await this.#core.clear(this.#members());
  }

  /** The names, in order. */
  keys(): IterableIterator<string> {
    return this.#members().map(({ name }) => name)[Symbol.iterator]();
  }

  /** The servers, in order. */
  values(): IterableIterator<HttpServer> {
    return this.#members().map(serverOf)[Symbol.iterator]();
  }

  /** Names and servers, in order. */
  entries(): IterableIterator<[string, HttpServer]> {
    return this.#members().map((core): [string, HttpServer] => [core.name, serverOf(core)])[Symbol.iterator]();
  }

  /** As `entries()`: those that are there now. */
  [Symbol.iterator](): IterableIterator<[string, HttpServer]> {
    return this.entries();
  }

  /** Visits the servers in order, `only` those of these names, until one visit returns false. */
  forEach(visit: (server: HttpServer, name: string) => boolean | void, only?: Iterable<string>): void {
    const names = only === undefined ? undefined : new Set(only);
    for (const core of this.#members()) {
      if (names?.has(core.name) === false) continue;
      if (visit(serverOf(core), core.name) === false) return;
    }
  }

  /**
   * Those servers that match, as they are at any time: a view, which shares its servers with this pool. What is done to it is
   * done to them, and disposing it does nothing. Throws for an invalid pattern.
   */
  filter(query: ServerQuery): HttpServerPool {
    const matches = matcher(query);
    const outer = this.#view?.has ?? (() => true);
    viewing = { of: this, core: this.#core, has: (core) => outer(core) && matches(core) };
    return new HttpServerPool();
  }

  /** What the servers that match have in `field`, default their names. */
  list(query: ServerQuery, field: ServerField = "name"): string[] {
    const matches = matcher(query);
    checkField(field);
    return this.#members().filter(matches).map((core) => fieldOf(core, field));
  }

  /** New, stopped servers from the configs of these, in a pool of their own with the same shared handlers and certificate. */
  clone(options: { signal?: AbortSignal } = {}): HttpServerPool {
    const { shared, tls, logger } = this.#core;
    return this.#core.likewise(() =>
      new HttpServerPool({
        ...shared,
        servers: this.#core.configs(this.#members()),
        ...(tls === undefined ? {} : { tls }),
        ...(logger === undefined ? {} : { logger }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      })
    );
  }

  /**
   * Takes over the configs of another pool, or these: unknown names come in, known ones are drained, stopped and replaced. Never starts one.
   *
   * Rejects with a `ServerBatchError`, `ERR_SERVERS_ADD`, and nothing has changed then.
   */
  async merge(other: Iterable<[string, HttpServer] | HttpServerConfig>): Promise<void> {
    // A pool gives its names and servers.
    await this.#core.merge([...other].map((one) => Array.isArray(one) ? copyConfig(one[1].config) : one));
  }

  /** Replaces the shared handlers, both `handler` and `handlers`, from the next request on. */
  handle(source: HandlerSource): void {
    this.#core.handle(source);
  }

  // ---- life

  /**
   * Starts all servers that are not disabled, at the same time; resolves when they listen.
   *
   * Rejects with one `ServerBatchError`, `ERR_SERVERS_START`, whose errors name each server that could not. The others stay up,
   * unless `allOrNothing`.
   */
  async start(options: StartOptions = {}): Promise<void> {
    const cores = this.#members();
    const { signal } = this.#core;
    if (signal?.aborted) {
      const failures = cores.map((core): Failure => ({ core, error: signal.reason }));
      throw batch("ERR_SERVERS_START", "started: the pool's signal is aborted", failures, cores.length);
    }
    await startAll(cores, waiting("", options), options.allOrNothing === true ? "all or nothing" : "as many as can");
  }

  /**
   * Stops all servers at the same time: nothing new is accepted, requests under way get `grace`, then they are aborted.
   * Resolves when every port is free.
   *
   * Rejects with one `ServerBatchError`, `ERR_SERVERS_STOP`, when a port did not close in time.
   */
  async stop(options?: StopOptions): Promise<void> {
    const [ms, signal] = grace("", options);
    const cores = this.#members();
    const failures = await withAll(cores, (core) => core.stop(ms, signal));
    if (failures.length > 0) throw batch("ERR_SERVERS_STOP", "stopped", failures, cores.length, "ERR_SERVER_STOP");
  }

  /** Stops and starts all servers that are not disabled. Rejects with one `ServerBatchError`, `ERR_SERVERS_RESTART`. */
  async restart(options?: StopOptions): Promise<void> {
    const [ms, signal] = grace("", options);
    const cores = this.#members();
    const failures = await present(cores, (core) => core.restart(ms, waiting(core.name, undefined), signal));
    if (failures.length > 0) throw batch("ERR_SERVERS_RESTART", "restarted", failures, cores.length);
  }

  /**
   * Takes the pool to these configs without a gap where that can be: servers whose config is the same are not touched, those that keep
   * their address keep their port open, two may swap theirs. On a stopped pool nothing is started.
   *
   * Rejects with one `ServerBatchError`, `ERR_SERVERS_RELOAD`, when a config has a problem or a server cannot come up; the pool is as
   * it was then.
   */
  async reload(configs: Iterable<HttpServerConfig>): Promise<ReloadReport> {
    if (this.#view !== undefined) {
      const error = new ServerError("ERR_SERVER_CONFIG", "", "A view has no configs of its own: reload the pool");
      throw new ServerBatchError("ERR_SERVERS_RELOAD", "Nothing was reloaded", [error]);
    }
    return await reload(this.#core, configs);
  }

  // ---- monitoring

  /** The names under which `monitor` reports. */
  monitorNames(): string[] {
    return this.#members().map(({ name }) => name);
  }

  /** Checks all servers now. `info` goes into each report's. Never rejects. */
  async monitor(info: { version?: string } = {}): Promise<ServerMonitor[]> {
    const reports = await Promise.all(this.#members().map((core) => core.health.check()));
    const more: Record<string, string> = info.version === undefined ? {} : { version: info.version };
    return reports.map((report) => ({ ...report, info: { ...report.info, ...more } }));
  }

  /** A snapshot for monitoring. */
  stats(): HttpServerPoolStats {
    return { name: this.#core.name, servers: this.#members().map(statsOf) };
  }

  /** Listens for an event of the pool; `detail` is typed. A view tells of its servers only. */
  override addEventListener<K extends keyof HttpServerPoolEvents>(
    type: K,
    listener: (event: CustomEvent<HttpServerPoolEvents[K]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Listens for any event. */
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: unknown,
    options?: boolean | AddEventListenerOptions,
  ): void {
    if (this.#view !== undefined && !this.#forwarded.has(type)) this.#forward(this.#view, type);
    this.#events.listened(type);
    super.addEventListener(type, listener as EventListenerOrEventListenerObject | null, options);
  }

  /** Stops the pool, with the default grace; a view does nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#view !== undefined) return;
    this.#core.signal?.removeEventListener("abort", this.#aborted);
    await this.stop();
  }

  #members(): ServerCore[] {
    const all = [...this.#core.members.values()];
    return this.#view === undefined ? all : all.filter(this.#view.has);
  }

  #find(key: string): ServerCore | undefined {
    const core = this.#core.find(key);
    return core === undefined || this.#view?.has(core) === false ? undefined : core;
  }

  #forward({ of, core, has }: View, type: string): void {
    this.#forwarded.add(type);
    of.addEventListener(type, (event) => {
      const { detail } = event as CustomEvent<{ server?: string; name?: string }>;
      const name = detail?.server ?? detail?.name;
      const member = name === undefined ? undefined : core.members.get(name);
      if (member === undefined ? name === undefined : has(member)) this.#events.raise(type, detail);
    });
  }
}
