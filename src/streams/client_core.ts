/**
 * Behind a client pool: connections, and what the other side says to the streams that are opened.
 *
 * @module
 */
import { joinAddress } from "../adapter/address.ts";
import type { ChannelFault, ClientTrust } from "../adapter/contract.ts";
import { type Material, type ReadMaterial, readMaterial, readMaterialSync, trustOf } from "../adapter/tls/material.ts";
import { type TlsWatch, watchFiles } from "../adapter/tls/watch.ts";
import { PoolError } from "../core/errors.ts";
import { checks } from "../core/options.ts";
import type { WaitBudget } from "../core/wait.ts";
import type { ClientSettings } from "./check.ts";
import type { ClientLink } from "./client_link.ts";
import type { ClientSeat, Outcome } from "./client_seat.ts";
import { Slot } from "./client_slot.ts";
import type { Link } from "./link.ts";
import type { ClientTls } from "./options.ts";
import { Rounds } from "./rounds.ts";
import type { Seat, SeatPhase } from "./seat.ts";
import type { Starting } from "./starting.ts";
import { type Emit, StreamCore } from "./stream_core.ts";
import { clientMaterial, tlsError } from "./tls_material.ts";

/** What a failed attempt to connect says: it may pass by itself; it will not; its time was up before its `connectTimeout` was. */
export type Verdict = "may pass" | "final" | "cut short";

/** A client pool. */
export class ClientCore extends StreamCore {
  declare readonly settings: ClientSettings;
  readonly #slots: Slot[] = [];
  #material: Material;
  /** What was read of `#material`; both change together. */
  #read: ReadMaterial | undefined;
  #reading: Promise<void> | undefined;
  #watch: TlsWatch | undefined;
  #starting: Starting | undefined;
  #connectedOnce = 0;

  readonly #rounds: Rounds;

  constructor(settings: ClientSettings, emit: Emit) {
    super(settings, emit);
    this.#material = settings.material;
    this.#rounds = new Rounds(this);
    for (let i = 0; i < settings.connections; i++) this.#slots.push(new Slot(this));
  }

  get capacity(): number {
    return this.#rounds.capacity;
  }
  get interval(): number {
    return this.#rounds.interval;
  }
  get maxCapacity(): number {
    return this.settings.adaptive.maxCapacity;
  }

  // ---- connections

