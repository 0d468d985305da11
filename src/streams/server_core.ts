/**
 * Behind a server pool: the listener, who may connect, places and ids.
 *
 * @module
 */
import { joinAddress, plainAddress } from "../adapter/address.ts";
import {
  type ChannelFault,
  ConnectError,
  type Connection,
  type ConnectionHandler,
  type Listener,
  type NetAddr,
} from "../adapter/contract.ts";
import {
  identityOf,
  type Material,
  type ReadMaterial,
  readMaterial,
  readMaterialSync,
  type ServerTls,
} from "../adapter/tls/material.ts";
import { type TlsWatch, watchFiles } from "../adapter/tls/watch.ts";
import { PoolError } from "../core/errors.ts";
import { checks } from "../core/options.ts";
import type { ServerSettings } from "./check.ts";
import { FIRST, idSource, type StreamId } from "./ids.ts";
import type { Link } from "./link.ts";
import type { Seat, SeatPhase } from "./seat.ts";
import { ServerLink } from "./server_link.ts";
import type { ServerSeat } from "./server_seat.ts";
import type { Starting } from "./starting.ts";
import { type Emit, StreamCore } from "./stream_core.ts";
import { serverMaterial, tlsError } from "./tls_material.ts";
import type { ConnectionInfo } from "./types.ts";

/** Unfinished handshakes: at least this many at a time, however few connections are allowed. */
const MIN_HANDSHAKES = 64;

/** A server pool. */
export class ServerCore extends StreamCore {
  declare readonly settings: ServerSettings;
  readonly interval = 0;
  addr: NetAddr | undefined = undefined;
  #material: Material;
  /** What was read of `#material`; both change together. */
  #read: ReadMaterial | undefined;
  #listener: Listener | undefined;
  #watch: TlsWatch | undefined;
  #beginning: Promise<void> = Promise.resolve();
  /** Sockets and connections by address. */
  readonly #byAddress: Map<string, number> = new Map();
  /** Ids of all streams that are idle or in use, but `00000000`. */
  readonly #ids: Set<string> = new Set();
  readonly #nextId: () => StreamId;

  constructor(settings: ServerSettings, emit: Emit) {
    super(settings, emit);
    this.#material = settings.material;
    this.#nextId = idSource(this.environment.randomBytes, (id) => this.#ids.has(id));
  }

  get capacity(): number {
    return this.settings.maxCapacity;
  }
  get maxCapacity(): number {
    return this.settings.maxCapacity;
  }

  /** Connections that are up, oldest first. */
  connections(): readonly ConnectionInfo[] {
    return [...this.links].map((link) => link.info);
  }

  // ---- listening

  protected begin(_starting: Starting): void {
    this.#beginning = this.#listen().then(() => this.started(), (error) => this.startFailed(error));
  }

