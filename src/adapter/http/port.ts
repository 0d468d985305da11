/** An open TCP port that hands on what it accepts. @module */
import { lookup } from "node:dns/promises";
import { createServer, isIP, type Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { NetAddr } from "../contract.ts";
import { netAddr } from "../tls/net_addr.ts";

/** What {@linkcode openPort} needs. */
export interface PortOptions {
  /** Empty: every address. */
  readonly hostname: string;
  readonly port: number;
  readonly reusePort: boolean;
  accept(socket: Socket): void;
  /** One accept failed (no file descriptors left): it goes on. */
  failed(error: Error): void;
}

/** A port. */
export interface Port {
  readonly addr: NetAddr;
  /** Resolves when it is free. Connections go on. */
  close(): Promise<void>;
  ref(): void;
  unref(): void;
}

/** A burst of clients should wait in the system's queue, not be refused; the default is 511. */
const BACKLOG = 4096;

/** Opens it. Rejects with the system's error. */
export async function openPort({ hostname, port, reusePort, accept, failed }: PortOptions): Promise<Port> {
  let closing: Promise<void> | undefined;
  const server = createServer((socket) => {
    // Accepted in the same turn as it was closed.
    if (closing !== undefined) socket.destroy();
    else accept(socket);
  });
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: Error): void => void systemError(error, hostname).then(reject);
    server.once("error", refuse);
    server.listen({
      port,
      host: hostname === "" ? undefined : hostname,
      backlog: BACKLOG,
      // Not said at all where it is not wanted: some systems refuse the word itself.
      ...(reusePort ? { reusePort } : {}),
    }, () => {
      server.off("error", refuse);
      resolve();
    });
  });
  server.on("error", failed);
  const { address, port: bound } = server.address() as { address: string; port: number };
  return {
    addr: netAddr(address, bound),
    close() {
      // The callback of `close` waits for every connection; the port is free as soon as the system was told.
      if (closing === undefined) {
        server.close();
        closing = new Promise((resolve) => setImmediate(resolve));
      }
      return closing;
    },
    ref: () => void server.ref(),
    unref: () => void server.unref(),
  };
}

/** The error of `listen` with the same code on every runtime. */
async function systemError(error: Error & { code?: string }, hostname: string): Promise<Error> {
  // Deno 2.9 says EINVAL for an address of another machine.
  if (error.code === "EINVAL" && isIP(hostname.split("%")[0]!) !== 0) return coded(error, "EADDRNOTAVAIL");
  // Bun 1.4 gives no code when a name has no address.
  if (error.code !== undefined || hostname === "" || isIP(hostname) !== 0) return error;
  const found = await lookup(hostname).catch((reason: Error & { code?: string }) => reason);
  return found instanceof Error ? coded(error, found.code ?? "ENOTFOUND") : error;
}

function coded(cause: Error, code: string): Error {
  return Object.assign(new Error(`listen ${code}`, { cause }), { code, syscall: "listen" });
}
