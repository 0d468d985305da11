/** A raw node:tls socket for every stream: what TLS itself costs on this runtime. @module */
import * as tls from "node:tls";
import type { AddressInfo } from "node:net";
import type { Buffer } from "node:buffer";
import { type ClientPeer, commandBytes, parseCommand, type PeerOptions, type ServerPeer } from "./flow.ts";
import { eventFlow, serveEvents } from "./events.ts";

export function serve(options: PeerOptions): Promise<ServerPeer> {
  const { key, cert } = options;
  const server = tls.createServer({ key, cert, minVersion: "TLSv1.3", allowHalfOpen: true }, (socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.once("data", (first: Buffer) => {
      socket.pause();
      const { command, total } = parseCommand(first);
      if (first.length > 16) socket.unshift(first.subarray(16));
      serveEvents(socket, command, total, "counted");
      socket.resume();
    });
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => resolve({ port: (server.address() as AddressInfo).port }));
  });
}

export function connect(options: PeerOptions, port: number): Promise<ClientPeer> {
  const dial = () =>
    new Promise<tls.TLSSocket>((resolve, reject) => {
      const trust = { servername: "localhost", ca: options.ca, minVersion: "TLSv1.3" } as const;
      // allowHalfOpen is an option of every runtime's `connect`, and of none of its types.
      const target = { host: "localhost", port, allowHalfOpen: true };
      const socket = tls.connect({ ...trust, ...target });
      socket.setNoDelay(true);
      socket.once("error", reject);
      socket.once("secureConnect", () => resolve(socket));
    });
  return Promise.resolve({
    async flow() {
      const socket = await dial();
      return eventFlow((command, total) => {
        socket.write(commandBytes(command, total));
        return socket;
      }, "counted");
    },
    close() {},
  });
}
