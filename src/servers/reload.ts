/**
 * Other servers for a pool, as a transaction: everything is checked first, ports stay open where they can, and what did not
 * come about is undone.
 *
 * The unit is the listener, not the server. One that is open on an address that is still wanted goes over to whoever
 * wants it, its own server or another: so a changed server keeps its port, a renamed one too, and two can swap addresses.
 *
 * @module
 */
import type { HttpListener } from "../adapter/http/contract.ts";
import { collide, isFixed } from "./config/address.ts";
import { checkTogether, summary } from "./config/validate.ts";
import { DEFAULT_GRACE, Draining } from "./draining.ts";
import { ServerBatchError, type ServerError } from "./errors.ts";
import { checkedSettings, nameOf } from "./membership.ts";
import { openListener } from "./opening.ts";
import type { HttpServerConfig } from "./options.ts";
import type { PoolCore } from "./pool_core.ts";
import type { Running } from "./phases.ts";
import { difference } from "./same.ts";
import { asServerError } from "./calls.ts";
import { type Prepared, ServerCore } from "./server_core.ts";
import type { ServerSettings } from "./settings.ts";
import type { ReloadReport } from "./types.ts";

/** A server as it shall be. */
interface Target {
  readonly core: ServerCore;
  readonly settings: ServerSettings;
  readonly change: "added" | "handlers" | "service" | "kept";
}

/** Takes the pool to these configs, or leaves it as it is. */
export function reload(pool: PoolCore, configs: Iterable<HttpServerConfig>): Promise<ReloadReport> {
  return pool.changes.run(async () => {
    const wanted = check(pool, [...configs]);
    const old = [...pool.members.values()];
    const stay = new Set(wanted.map(({ core }) => core));
    const gone = old.filter((core) => !stay.has(core));
    const touched = [...gone, ...wanted.filter(({ change }) => change === "service").map(({ core }) => core)];
    // Always in the same order: two pools that share servers cannot wait for each other.
    touched.sort((a, b) => a.id - b.id);
    const drains = new Map<ServerCore, Draining>();
    try {
      const report = await holding(touched, () => apply(pool, wanted, gone, drains));
      pool.tell("reload", report);
      return report;
    } finally {
      // Out of the servers' turns: a stop may cut this short. Those that are gone tell of it until the end.
      await Promise.all([...drains.values()].map(({ over }) => over));
      for (const core of gone) if (!isMember(pool, core)) core.leave(pool);
    }
  });
}

/** Everything that is wrong is known before anything happens. */
function check(pool: PoolCore, configs: readonly HttpServerConfig[]): Target[] {
  const errors: ServerError[] = [];
  const found: { settings: ServerSettings; path: string }[] = [];
  configs.forEach((config, i) => {
    const path = `[${i}]`;
    const before = typeof config === "object" && config !== null ? memberOf(pool, config)?.settings : undefined;
    const checked = checkedSettings(config, path, pool.surroundings(), before);
    if ("errors" in checked) errors.push(...checked.errors);
    else found.push({ settings: checked.settings, path });
  });
  errors.push(...checkTogether(found.map(({ settings, path }) => ({ config: settings.given, path }))));
  if (errors.length > 0) throw new ServerBatchError("ERR_SERVERS_RELOAD", summary(errors), errors);
  return found.map(({ settings }) => {
    const core = pool.members.get(settings.name);
    if (core === undefined) {
      return { core: new ServerCore(settings, pool.environment, pool), settings, change: "added" };
    }
    const kind = difference(core.settings.given, settings.given);
    const change = kind === "none" ? "kept" : kind;
    return { core, settings, change };
  });
}

function memberOf(pool: PoolCore, config: HttpServerConfig): ServerCore | undefined {
  try {
    return pool.members.get(nameOf(config));
  } catch {
    return undefined;
  }
}

/** Runs `work` in the turn of every server. */
function holding<T>(cores: readonly ServerCore[], work: () => Promise<T>): Promise<T> {
  const [first, ...rest] = cores;
  return first === undefined ? work() : first.exclusive(() => holding(rest, work));
}

