/** Which protocol the client of a plain connection begins with. @module */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";

/** RFC 9113 section 3.4: what a client with prior knowledge begins with, and what no HTTP/1.1 server takes for a request. */
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** Calls back with the protocol once the first bytes tell. They are then still to be read. */
export function sniff(socket: Socket, then: (protocol: "h1" | "h2") => void): void {
  let seen: Uint8Array = new Uint8Array(0);
  socket.on("data", look);
  function look(chunk: Uint8Array): void {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const start = Buffer.from(seen.buffer, seen.byteOffset, Math.min(seen.length, PREFACE.length)).toString("latin1");
    const prior = PREFACE.startsWith(start);
    if (prior && start.length < PREFACE.length) return;
    socket.off("data", look);
    socket.pause();
    socket.unshift(seen);
    then(prior ? "h2" : "h1");
  }
}