  async #listen(): Promise<void> {
    const { listen, maxStreams, maxConnections, handshakeTimeout, window, limits } = this.settings;
    await this.#readFiles();
    if (this.closing) return;
    let read = this.#read!;
    let listener: Listener;
    try {
      listener = await this.environment.engine.listen({
        hostname: listen.hostname,
        port: listen.port,
        identity: identityOf(read),
        settings: { window: window.idle, maxStreams, ...(limits === undefined ? {} : { limits }) },
        clock: this.environment.clock,
        handshakeTimeout,
        maxHandshakes: Math.max(MIN_HANDSHAKES, maxConnections),
        admit: (remote) => this.#admit(remote),
        accept: (connection) => this.#accept(connection),
        failed: (remote, error) => this.#failed(remote, error),
      });
    } catch (error) {
      throw listenError(joinAddress(listen), error);
    }
    this.#listener = listener;
    this.addr = listener.addr;
    if (!this.held) listener.unref();
    if (this.closing) return;
    if (this.#read !== read) read = this.#renewed(listener);
    this.#watch = watchFiles(this.#material, read, this.deadlines, {
      changed: (now) => {
        listener.renew(identityOf(now));
        this.#read = now;
        this.log("info", "certificate renewed");
      },
      failed: (error) => this.report(error),
    });
  }

  // The certificate was renewed while the listener was made.
  #renewed(listener: Listener): ReadMaterial {
    const read = this.#read!;
    try {
      listener.renew(identityOf(read));
    } catch (error) {
      throw tlsError("start the pool", error);
    }
    return read;
  }

  async #readFiles(): Promise<void> {
    try {
      const read = await readMaterial(this.#material);
      // What was renewed meanwhile counts.
      this.#read ??= read;
    } catch (error) {
      if (this.#read === undefined) throw tlsError("start the pool", error);
    }
  }

  renewCertificate(tls: ServerTls): void {
    const action = "renew the certificate";
    const material = serverMaterial(checks(action), tls, this.#material);
    let read: ReadMaterial;
    try {
      read = readMaterialSync(material);
      this.#listener?.renew(identityOf(read));
    } catch (error) {
      throw tlsError(action, error);
    }
    this.#material = material;
    this.#read = read;
    this.#watch?.replace(material, read);
  }

  protected async stop(): Promise<void> {
    this.#watch?.close();
    await this.#beginning;
    this.#watch?.close();
    await this.#listener?.close();
  }

  protected override holdMore(verb: "ref" | "unref"): void {
    this.#listener?.[verb]();
  }

  // ---- who may connect

  #admit(remote: NetAddr): boolean {
    const { allow, maxConnections, maxConnectionsPerAddress } = this.settings;
    const address = plainAddress(remote.hostname);
    const from = this.#byAddress.get(address) ?? 0;
    const why = this.closing
      ? "the pool is closing"
      : !allow.has(address)
      ? "the address is not allowed"
      : this.links.size >= maxConnections
      ? "too many connections"
      : from >= maxConnectionsPerAddress
      ? "too many connections from this address"
      : undefined;
    if (why !== undefined) {
      this.counters.rejected++;
      this.log("debug", "connection refused", { remoteAddr: remote, why });
      return false;
    }
    this.#byAddress.set(address, from + 1);
    return true;
  }

  #accept(connection: Connection): ConnectionHandler {
    const link = new ServerLink(this, connection);
    this.join(link);
    this.announce(link);
    // Handshakes that ended together may be more than there is room for.
    if (this.closing || this.links.size > this.settings.maxConnections) {
      this.counters.rejected++;
      queueMicrotask(() => connection.destroy(new Error("too many connections")));
    }
    return link;
  }

  #failed(remote: NetAddr | undefined, error: Error): void {
    if (remote !== undefined) this.#forget(remote);
    if (!this.closing) this.report(error);
  }

  #forget(remote: NetAddr): void {
    const address = plainAddress(remote.hostname);
    const from = this.#byAddress.get(address) ?? 0;
    if (from > 1) this.#byAddress.set(address, from - 1);
    else this.#byAddress.delete(address);
  }

  protected linkGone(link: Link): void {
    this.#forget(link.info.remoteAddr);
  }

  // ---- places and ids

  /** Whether a client may open one more: there is a place for it, as far as can be known before the id. */
  mayOpen(link: ServerLink): boolean {
    return this.hasPlace(link) &&
      this.members.sizeOf(link.info) + link.opening < this.settings.maxIdlePerConnection;
  }

  /** Whether there is a place for one more idle stream. */
  hasPlace(link: ServerLink): boolean {
    return this.members.size < this.settings.maxCapacity &&
      this.members.sizeOf(link.info) < this.settings.maxIdlePerConnection;
  }

  /** Counts a stream's window. */
  reserve(seat: ServerSeat): boolean {
    seat.reserved = this.budget.reserve(this.settings.window.idle);
    return seat.reserved;
  }

  /** A stream that will never have a place: it only waits for its client to end it. */
  giveBack(seat: ServerSeat): void {
    if (!seat.reserved) return;
    seat.link.opening--;
    this.release(seat);
    seat.reserved = false;
  }

  /** The id of the connection's next stream. */
  giveId(link: ServerLink): StreamId {
    if (!link.greeted) {
      link.greeted = true;
      return FIRST;
    }
    const id = this.#nextId();
    this.#ids.add(id.text);
    return id;
  }

  override arrived(seat: Seat): boolean {
    (seat as ServerSeat).link.opening--;
    return super.arrived(seat);
  }

  override left(seat: Seat, was: SeatPhase, fault: ChannelFault | undefined): void {
    const own = seat as ServerSeat;
    if (own.key === "" && own.reserved) own.link.opening--;
    this.#ids.delete(own.key);
    super.left(seat, was, fault);
  }

  protected override release(seat: Seat): void {
    if ((seat as ServerSeat).reserved) super.release(seat);
  }

  protected waited(): void {}
  protected drained(): void {}
  protected dropped(): void {}
}

function listenError(address: string, error: unknown): PoolError {
  if (error instanceof ConnectError) return tlsError("start the pool", error);
  const { code, message } = error as { code?: unknown; message?: unknown };
  const why = code === "EADDRINUSE"
    ? "the address is in use (EADDRINUSE)"
    : code === "EACCES"
    ? "not permitted (EACCES)"
    : String(message ?? error);
  return new PoolError("ERR_POOL_CONNECT", `Cannot listen on ${address}: ${why}`, { cause: error });
}
