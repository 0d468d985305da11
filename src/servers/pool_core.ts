/**
 * Behind a pool and all its views: the members, and what they share.
 *
 * @module
 */
import type { ServerTls } from "../adapter/tls/material.ts";
import { rethrowLater } from "../core/errors.ts";
import { nearest } from "../core/nearest.ts";
import type { Logger } from "../core/logger.ts";
import { Serial } from "../core/serial.ts";
import { asServerError, withAll } from "./calls.ts";
import { sourcesOf } from "./certificate.ts";
import { type Problem, problem } from "./config/problems.ts";
import { configError, copyConfig, summary } from "./config/validate.ts";
import { DEFAULT_GRACE } from "./draining.ts";
import { type ServerEnvironment, serverEnvironment, withServerEnvironment } from "./environment.ts";
import { ServerBatchError, ServerError } from "./errors.ts";
import type { HandlerSource } from "./handling.ts";
import { checkedSettings, checkSource, collisions, isAt, misfits } from "./membership.ts";
import type { HttpServerConfig, HttpServerPoolOptions } from "./options.ts";
import { coreOf } from "./server.ts";
import { ServerCore, type ServerHome } from "./server_core.ts";
import type { HttpServer, HttpServerPoolEvents } from "./types.ts";

/** Raises an event of the pool. */
export type Tell = <K extends keyof HttpServerPoolEvents>(event: K, detail: HttpServerPoolEvents[K]) => void;

let counter = 0;

/** The members of a pool. */
export class PoolCore implements ServerHome {
  readonly name: string;
  readonly environment: ServerEnvironment = serverEnvironment();
  /** In the order in which they came; a replacement takes the place of the one it replaces. */
  readonly members: Map<string, ServerCore> = new Map();
  /** Changes of the membership, one after the other. */
  readonly changes: Serial = new Serial();
  readonly tls: ServerTls | undefined;
  readonly logger: Logger | undefined;
  readonly signal: AbortSignal | undefined;
  shared: HandlerSource;
  readonly tell: Tell;

  /** @throws ServerBatchError `ERR_SERVERS_ADD` */
  constructor(options: HttpServerPoolOptions, tell: Tell) {
    const { name, handler, handlers, tls, logger, signal, servers = [] } = options;
    this.name = name ?? `servers${++counter}`;
    this.tell = tell;
    this.tls = tls;
    this.logger = logger;
    this.signal = signal;
    const given: HandlerSource = {
      ...(handler === undefined ? {} : { handler }),
      ...(handlers === undefined ? {} : { handlers }),
    };
    this.shared = source(given);
    const errors: ServerError[] = [];
    const attempt = (check: () => void): void => {
      try {
        check();
      } catch (error) {
        if (!(error instanceof ServerError)) throw error;
        errors.push(error);
      }
    };
    for (const one of optionProblems(options)) errors.push(configError("", one));
    attempt(() => checkSource("", given));
    if (tls !== undefined) attempt(() => void sourcesOf("", tls, "the pool's tls", "tls"));
    let i = 0;
    for (const server of servers) {
      const path = `[${i++}]`;
      const candidate = this.candidate(server, path, () => this.members.values());
      if (candidate instanceof ServerCore) {
        if (this.members.has(candidate.name)) {
          const message = `\`${path}.name\` is ${JSON.stringify(candidate.name)}, but another server has this name`;
          errors.push(new ServerError("ERR_SERVER_CONFIG", candidate.name, message, { path: `${path}.name` }));
        } else this.enter(candidate);
      } else errors.push(...candidate);
    }
    if (errors.length === 0) return;
    for (const core of this.members.values()) core.leave(this);
    throw new ServerBatchError("ERR_SERVERS_ADD", summary(errors), errors);
  }

  // ---- looking up

  find(key: string): ServerCore | undefined {
    const named = this.members.get(key);
    if (named !== undefined) return named;
    for (const core of this.members.values()) if (isAt(core, key)) return core;
    return undefined;
  }

  // ---- coming and going

  /** A server that may come in, or everything that speaks against it. */
  candidate(
    server: HttpServerConfig | HttpServer,
    path: string,
    others: (name: string) => Iterable<ServerCore>,
  ): ServerCore | ServerError[] {
    const known = coreOf(server);
    if (known !== undefined) {
      const errors = misfits(known.settings, path, {
        ...this.surroundings(),
        shared: merged(known.source, this.shared),
      });
      errors.push(...collisions(known.settings, path, others(known.name)));
      return errors.length > 0 ? errors : known;
    }
    const checked = checkedSettings(server, path, this.surroundings());
    if ("errors" in checked) return checked.errors;
    const { settings } = checked;
    const errors = collisions(settings, path, others(settings.name));
    return errors.length > 0 ? errors : new ServerCore(settings, this.environment, this);
  }

  surroundings(): { shared: HandlerSource; tls: ServerTls | undefined; environment: ServerEnvironment } {
    return { shared: this.shared, tls: this.tls, environment: this.environment };
  }

  /** All but the one of this name. */
  *but(name: string): Iterable<ServerCore> {
    for (const core of this.members.values()) if (core.name !== name) yield core;
  }

