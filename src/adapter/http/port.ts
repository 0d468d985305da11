/** An open TCP port that hands on what it accepts. @module */
import { createServer, type Socket } from "node:net";
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
    server.once("error", reject);
    server.listen({
      port,
      host: hostname === "" ? undefined : hostname,
      backlog: BACKLOG,
      // Not said at all where it is not wanted: some systems refuse the word itself.
      ...(reusePort ? { reusePort } : {}),
    }, () => {
      server.off("error", reject);
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
