/**
 * Whether a server is well: checks while it runs, and a restart of one that is not.
 *
 * @module
 */
import type { ProbeTarget } from "../adapter/http/probe.ts";
import { type Backoff, backoff } from "../core/backoff.ts";
import { reachable } from "./config/address.ts";
import { DEFAULT_GRACE } from "./draining.ts";
import { ServerError } from "./errors.ts";
import type { ServerCore } from "./server_core.ts";
import type { HealthSettings } from "./settings.ts";
import type { ServerMonitor } from "./types.ts";

/** A restart that takes longer than this has failed, milliseconds. */
const RESTART_TIMEOUT = 30_000;
/** For a check of a server whose config has none. */
const PLAIN: HealthSettings = { path: undefined, interval: 0, timeout: 5_000, rise: 1, fall: 1, restart: false };

type Status = ServerMonitor["status"];

/** The health of one server. */
export class Health {
  readonly #core: ServerCore;
  #timer: { cancel(): void } | undefined;
  #plan: { cancel(): void } | undefined;
  #backoff: Backoff | undefined;
  /** Counts each run of the server: a check of an earlier one says nothing. */
  #run = 0;
  #good = 0;
  #bad = 0;
  #status: Status = "ok";
  #message = "";
  #latency: number | undefined;
  /** The clock's time since which it is well, or is not. */
  #since: number;

  constructor(core: ServerCore) {
    this.#core = core;
    this.#since = core.environment.clock.now();
  }

  /** What the checks say, or the state where it does not run. */
  get status(): Status {
    const { state } = this.#core;
    if (state === "running") return this.#status;
    return state === "stopped" || state === "failed" ? "ko" : "warn";
  }

  /** The server listens. */
  begin(): void {
    this.end();
    this.#good = this.#bad = 0;
    this.#status = "ok";
    this.#message = "";
    this.#latency = undefined;
    this.#since = this.#core.environment.clock.now();
    this.#next();
  }

  /** It does not any more. */
  end(): void {
    this.#run++;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Somebody starts or stops it: what was planned for it is off, and the next time it is sick is the first. */
  calm(): void {
    this.drop();
    this.#backoff = undefined;
  }

  /** What was planned for it is off: it is stopped. */
  drop(): void {
    this.#plan?.cancel();
    this.#plan = undefined;
  }

  /** Checks it now, when it runs. Never rejects. */
  async check(): Promise<ServerMonitor> {
    const run = this.#run;
    const { running } = this.#core;
    if (running === undefined) return this.monitor();
    const { clock } = this.#core.environment;
    const settings = this.#core.settings.health ?? PLAIN;
    const start = clock.now();
    let failure: string | undefined;
    try {
      const { hostname, port } = reachable(running.listener.addr);
      const { tls } = running.service;
      const target: ProbeTarget = {
        hostname,
        port,
        // Without a client certificate the check would end in the handshake.
        path: tls?.clientCa === undefined ? settings.path : undefined,
        secure: tls === undefined ? "http" : "https",
        protocol: running.service.protocols.includes("h1") ? "h1" : "h2",
        timeout: settings.timeout,
        clock,
      };
      const { status } = await this.#core.environment.probe(target);
      if (status !== undefined && (status < 200 || status > 399)) failure = `${settings.path} answers ${status}`;
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    if (run === this.#run) this.#heard(failure, clock.now() - start, settings);
    return this.monitor();
  }

  /** What is known, without a check. */
  monitor(): ServerMonitor {
    const { environment, name, state, bind, expose, error } = this.#core;
    const { status } = this;
    const now = environment.clock.now();
    const well = state === "running" && status !== "ko";
    const since = state === "running" ? this.#since : this.#core.lastUp;
    return {
      name,
      status,
      message: this.#words(error),
      latency: state === "running" ? this.#latency : undefined,
      uptime: well ? now - since : 0,
      downtime: well ? 0 : now - since,
      info: { state, bind, expose },
    };
  }

  #words(error: Error | undefined): string {
    const { state } = this.#core;
    if (state !== "running") return error?.message ?? state;
    return this.#message === "" ? "running" : this.#message;
  }

  #next(): void {
    const settings = this.#core.settings.health;
    if (settings === undefined) return;
    this.#timer = this.#core.environment.clock.timer(settings.interval, () => {
      this.#timer = undefined;
      const run = this.#run;
      void this.check().then(() => {
        if (run === this.#run) this.#next();
      });
    });
  }

  #heard(failure: string | undefined, latency: number, { rise, fall }: HealthSettings): void {
    const before = this.#status;
    this.#latency = latency;
    this.#message = failure === undefined ? "" : `check failed: ${failure}`;
    if (failure === undefined) {
      this.#good++;
      this.#bad = 0;
      if (this.#good >= rise || before === "ok") this.#status = "ok";
      if (this.#status === "ok") this.#backoff = undefined;
    } else {
      this.#bad++;
      this.#good = 0;
      if (before !== "ko") this.#status = this.#bad >= fall ? "ko" : "warn";
    }
    if (this.#status === before) return;
    const wasWell = before !== "ko", isWell = this.#status !== "ko";
    if (wasWell !== isWell) this.#since = this.#core.environment.clock.now();
    this.#core.tell("health", this.monitor());
    if (this.#status !== "ko") return;
    const message = `Server "${this.#core.name}" is not well: ${this.#message}`;
    this.#core.report(new ServerError("ERR_SERVER_HANDLER", this.#core.name, message));
    this.#planRestart();
  }

  #planRestart(): void {
    if (this.#core.settings.health?.restart !== true || this.#plan !== undefined) return;
    const { clock, random } = this.#core.environment;
    this.#backoff ??= backoff({ initial: 1_000, max: 60_000 }, random, "restart a server");
    this.#plan = clock.timer(this.#backoff.next(), () => {
      this.#plan = undefined;
      void this.#restart(this.#run);
    });
  }

  // In the server's turn: whoever called start or stop meanwhile has had his way, and this finds another run or state.
  async #restart(run: number): Promise<void> {
    const core = this.#core;
    const { signal } = new AbortController();
    try {
      await core.exclusive(async () => {
        if (core.state === "running" ? run !== this.#run || this.#status !== "ko" : core.state !== "failed") return;
        await core.stopNow(DEFAULT_GRACE, "stopped");
        await core.startNow({ timeout: RESTART_TIMEOUT, signal });
      });
    } catch (cause) {
      const message = `Server "${core.name}" could not be restarted: ${cause instanceof Error ? cause.message : cause}`;
      core.report(new ServerError("ERR_SERVER_START", core.name, message, { cause }));
      if (core.state === "failed") this.#planRestart();
    }
  }
}
