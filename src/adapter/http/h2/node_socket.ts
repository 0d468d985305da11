/** What a Node-style handler finds under `req.socket`: of the connection what concerns one request, and no more. @module */
import { EventEmitter } from "node:events";
import type { HttpRequestInfo } from "../contract.ts";

/** Who is behind a socket: one request. */
export interface SocketOwner {
  destroySocket(error: Error | undefined): void;
  /** Calls `fire` when nothing has been read or written for so long; 0 for never. */
  watch(ms: number, fire: () => void): void;
}

/** Not the connection's socket, which belongs to all its requests: `destroy` ends the one request. */
export class NodeSocket extends EventEmitter {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly remoteFamily: string;
  readonly localAddress: string;
  readonly localPort: number;
  /** As TLS sockets and plain ones have it. */
  readonly encrypted: true | undefined;
  readonly authorized: boolean;
  readonly alpnProtocol = "h2";
  readonly connecting = false;
  readable = true;
  writable = true;
  destroyed = false;
  timeout = 0;
  readonly #info: HttpRequestInfo;
  readonly #owner: SocketOwner;

  constructor(info: HttpRequestInfo, owner: SocketOwner) {
    super();
    const { remoteAddr, localAddr, tls } = info;
    this.#info = info;
    this.#owner = owner;
    this.remoteAddress = remoteAddr.hostname;
    this.remotePort = remoteAddr.port;
    this.remoteFamily = family(remoteAddr.hostname);
    this.localAddress = localAddr.hostname;
    this.localPort = localAddr.port;
    this.encrypted = tls === undefined ? undefined : true;
    this.authorized = tls?.authorized ?? false;
  }

  address(): { address: string; family: string; port: number } {
    return { address: this.localAddress, family: family(this.localAddress), port: this.localPort };
  }
  getProtocol(): string | null {
    return this.#info.tls?.protocol ?? null;
  }
  getCipher(): { name: string; standardName: string; version: string } | undefined {
    const tls = this.#info.tls;
    return tls && { name: tls.cipher, standardName: tls.cipher, version: tls.protocol };
  }
  getPeerCertificate(): object {
    const certificate = this.#info.tls?.peerCertificate;
    if (certificate === undefined) return {};
    const { raw, fingerprint256, validFrom, validTo } = certificate;
    return { raw, fingerprint256, valid_from: validFrom.toUTCString(), valid_to: validTo.toUTCString() };
  }

  setTimeout(ms: number, fired?: () => void): this {
    this.timeout = ms;
    if (fired !== undefined) this.once("timeout", fired);
    this.#owner.watch(ms, () => this.emit("timeout"));
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  cork(): void {}
  uncork(): void {}
  pause(): this {
    return this;
  }
  resume(): this {
    return this;
  }
  end(): this {
    return this;
  }
  write(): boolean {
    throw new Error("Cannot write to the socket of an HTTP/2 request: use the response");
  }
  destroySoon(): void {
    this.destroy();
  }
  destroy(error?: Error): this {
    this.#owner.destroySocket(error);
    return this;
  }

  /** The request is over. */
  over(): void {
    this.readable = this.writable = false;
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit("close", false);
  }
}

function family(address: string): string {
  return address.includes(":") ? "IPv6" : "IPv4";
}