/** An open listener, with whom it is and how it serves there. */
interface Heirloom {
  readonly core: ServerCore;
  readonly running: Running;
}

/** A listener that somebody takes over or opens. */
interface Move {
  readonly target: Target;
  readonly prepared: Prepared;
  /** Open already. */
  readonly from?: Heirloom;
  listener?: HttpListener;
}

async function apply(
  pool: PoolCore,
  all: readonly Target[],
  old: readonly ServerCore[],
  drains: Map<ServerCore, Draining>,
): Promise<ReloadReport> {
  // What was detached while this waited for its turns is no business of the pool any more.
  const wanted = all.filter(({ core, change }) => change === "added" || isMember(pool, core));
  const gone = old.filter((core) => isMember(pool, core));
  const poolUp = [...pool.members.values()].some(({ running }) => running !== undefined);
  const up = ({ core, settings, change }: Target): boolean =>
    poolUp && !settings.disabled && (change === "added" || (change === "service" && core.state !== "stopped"));
  const serving = wanted.filter(up);
  const prepared = await each(serving, async ({ core, settings }) => await core.prepare(settings, pool));
  const leaving = new Map<ServerCore, Running>();
  for (const core of [...gone, ...wanted.filter(({ change }) => change === "service").map(({ core }) => core)]) {
    if (core.running !== undefined) leaving.set(core, core.running);
  }
  const heirs = inherit(serving, leaving);
  const moves = serving.map((target, i): Move => {
    const from = heirs.get(target);
    return { target, prepared: prepared[i]!, ...(from === undefined ? {} : { from }) };
  });
  const taken = new Set([...heirs.values()].map(({ core }) => core));
  const closing = new Map([...leaving].filter(([core]) => !taken.has(core)));

  const undo: (() => Promise<void>)[] = [];
  try {
    for (const [core, running] of closing) {
      if (!inTheWay(core, moves)) continue;
      undo.push(() => reopen(core, running));
      drains.set(core, await closed(core, running.listener));
    }
    await each(moves.filter(({ from }) => from === undefined), async (move) => {
      const { core, settings: { name, address, reusePort } } = move.target;
      const opening = { name, address, reusePort, service: move.prepared.service };
      move.listener = await openListener(core.environment, opening, new AbortController().signal);
      const { listener } = move;
      undo.push(async () => void await new Draining(listener, core.environment.clock, 0).over);
    });
    await each(moves.filter(({ from }) => from !== undefined), async (move) => {
      const { core, running } = move.from!;
      await running.listener.replace(move.prepared.service).catch((error) => {
        throw move.target.core.listenError(error);
      });
      move.listener = running.listener;
      undo.push(() =>
        running.listener.replace({ ...running.service, tls: tlsOf(running) }).catch((error) => failed(core, error))
      );
    });
  } catch (error) {
    for (const back of undo.reverse()) await back();
    throw error;
  }
  // The same again: ports took their time.
  const removed = gone.filter((core) => isMember(pool, core));
  for (const core of closing.keys()) if (!drains.has(core) && !isMember(pool, core)) closing.delete(core);
  commit(pool, wanted, moves, closing, drains);
  // One that had failed may be about to be restarted by its health check.
  for (const core of removed) {
    core.yieldListener();
    core.removals++;
  }
  return {
    added: names(wanted, "added"),
    removed: removed.map(({ name }) => name),
    changed: wanted.filter(({ change }) => change === "handlers" || change === "service").map(({ core }) => core.name),
    kept: names(wanted, "kept"),
  };
}

/** Who takes over whose listener: its own when its address stays, else that of one who leaves the address. */
function inherit(serving: readonly Target[], leaving: ReadonlyMap<ServerCore, Running>): Map<Target, Heirloom> {
  const heirs = new Map<Target, Heirloom>();
  const free = new Map(leaving);
  const give = (target: Target, core: ServerCore): boolean => {
    const running = free.get(core);
    const { address, reusePort } = target.settings;
    const same = core.settings.address.text === address.text && core.settings.reusePort === reusePort;
    if (running === undefined || !same || !(core === target.core || isFixed(address))) return false;
    free.delete(core);
    heirs.set(target, { core, running });
    return true;
  };
  const others = serving.filter((target) => !give(target, target.core));
  for (const target of others) [...free.keys()].some((core) => give(target, core));
  return heirs;
}

