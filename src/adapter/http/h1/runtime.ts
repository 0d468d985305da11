/**
 * What `node:http` needs on the three runtimes to serve sockets that another server accepted.
 *
 * Bun 1.4 has two servers in `node:http`: one in native code behind `listen`, and llhttp in JavaScript for sockets that
 * are given to it. The first needs about half the CPU time for a request, and cannot be what a listener stands on: it
 * tells of a connection only with its first bytes (so nobody can count, time or close one that says nothing), counts no
 * bytes, cannot be given a TLS socket that has agreed on HTTP/1.1, and its port is its own for good.
 *
 * @module
 */
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

/** The socket of the system under one of ours. */
interface Handle {
  readStop?(): void;
  readStart?(): void;
}
type Layered = { _parent?: { _handle?: Handle } };

/**
 * Deno 2.9 goes on reading below a TLS socket that is paused, into memory. Of what could stop it (`pause` of the TCP
 * socket among it), only stopping the system's socket does, and only at once.
 */
export function pace(socket: Socket): void {
  if (name !== "deno") return;
  const raw = (socket as Layered)._parent;
  if (!raw) return;
  socket.on("pause", () => raw._handle?.readStop?.());
  // It also comes late, for a `resume` that a `pause` has followed.
  socket.on("resume", () => {
    if (!socket.isPaused()) raw._handle?.readStart?.();
  });
}
