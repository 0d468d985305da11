/**
 * What both pools are made of: members, waits, connections, counters, the way to the end.
 *
 * @module
 */
import type { ChannelFault } from "../adapter/contract.ts";
import type { ServerTls } from "../adapter/tls/material.ts";
import { Deadlines } from "../core/deadlines.ts";
import { optionError, PoolError, rethrowLater } from "../core/errors.ts";
import { type Lifecycle, lifecycle, type Phase, POOL_TRANSITIONS, type PoolState } from "../core/lifecycle.ts";
import type { Logger } from "../core/logger.ts";
import { Members, type MemberWait } from "../core/members.ts";
import { checks } from "../core/options.ts";
import { type WaitBudget, waitBudget, type WaitOptions } from "../core/wait.ts";
import { WindowBudget } from "./budget.ts";
import type { PoolSettings } from "./check.ts";
import { type Environment, environment } from "./environment.ts";
import { isId } from "./ids.ts";
import type { Link } from "./link.ts";
import type { ClientTls } from "./options.ts";
import type { Seat, SeatPhase } from "./seat.ts";
import { type Closing, Shutdown } from "./shutdown.ts";
import { Starting } from "./starting.ts";
import type { ConnectionInfo, PoolStream, StreamPoolEvents, StreamPoolStats } from "./types.ts";

/** Raises an event on the pool. */
export type Emit = <K extends keyof StreamPoolEvents>(type: K, detail: StreamPoolEvents[K]) => void;

/** A wait for a stream, perhaps of one connection. */
export type StreamWait = (WaitOptions & { connection?: ConnectionInfo }) | number;

/** Counted since the pool was made. */
interface Counters {
  created: number;
  delivered: number;
  evicted: number;
  rejected: number;
  failed: number;
  errors: number;
  reconnects: number;
}

/** Behind the facade of a pool. */
export abstract class StreamCore implements Closing {
  readonly settings: PoolSettings;
  readonly environment: Environment;
  readonly deadlines: Deadlines;
  readonly members: Members<Seat>;
  readonly budget: WindowBudget;
  /** Connections that are up. */
  readonly links: Set<Link> = new Set();
  readonly counters: Counters = {
    created: 0,
    delivered: 0,
    evicted: 0,
    rejected: 0,
    failed: 0,
    errors: 0,
    reconnects: 0,
  };
  /** By how much the window of a stream in use is larger. */
  readonly growth: number;
  inUse = 0;
  rtt: number | undefined = undefined;
  lastError: Error | undefined = undefined;
  /** Whether the pool keeps the process alive. */
  held = true;
  /** What streams fail with that the closing pool cuts. */
  closeError: PoolError | undefined = undefined;
  protected readonly emit: Emit;
  readonly #life: Lifecycle<Phase<PoolState>>;
  #starting: Starting | undefined;
  #links = 0;
  /** Of every connection that there was, as long as anybody can ask for its streams. */
  readonly #infos: WeakSet<ConnectionInfo> = new WeakSet();
  #bytesIn = 0;
  #bytesOut = 0;
  readonly #shutdown: Shutdown = new Shutdown(this);
  readonly #aborted = (): void => void this.close();

  constructor(settings: PoolSettings, emit: Emit) {
    this.settings = settings;
    this.emit = emit;
    this.environment = environment(settings.engine);
    this.deadlines = new Deadlines(this.environment.clock);
    this.members = new Members({ deadlines: this.deadlines, onWait: () => this.waited() });
    this.budget = new WindowBudget(settings.window.total);
    this.growth = settings.window.stream - settings.window.idle;
    this.#life = lifecycle<Phase<PoolState>>(POOL_TRANSITIONS, { state: "new" });
  }

