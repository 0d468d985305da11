/**
 * Asks a server of this process whether it answers.
 *
 * @module
 */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { joinAddress } from "../address.ts";
import type { Clock } from "../contract.ts";
import { probeH2 } from "./probe_h2.ts";

/** What is asked. */
export interface ProbeTarget {
  readonly hostname: string;
  readonly port: number;
  /** Ask for this; undefined: only whether a TCP connection is accepted. */
  readonly path: string | undefined;
  readonly secure: "http" | "https";
  readonly protocol: "h1" | "h2";
  /** For all of it, milliseconds. */
  readonly timeout: number;
  readonly clock: Clock;
}

/** The answer's status; undefined when only a connection was asked for. Rejects with a sentence that says what was wrong. */
export type Probe = (target: ProbeTarget) => Promise<{ readonly status: number | undefined }>;

/** A head that has not ended by then is none. */
const LONGEST_HEAD = 65_536;

/** Over sockets. The certificate is not checked: the server is asked by its address, and it is this process's own. */
export const probe: Probe = (target) => {
  if (target.path === undefined || target.protocol === "h1") return ask(target);
  // HTTP/2 by prior knowledge has no client here: that the port is open must do.
  return target.secure === "https" ? probeH2(target) : ask({ ...target, path: undefined });
};

function ask({ hostname, port, path, secure, timeout, clock }: ProbeTarget): Promise<{ status: number | undefined }> {
  return new Promise((resolve, reject) => {
    const wrapped = path !== undefined && secure === "https";
    const socket: Socket = wrapped
      ? connectTls({ host: hostname, port, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] })
      : connectTcp({ host: hostname, port });
    const timer = clock.timer(timeout, () => over(new Error(`no answer within ${timeout} ms`)));
    let head = "";
    let settled = false;
    function over(result: Error | { status: number | undefined }): void {
      if (settled) return;
      settled = true;
      timer.cancel();
      socket.destroy();
      if (result instanceof Error) reject(result);
      else resolve(result);
    }
    socket.on(
      "error",
      (error: Error & { code?: string }) => over(new Error(error.code ?? error.message, { cause: error })),
    );
    socket.on("close", () => over(new Error("it closed the connection without an answer")));
    socket.once(wrapped ? "secureConnect" : "connect", () => {
      if (path === undefined) return over({ status: undefined });
      const host = joinAddress({ hostname, port });
      socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nuser-agent: h2pool-health\r\nconnection: close\r\n\r\n`);
    });
    socket.on("data", (chunk: Uint8Array) => {
      head += new TextDecoder("latin1").decode(chunk);
      const status = /^HTTP\/1\.[01] ([2-5]\d\d)[^\n]*\n/.exec(head)?.[1];
      if (status !== undefined) over({ status: Number(status) });
      else if (head.length > LONGEST_HEAD || !"HTTP/1.".startsWith(head.slice(0, 7))) {
        over(new Error("its answer is not HTTP"));
      }
    });
  });
}