  protected begin(starting: Starting): void {
    this.#starting = starting;
    for (const slot of this.#slots) slot.connect();
  }

  protected async stop(): Promise<void> {
    this.#rounds.stop();
    this.#watch?.close();
    await Promise.all(this.#slots.map((slot) => slot.stop()));
    this.#watch?.close();
  }

  /** While `start` waits: when the attempts have to be over. */
  get startUntil(): number {
    return this.state === "starting" ? this.#starting!.until : Infinity;
  }

  /** What to trust and to show, with the files read. */
  async trust(): Promise<ClientTrust> {
    if (this.#read === undefined) await (this.#reading ??= this.#readFiles());
    const read = this.#read!;
    if (!this.closing) {
      this.#watch ??= watchFiles(this.#material, read, this.deadlines, {
        changed: (now) => {
          this.#read = now;
          this.log("info", "certificate renewed");
        },
        failed: (error) => this.report(error),
      });
    }
    return trustOf(this.#material, read);
  }

  async #readFiles(): Promise<void> {
    try {
      const read = await readMaterial(this.#material);
      // What was renewed meanwhile counts.
      this.#read ??= read;
    } catch (error) {
      if (this.#read === undefined) throw tlsError("connect", error);
    } finally {
      this.#reading = undefined;
    }
  }

  renewCertificate(tls: ClientTls): void {
    const action = "renew the certificate";
    const check = checks(action);
    const material = clientMaterial(check, check.object("tls", tls), this.#material);
    if (this.settings.headers !== undefined && material.mode === "insecure" && material.pins === undefined) {
      throw check.error("tls", "insecure", "but the pool sends `headers`, which need a verified or pinned connection");
    }
    let read: ReadMaterial;
    try {
      read = readMaterialSync(material);
    } catch (error) {
      throw tlsError(action, error);
    }
    this.#material = material;
    this.#read = read;
    this.#watch?.replace(material, read);
  }

  /** An attempt begins. Returns what `attemptEnded` wants. */
  attemptBegins(): Starting | undefined {
    if (this.state !== "starting") return undefined;
    this.#starting!.pending++;
    return this.#starting;
  }

  attemptEnded(starting: Starting | undefined): void {
    if (starting === undefined) return;
    starting.pending--;
    starting.settled();
  }

  attemptFailed(error: PoolError, verdict: Verdict): void {
    this.report(error);
    // The others take over its share.
    this.#rounds.moreRoom();
    if (this.state !== "starting") return;
    // An attempt that had hardly any time says less than the one before.
    if (verdict === "cut short") this.#starting!.lastFailure ??= error;
    else this.#starting!.lastFailure = error;
    if (verdict === "final") this.startFailed(error);
  }

  /** A connection is up. */
  attached(link: ClientLink): void {
    if (++this.#connectedOnce > this.#slots.length) this.counters.reconnects++;
    this.join(link);
    this.slotChanged();
    this.announce(link);
    if (this.closing) return;
    this.#rounds.connected();
    // Nothing may be opened there: the first answer that `start` waits for will never come.
    if (this.#rounds.opening === 0) this.started();
  }

  /** GOAWAY: idle streams there would never be taken by the other side. */
  wentAway(link: ClientLink, why: Error): void {
    this.log("info", "the server sent GOAWAY", { connection: link.info.id });
    this.#unanswered(link, why);
    for (const seat of this.members.removeGroup(link.info)) this.retire(seat, "the connection is going away");
  }

  /** A slot has won or lost its connection. */
  slotChanged(): void {
    if (this.closing || this.state === "starting") return;
    this.go(this.online ? "ready" : "reconnecting");
  }

  protected linkGone(link: Link, error: Error | undefined): void {
    if (error !== undefined) this.#unanswered(link, error);
    for (const slot of this.#slots) slot.replace(link as ClientLink);
  }

  // A connection that ends before its first answer is what `start` fails with, should no better one follow.
  #unanswered(link: Link, cause: Error): void {
    if (this.state !== "starting") return;
    const message = `Cannot connect to ${joinAddress(link.info.remoteAddr)}: ${cause.message}`;
    this.#starting!.lastFailure = new PoolError("ERR_POOL_CONNECT", message, { cause });
  }

  // ---- streams

  /** Whether there is a connection for new streams. */
  get online(): boolean {
    return this.#slots.some((slot) => slot.link !== undefined);
  }

  /** Whether a connection is being made for the first time. */
  get expecting(): boolean {
    return this.#slots.some((slot) => slot.firstAttempt);
  }

  /**
   * Where the next stream is opened: the connection with the fewest streams that takes one. While others are made for the
   * first time, none gets more than its share unless somebody waits: else the first one would have all, and its loss
   * would empty the pool.
   */
  pick(): ClientLink | undefined {
    const share = this.members.waiting === 0 && this.expecting
      ? Math.ceil(this.capacity / this.#slots.length)
      : Infinity;
    let best: ClientLink | undefined;
    for (const { link } of this.#slots) {
      if (link === undefined || link.openable <= 0 || link.connection.channels >= share) continue;
      if (best === undefined || link.connection.channels < best.connection.channels) best = link;
    }
    return best;
  }

  /** An opening has ended. */
  answered(outcome: Outcome, error: PoolError | undefined): void {
    if (outcome === "full" || outcome === "forbidden") this.counters.rejected++;
    else if (outcome === "failed" || outcome === "unanswered") this.counters.failed++;
    // Neither a full server nor a connection that went away, which is told of itself, is an error of its own.
    if (error !== undefined && outcome !== "full" && !this.closing) this.report(error);
    if (outcome === "forbidden") this.startFailed(error);
    else if (outcome !== "gone") this.started();
  }

  /** Capacity or interval has changed. */
  resized(capacity: number, interval: number): void {
    this.emit("resize", { capacity, interval });
  }

  /** The peer allows more streams again. */
  available(): void {
    this.#rounds.moreRoom();
  }

  protected override fill(count: number, budget: WaitBudget): Promise<void> {
    const done = this.#rounds.want(count);
    const filled = super.fill(count, budget);
    filled.then(done, done);
    return filled;
  }

  protected waited(): void {
    if (this.expecting) this.#rounds.moreRoom();
    this.#rounds.poke();
  }

  protected drained(): void {
    this.#rounds.drained();
  }

  protected dropped(): void {
    this.#rounds.dropped();
  }

  override left(seat: Seat, was: SeatPhase, fault: ChannelFault | undefined): void {
    super.left(seat, was, fault);
    (seat as ClientSeat).link.left();
    this.#rounds.moreRoom();
  }
}
