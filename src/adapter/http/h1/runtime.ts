/** What `node:http` needs on the three runtimes to serve sockets that another server accepted. @module */
import { IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import { currentRuntime } from "../../runtime.ts";

const { name } = currentRuntime();

/**
 * Bun 1.4 reads from a socket that it was given without end, whether anybody takes the request's body or not (300 MB of
 * 300 in memory). `push` says when it is enough; the server's own `_read` resumes the socket.
 */
class PacedMessage extends IncomingMessage {
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    const more = super.push(chunk, encoding);
    if (!more && chunk !== null) this.socket?.pause();
    return more;
  }
}

/** The class of requests, where it is not the platform's own. */
export const messages: { IncomingMessage?: typeof IncomingMessage } = name === "bun"
  ? { IncomingMessage: PacedMessage }
  : {};

/** Deno 2.9 closes every connection of a server that does not listen after its first response. */
export function seemListening(server: Server): void {
  if (name === "deno") Object.defineProperty(server, "listening", { value: true });
}

/**
 * Deno 2.9 goes on reading below a TLS socket that is paused, into memory. Pausing the TCP socket under it works.
 * `raw` is that one.
 */
export function pace(socket: Socket, raw: Socket | undefined): void {
  if (name !== "deno" || raw === undefined || raw === socket) return;
  socket.on("pause", () => raw.pause());
  socket.on("resume", () => raw.resume());
}