  /** The signal of the options closes the pool, from now on. */
  heed(): void {
    const { signal } = this.settings;
    if (signal?.aborted) void this.close();
    else signal?.addEventListener("abort", this.#aborted);
  }

  /** Idle streams that the pool aims at or holds at most. */
  abstract readonly capacity: number;
  abstract readonly interval: number;
  /** The most that `filled` can be asked for. */
  abstract readonly maxCapacity: number;
  /** Begins to listen or to connect; ends in `started` or `startFailed`. */
  protected abstract begin(starting: Starting): void;
  /** The pool closes: nothing new from now on. Resolves when what this started is gone. */
  protected abstract stop(): Promise<void>;
  /** Somebody waits who did not find what he wants. */
  protected abstract waited(): void;
  /** Streams have left, by whichever way. */
  protected abstract drained(): void;
  /** The other side has ended or reset an idle stream. */
  protected abstract dropped(): void;
  /** A connection is gone. */
  protected abstract linkGone(link: Link, error: Error | undefined): void;
  abstract renewCertificate(tls: ServerTls | ClientTls): void;

  get state(): PoolState {
    return this.#life.state;
  }

  /** Whether the pool is closed or on its way there. */
  get closing(): boolean {
    return this.state === "draining" || this.state === "closed";
  }

  // ---- start

  start(wait?: WaitOptions): Promise<void> {
    let budget: WaitBudget;
    try {
      budget = waitBudget("start the pool", wait);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#starting !== undefined && !this.closing) return this.#starting.promise;
    if (this.state !== "new") return Promise.reject(this.closedError("start"));
    if (budget.signal?.aborted) return this.close().then(() => Promise.reject(budget.signal!.reason));
    this.go("starting");
    this.#starting = new Starting(this.deadlines, budget, (error) => this.startFailed(error));
    this.begin(this.#starting);
    return this.#starting.promise;
  }

  protected started(): void {
    if (this.state !== "starting") return;
    this.go("ready");
    this.#starting!.succeed();
  }

  /** The pool closes, then `start` rejects. */
  protected startFailed(error: unknown): void {
    if (this.state !== "starting") return;
    this.#starting!.over();
    this.close().then(() => this.#starting!.fail(error));
  }

  protected go(state: PoolState): void {
    if (this.state !== state) this.#life.go({ state });
  }

  // ---- waits

  incomingGet(wait?: StreamWait): Promise<PoolStream> {
    let budget: MemberWait;
    try {
      budget = this.#waitFor("take a stream", wait);
    } catch (error) {
      return Promise.reject(error);
    }
    const seat = this.members.takeNext(budget.group);
    return seat === undefined ? this.members.waitNext(budget).then(streamOf) : Promise.resolve(this.#hand(seat));
  }

  outgoingGet(id: string, wait?: StreamWait): Promise<PoolStream> {
    let budget: MemberWait;
    try {
      if (!isId(id)) throw optionError("take a stream", "id", id, "not eight lower-case hex digits");
      budget = this.#waitFor(`take stream ${id}`, wait);
    } catch (error) {
      return Promise.reject(error);
    }
    const seat = this.members.takeKey(id, budget.group);
    return seat === undefined ? this.members.waitKey(id, budget).then(streamOf) : Promise.resolve(this.#hand(seat));
  }

  filled(count: number | undefined, wait?: WaitOptions | number): Promise<void> {
    const action = "wait until the pool is filled";
    let budget: WaitBudget;
    let wanted: number;
    try {
      wanted = checks(action).integer("count", count, { default: this.capacity, max: this.maxCapacity });
      budget = waitBudget(action, wait);
      this.#checkOpen(action, budget);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.fill(wanted, budget);
  }

  /** `filled` after checking. */
  protected fill(count: number, budget: WaitBudget): Promise<void> {
    return this.members.waitSize(count, budget);
  }

  #waitFor(action: string, wait: StreamWait | undefined): MemberWait {
    const budget = waitBudget(action, wait);
    const group = typeof wait === "object" ? wait.connection : undefined;
    if (group !== undefined && !this.#infos.has(group)) {
      throw optionError(action, "connection", group, "not a connection of this pool");
    }
    this.#checkOpen(action, budget);
    return group === undefined ? budget : { ...budget, group };
  }

  // An aborted signal comes first, as everywhere on the platform.
  #checkOpen(action: string, budget: WaitBudget): void {
    if (budget.signal?.aborted) throw budget.signal.reason;
    if (this.closing) throw this.closedError(action);
    if (this.state === "new") {
      throw new PoolError("ERR_POOL_NOT_STARTED", `Cannot ${action}: pool "${this.settings.name}" is not started`);
    }
  }

  closedError(action: string): PoolError {
    return new PoolError("ERR_POOL_CLOSED", `Cannot ${action}: pool "${this.settings.name}" is closed`);
  }

  #hand(seat: Seat): PoolStream {
    seat.take();
    this.drained();
    return seat.stream!;
  }

  // ---- streams

  /** A stream has its id. False when there is no place for it: it is reset. */
  arrived(seat: Seat): boolean {
    seat.phase = "idle";
    seat.link.busy.delete(seat);
    const result = this.members.add(seat);
    if (result === "duplicate" || result === "closed") {
      seat.phase = "retired";
      seat.link.busy.add(seat);
      if (result === "duplicate") {
        this.report(new PoolError("ERR_POOL_HANDSHAKE", `The other side gave the id ${seat.key} to two idle streams`));
      }
      seat.channel.reset();
      return false;
    }
    this.counters.created++;
    if (result === "delivered") seat.take();
    this.emit("stream", { id: seat.key });
    return true;
  }

  /** A stream has been handed out. */
  took(): void {
    this.counters.delivered++;
    this.inUse++;
    this.#shutdown.working++;
  }

  /** Takes an idle stream, which the other side has ended, out of the pool and ends it in order. */
  evict(seat: Seat, reason: string): void {
    if (!this.members.remove(seat)) return;
    this.retire(seat, reason);
    this.dropped();
  }

  /** The same for one that is out already. */
  protected retire(seat: Seat, reason: string): void {
    this.counters.evicted++;
    seat.retire();
    this.emit("evict", { id: seat.key, reason });
  }

  /** A stream's channel is closed. */
  left(seat: Seat, was: SeatPhase, fault: ChannelFault | undefined): void {
    const { link } = seat;
    if (was === "idle") this.members.remove(seat);
    else link.busy.delete(seat);
    this.release(seat);
    if (was === "taken") {
      this.inUse--;
      if (!seat.exchange!.released) this.#shutdown.working--;
      if (!seat.exchange!.sender.ended) link.sent();
    } else if (was === "idle") {
      this.counters.evicted++;
      this.emit("evict", { id: seat.key, reason: fault === undefined ? "ended" : evictReason(fault) });
    }
    if (was === "idle" && fault?.kind !== "lost") this.dropped();
    else this.drained();
    this.#shutdown.look();
  }

  /** Gives back what a stream had reserved. */
  protected release(seat: Seat): void {
    this.budget.release(this.settings.window.idle, seat.grown);
  }

  flush(): number {
    const seats = this.members.drain();
    for (const seat of seats) this.retire(seat, "flushed");
    if (seats.length > 0) this.drained();
    return seats.length;
  }

  // ---- connections

  nextLinkId(): string {
    return `${this.settings.name}#${++this.#links}`;
  }

  /** A connection is up. */
  protected join(link: Link): void {
    this.links.add(link);
    this.#infos.add(link.info);
    this.members.register(link.info);
  }

  /** Tells of a connection that is up. */
  protected announce(link: Link): void {
    const { remoteAddr } = link.info;
    this.log("info", "connected", { connection: link.info.id, remoteAddr });
    this.emit("connect", link.info);
  }

  disconnect(info: ConnectionInfo, reason: Error | undefined): boolean {
    for (const link of this.links) {
      if (link.info !== info) continue;
      link.connection.destroy(reason);
      return true;
    }
    return false;
  }

  disconnected(link: Link, error: Error | undefined): void {
    this.links.delete(link);
    this.#bytesIn += link.connection.bytesIn;
    this.#bytesOut += link.connection.bytesOut;
    const { info } = link;
    const cause = this.closing ? undefined : error;
    this.members.closeGroup(
      info,
      new PoolError("ERR_STREAM_LOST", `Cannot take a stream of connection ${info.id}: it is gone`, { cause: error }),
    );
    this.linkGone(link, cause);
    this.log(cause === undefined ? "info" : "warn", "disconnected", { connection: info.id, error: cause?.message });
    this.emit("disconnect", cause === undefined ? { connection: info } : { connection: info, error: cause });
    if (cause !== undefined) this.report(cause);
    this.#shutdown.look();
  }

  // ---- the end

  close(options?: { grace?: number }): Promise<void> {
    let grace: number;
    try {
      const check = checks("close the pool");
      grace = check.duration("grace", check.object("options", options)?.grace, { default: 0, max: Infinity });
    } catch (error) {
      return Promise.reject(error);
    }
    const { promise } = this.#shutdown;
    if (this.state !== "new") {
      this.#shutdown.begin(grace);
    } else {
      this.members.close(this.closedError("take a stream"));
      void this.#stopped();
      this.#shutdown.over();
    }
    return promise;
  }

  /** Resolves when the pool is closed. */
  get closed(): Promise<void> {
    return this.#shutdown.promise;
  }

  /** For the shutdown. */
  drain(): Promise<void> {
    this.go("draining");
    if (this.#starting?.decided === false) this.#starting.fail(this.closedError("start"));
    this.members.close(this.closedError("take a stream"));
    const stopped = this.#stopped();
    for (const seat of this.members.drain()) this.retire(seat, "closed");
    for (const link of this.links) link.connection.goaway();
    return stopped;
  }

  /** For the shutdown. */
  cut(): void {
    this.closeError = new PoolError("ERR_POOL_CLOSED", `Pool "${this.settings.name}" is closed`);
  }

  /** For the shutdown. */
  ended(): void {
    this.go("closed");
    this.settings.signal?.removeEventListener("abort", this.#aborted);
    this.deadlines.close();
    this.log("info", "closed");
    this.emit("close", undefined);
  }

  /** A user has closed a stream, and what he wrote has been handed over: it is not one that a closing pool waits for any more. */
  released(): void {
    this.#shutdown.working--;
    this.#shutdown.look();
  }

  async #stopped(): Promise<void> {
    try {
      await this.stop();
    } catch (error) {
      this.report(error);
    }
  }

  // ---- what is told

  get errorCount(): number {
    return this.counters.errors;
  }

  /** A failure that no caller is told of. */
  report(error: unknown): void {
    const known = error instanceof Error ? error : new Error(String(error));
    this.counters.errors++;
    this.lastError = known;
    this.log("warn", known.message);
    this.emit("error", known);
  }

  log(level: keyof Logger, message: string, fields: object = {}): void {
    const { logger, name } = this.settings;
    if (logger === undefined) return;
    try {
      logger[level](message, { pool: name, ...fields });
    } catch (error) {
      rethrowLater(error);
    }
  }

  stats(): StreamPoolStats {
    let bytesIn = this.#bytesIn;
    let bytesOut = this.#bytesOut;
    for (const { connection } of this.links) {
      bytesIn += connection.bytesIn;
      bytesOut += connection.bytesOut;
    }
    return {
      name: this.settings.name,
      state: this.state,
      active: this.members.size,
      inUse: this.inUse,
      waiting: this.members.waiting,
      capacity: this.capacity,
      interval: this.interval,
      connections: this.links.size,
      ...this.counters,
      bytesIn,
      bytesOut,
      rtt: this.rtt,
      lastError: this.lastError,
    };
  }

  ref(): void {
    this.#hold("ref");
  }

  unref(): void {
    this.#hold("unref");
  }

  #hold(verb: "ref" | "unref"): void {
    this.held = verb === "ref";
    this.deadlines[verb]();
    for (const link of this.links) link.connection[verb]();
    this.holdMore(verb);
  }

  /** What else keeps the process alive. */
  protected holdMore(_verb: "ref" | "unref"): void {}
}

function streamOf(seat: Seat): PoolStream {
  return seat.stream!;
}

function evictReason(fault: ChannelFault): string {
  switch (fault.kind) {
    case "lost":
      return "lost with its connection";
    case "reset":
      return `reset (code ${fault.code})`;
    case "refused":
      return "refused";
    case "aborted":
      return "aborted";
  }
}