  enter(core: ServerCore): void {
    this.members.set(core.name, core);
    core.join(this);
  }

  add(server: HttpServerConfig | HttpServer): Promise<ServerCore> {
    return this.changes.run(async () => {
      const core = this.candidate(server, "", (name) => this.but(name));
      if (!(core instanceof ServerCore)) throw new ServerBatchError("ERR_SERVERS_ADD", summary(core), core);
      const old = this.members.get(core.name);
      if (old === core) return core;
      if (old !== undefined) await old.remove(DEFAULT_GRACE);
      old?.leave(this);
      this.enter(core);
      return core;
    });
  }

  /** Takes it out and stops it; false when it is not there any more. */
  delete(core: ServerCore): Promise<boolean> {
    return this.changes.run(async () => {
      if (this.members.get(core.name) !== core) return false;
      this.members.delete(core.name);
      try {
        await core.remove(DEFAULT_GRACE);
      } finally {
        core.leave(this);
      }
      return true;
    });
  }

  detach(core: ServerCore): void {
    if (this.members.get(core.name) === core) this.members.delete(core.name);
    core.leave(this);
  }

  clear(cores: readonly ServerCore[]): Promise<void> {
    return this.changes.run(async () => {
      const present = cores.filter((core) => this.members.get(core.name) === core);
      for (const core of present) this.members.delete(core.name);
      try {
        await Promise.all(present.map((core) => core.remove(DEFAULT_GRACE)));
      } finally {
        for (const core of present) core.leave(this);
      }
    });
  }

  /** Unknown names come in, known ones are replaced: all, or none when one has a problem. */
  merge(configs: readonly HttpServerConfig[]): Promise<void> {
    return this.changes.run(async () => {
      const errors: ServerError[] = [];
      const incoming = new Map<string, ServerCore>();
      configs.forEach((config, i) => {
        const path = `[${i}]`;
        const replaced = new Set(incoming.keys());
        const core = this.candidate(config, path, () => incoming.values());
        if (!(core instanceof ServerCore)) return void errors.push(...core);
        if (replaced.has(core.name)) {
          const message = `\`${path}.name\` is ${JSON.stringify(core.name)}, but another server has this name`;
          errors.push(new ServerError("ERR_SERVER_CONFIG", core.name, message, { path: `${path}.name` }));
        }
        incoming.set(core.name, core);
      });
      [...incoming.values()].forEach((core, i) => {
        const staying = [...this.members.values()].filter(({ name }) => !incoming.has(name));
        errors.push(...collisions(core.settings, `[${i}]`, staying));
      });
      if (errors.length > 0) throw new ServerBatchError("ERR_SERVERS_ADD", summary(errors), errors);
      const old = [...incoming.keys()].flatMap((name) => this.members.get(name) ?? []);
      await Promise.all(old.map((core) => core.remove(DEFAULT_GRACE)));
      for (const core of old) core.leave(this);
      for (const core of incoming.values()) this.enter(core);
    });
  }

  /** The signal of the options: what fails is nobody's call, so it is told. */
  async stopUnasked(): Promise<void> {
    const failures = await withAll([...this.members.values()], (core) => core.stop(DEFAULT_GRACE));
    for (const { core, error } of failures) core.report(asServerError(core.name, error, "ERR_SERVER_STOP"));
  }

  handle(given: HandlerSource): void {
    checkSource("", given);
    this.shared = source(given);
  }

  /** Makes a pool with the same environment. */
  likewise<T>(make: () => T): T {
    return withServerEnvironment(this.environment, make);
  }

  /** Configs of now, for a pool of its own. */
  configs(cores: Iterable<ServerCore>): HttpServerConfig[] {
    return [...cores].map((core) => copyConfig(core.config));
  }

  log(level: keyof Logger, message: string, fields: object): void {
    if (this.logger === undefined) return;
    try {
      this.logger[level](message, { pool: this.name, ...fields });
    } catch (error) {
      rethrowLater(error);
    }
  }
}

const OPTIONS = ["name", "servers", "tls", "logger", "signal", "handler", "handlers"];

/** A typing error would go unnoticed. */
function optionProblems(options: object): Problem[] {
  const found = Object.keys(options).filter((name) => !OPTIONS.includes(name)).map((name) => {
    const meant = nearest(name, OPTIONS);
    return problem(name, undefined, `is not an option${meant === undefined ? "" : `; did you mean \`${meant}\`?`}`);
  });
  const { name } = options as { name?: unknown };
  if (name !== undefined && (typeof name !== "string" || name === "")) {
    found.push(problem("name", name, "expected a text of at least one character"));
  }
  return found;
}

function source({ handler, handlers }: HandlerSource): HandlerSource {
  return {
    ...(handler === undefined ? {} : { handler }),
    ...(handlers === undefined ? {} : { handlers: { ...handlers } }),
  };
}

// A server's own handlers of now may be others than those of its config.
function merged(own: HandlerSource, shared: HandlerSource): HandlerSource {
  return own.handler === undefined
    ? { ...shared, handlers: { ...shared.handlers, ...own.handlers } }
    : { handler: own.handler };
}
