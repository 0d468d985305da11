/** HTTP listeners in memory: ports, requests and failures in a test's hand, no socket and no time of their own. @module */
import type {
  HttpAdapter,
  HttpListener,
  HttpListenOptions,
  HttpService,
  Unsupported,
} from "../../src/adapter/http/contract.ts";
import { ConnectError, type NetAddr } from "../../src/adapter/contract.ts";

/** A request that was sent. */
export interface MemoryRequest {
  /** Its answer; rejects when it was cut. */
  readonly response: Promise<Response>;
  /** The client goes away. */
  leave(): void;
}

/** The adapter, and what tests do to it. */
export interface MemoryHttp extends HttpAdapter {
  /** Open ports, as `host:port`. */
  readonly open: string[];
  /** How often a port was opened, and closed. */
  readonly opened: string[];
  readonly closed: string[];
  /** Sends a request; throws when nothing listens there. */
  ask(port: number, path?: string): MemoryRequest;
  /** The text of its answer. */
  text(port: number, path?: string): Promise<string>;
  /** Listening on this port fails, until undefined is given. */
  fail(port: number, error: Error | undefined): void;
  /** Opening waits until the returned function is called. */
  hold(): () => void;
  /** A replacement on this port fails. */
  failReplace(port: number, error: Error | undefined): void;
  /** What `unsupported` says. */
  refuses: Unsupported[];
  /** The certificate that a new connection would see there. */
  certificate(port: number): string | Uint8Array | undefined;
  /** The service there. */
  service(port: number): HttpService;
}

/** A system's error. */
export function systemError(code: string): Error & { code: string } {
  return Object.assign(new Error(`listen ${code}`), { code });
}

export function memoryHttp(): MemoryHttp {
  const listeners = new Set<Listener>();
  const failures = new Map<number, Error>();
  const replaceFailures = new Map<number, Error>();
  let held: Promise<void> | undefined;
  let next = 40_000;

  class Listener implements HttpListener {
    readonly addr: NetAddr;
    readonly reusePort: boolean;
    service: HttpService;
    bytesIn = 0;
    bytesOut = 0;
    readonly running = new Set<{ abort(reason: unknown): void; end(cut: "abort" | "client"): void }>();
    #closing: Promise<void> | undefined;
    #gone!: () => void;
    readonly closed: Promise<void> = new Promise((resolve) => this.#gone = resolve);

    constructor(options: HttpListenOptions) {
      this.service = options;
      this.reusePort = options.reusePort;
      const hostname = options.hostname === ""
        ? "::"
        : options.hostname === "localhost"
        ? "127.0.0.1"
        : options.hostname;
      this.addr = { transport: "tcp", hostname, port: options.port === 0 ? next++ : options.port };
    }

    get connections(): number {
      return this.running.size;
    }
    get inFlight(): number {
      return this.running.size;
    }
    async replace(service: HttpService): Promise<void> {
      await Promise.resolve();
      const failure = replaceFailures.get(this.addr.port);
      if (failure !== undefined) throw failure;
      this.service = service;
    }
    renew(identity: { cert: string | Uint8Array; key: string | Uint8Array }): void {
      if (String(identity.cert).includes("broken")) throw new ConnectError("tls", "Cannot use the certificate: broken");
      this.service = { ...this.service, tls: identity };
    }
    close(): Promise<void> {
      this.#closing ??= Promise.resolve().then(() => {
        listeners.delete(this);
        http.closed.push(text(this.addr));
        this.look(true);
      });
      return this.#closing;
    }
    look(free = !listeners.has(this)): void {
      if (free && this.running.size === 0) this.#gone();
    }
    abort(): number {
      const all = [...this.running];
      for (const one of all) one.end("abort");
      return all.length;
    }
    ref(): void {}
    unref(): void {}
  }

  const http: MemoryHttp = {
    refuses: [],
    opened: [],
    closed: [],
    get open() {
      return [...listeners].map(({ addr }) => text(addr));
    },
    unsupported: () => http.refuses,
    async listen(options) {
      await held;
      const failure = failures.get(options.port);
      if (failure !== undefined) throw failure;
      if (String(options.tls?.cert).includes("broken")) {
        throw new ConnectError("tls", "Cannot use the certificate: broken");
      }
      for (const other of listeners) {
        if (options.port === 0 || other.addr.port !== options.port) continue;
        if (other.reusePort && options.reusePort) continue;
        if (overlap(other.addr.hostname, options.hostname === "localhost" ? "127.0.0.1" : options.hostname)) {
          throw systemError("EADDRINUSE");
        }
      }
      const listener = new Listener(options);
      listeners.add(listener);
      http.opened.push(text(listener.addr));
      return listener;
    },
    ask(port, path = "/") {
      const listener = at(port);
      const { owner } = listener.service;
      const abort = new AbortController();
      let over = false;
      let cut!: (error: Error) => void;
      const lost = new Promise<never>((_, reject) => cut = reject);
      lost.catch(() => {});
      const finish = (status: number, why: "client" | "abort" | "handler" | undefined): void => {
        if (over) return;
        over = true;
        listener.running.delete(entry);
        owner.ended({ status, duration: 1, cut: why });
        listener.look();
      };
      const entry = {
        abort: (reason: unknown) => abort.abort(reason),
        end(why: "abort" | "client") {
          abort.abort(new Error(why));
          cut(new Error(`cut: ${why}`));
          finish(0, why);
        },
      };
      listener.running.add(entry);
      listener.bytesIn += 100;
      owner.began();
      const answer = owner.answer();
      const response = (async () => {
        if (answer === undefined || !("fetch" in answer)) return new Response(null, { status: 500 });
        const request = new Request(`http://${text(listener.addr)}${path}`, { signal: abort.signal });
        const info = {
          remoteAddr: { transport: "tcp" as const, hostname: "127.0.0.1", port: 5 },
          localAddr: listener.addr,
          tls: undefined,
          protocol: "h1" as const,
        };
        try {
          return await Promise.race([answer.fetch(request, info), lost]);
        } catch (error) {
          if (over) throw error;
          owner.failed(error as Error, "handler");
          return new Response(null, { status: 500 });
        }
      })();
      response.then(({ status }) => {
        listener.bytesOut += 200;
        finish(status, undefined);
      }, () => {});
      return { response, leave: () => entry.end("client") };
    },
    async text(port, path) {
      const response = await http.ask(port, path).response;
      return response.status === 200 ? await response.text() : String(response.status);
    },
    fail(port, error) {
      if (error === undefined) failures.delete(port);
      else failures.set(port, error);
    },
    failReplace(port, error) {
      if (error === undefined) replaceFailures.delete(port);
      else replaceFailures.set(port, error);
    },
    hold() {
      let release!: () => void;
      held = new Promise((resolve) =>
        release = () => {
          held = undefined;
          resolve();
        }
      );
      return release;
    },
    certificate: (port) => at(port).service.tls?.cert,
    service: (port) => at(port).service,
  };
  return http;

  function at(port: number): Listener {
    const found = [...listeners].find(({ addr }) => addr.port === port);
    if (found === undefined) throw systemError("ECONNREFUSED");
    return found;
  }
}

function overlap(a: string, b: string): boolean {
  const any = (host: string): boolean => host === "" || host === "::" || host === "0.0.0.0";
  return a === b || any(a) || any(b);
}

function text({ hostname, port }: NetAddr): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
