/**
 * A server as users hold it.
 *
 * @module
 */
import type { ServerTls } from "../adapter/tls/material.ts";
import type { WaitOptions } from "../core/wait.ts";
import { grace, waiting } from "./calls.ts";
import type { HandlerSource } from "./handling.ts";
import type { HttpServerConfig, StopOptions } from "./options.ts";
import type { ServerCore } from "./server_core.ts";
import type { HttpServer, ServerMonitor, ServerState } from "./types.ts";
import { checkSource } from "./membership.ts";

const cores = new WeakMap<object, ServerCore>();
const servers = new WeakMap<ServerCore, HttpServer>();

/** What is behind a server; undefined for anything else. */
export function coreOf(server: unknown): ServerCore | undefined {
  return typeof server === "object" && server !== null ? cores.get(server) : undefined;
}

/** The one object that stands for it. */
export function serverOf(core: ServerCore): HttpServer {
  let server = servers.get(core);
  if (server === undefined) {
    server = new PooledServer(core);
    cores.set(server, core);
    servers.set(core, server);
  }
  return server;
}

class PooledServer implements HttpServer {
  readonly #core: ServerCore;

  constructor(core: ServerCore) {
    this.#core = core;
  }

  get name(): string {
    return this.#core.name;
  }
  get bind(): string {
    return this.#core.bind;
  }
  get expose(): string {
    return this.#core.expose;
  }
  get state(): ServerState {
    return this.#core.state;
  }
  get running(): boolean {
    return this.#core.running !== undefined;
  }
  get uptime(): number {
    return this.#core.uptime;
  }
  get config(): Readonly<HttpServerConfig> {
    return this.#core.config;
  }
  get error(): Error | undefined {
    return this.#core.error;
  }

  async start(wait?: WaitOptions): Promise<void> {
    await this.#core.start(waiting(this.#core.name, wait));
  }

  async stop(options?: StopOptions): Promise<void> {
    await this.#core.stop(...grace(this.#core.name, options));
  }

  async restart(options?: StopOptions): Promise<void> {
    const [ms, signal] = grace(this.#core.name, options);
    await this.#core.restart(ms, waiting(this.#core.name, undefined), signal);
  }

  handle(source: HandlerSource): void {
    checkSource(this.#core.name, source);
    this.#core.handle(source);
  }

  renewCertificate(tls: ServerTls): void {
    this.#core.certificates.renew(tls);
  }

  async health(): Promise<ServerMonitor> {
    return await this.#core.health.check();
  }
}