/** Whether a new port cannot be opened before this one is free: a wildcard, or the number that a range had found. */
function inTheWay(core: ServerCore, moves: readonly Move[]): boolean {
  const { listener, settings: { address } } = core;
  if (listener === undefined) return false;
  const { port } = listener.addr;
  const real = { ...address, port, last: port };
  return moves.some(({ from, target }) => from === undefined && collide(target.settings.address, real));
}

async function closed(core: ServerCore, listener: HttpListener): Promise<Draining> {
  const draining = core.drain(listener, DEFAULT_GRACE);
  await Promise.race([listener.close(), draining.over]);
  return draining;
}

// The port was closed for a server that then did not come up.
async function reopen(core: ServerCore, running: Running): Promise<void> {
  try {
    const { name, reusePort, address } = core.settings;
    const { port } = running.listener.addr;
    const service = { ...running.service, tls: tlsOf(running) };
    const again = { name, reusePort, service, address: { ...address, port, last: port } };
    const listener = await openListener(core.environment, again, new AbortController().signal);
    core.serve({ settings: core.settings, certificate: running.certificate, service }, listener);
  } catch (error) {
    core.yieldListener();
    failed(core, error);
  }
}

// Certificate and service belong together; the certificate may have been renewed since.
function tlsOf(running: Running): Running["service"]["tls"] {
  const { certificate, service } = running;
  if (certificate === undefined) return service.tls;
  const { cert, key, ca } = certificate.read;
  return { cert: cert!, key: key!, ...(ca === undefined ? {} : { clientCa: ca }) };
}

function failed(core: ServerCore, error: unknown): void {
  core.report(asServerError(core.name, error, "ERR_SERVER_LISTEN"));
}

/** Nothing can fail from here on. */
function commit(
  pool: PoolCore,
  wanted: readonly Target[],
  moves: readonly Move[],
  closing: ReadonlyMap<ServerCore, Running>,
  drains: Map<ServerCore, Draining>,
): void {
  const staying = new Set(
    moves.filter(({ from, target }) => from?.core === target.core).map(({ target }) => target.core),
  );
  for (const { from } of moves) if (from !== undefined && !staying.has(from.core)) from.core.yieldListener();
  for (const [core, running] of closing) {
    core.yieldListener();
    if (!drains.has(core)) drains.set(core, core.drain(running.listener, DEFAULT_GRACE));
  }
  for (const { target, prepared, listener } of moves) {
    target.core.settle(target.settings);
    target.core.serve(prepared, listener!);
  }
  for (const { core, settings, change } of wanted) {
    if (change === "kept") continue;
    if (change === "service") core.settle(settings);
    if (change === "handlers") core.settings = settings;
    core.handle(settings.given);
  }
  // One that was detached meanwhile stays out.
  const entering = wanted.filter(({ core, change }) => change === "added" || isMember(pool, core));
  pool.members.clear();
  for (const { core } of entering) pool.enter(core);
}

function isMember(pool: PoolCore, core: ServerCore): boolean {
  return pool.members.get(core.name) === core;
}

function names(wanted: readonly Target[], change: Target["change"]): string[] {
  return wanted.filter((target) => target.change === change).map(({ core }) => core.name);
}

/** All at once, and all to their end; what failed becomes one error. */
async function each<T extends { readonly core: ServerCore } | Move, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = await Promise.allSettled(items.map((item) => work(item)));
  const errors = results.flatMap((result, i) => {
    if (result.status === "fulfilled") return [];
    const item = items[i]!;
    const { name } = "core" in item ? item.core : item.target.core;
    return [asServerError(name, result.reason, "ERR_SERVER_START")];
  });
  if (errors.length > 0) {
    const message = `Nothing was reloaded: ${errors.length} of ${items.length} changed servers cannot come up`;
    throw new ServerBatchError("ERR_SERVERS_RELOAD", message, errors);
  }
  return results.map((result) => (result as PromiseFulfilledResult<R>).value);
}
