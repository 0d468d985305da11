/**
 * Opening a port: a range tried from its first, a busy one tried again for a moment.
 *
 * @module
 */
import { ConnectError } from "../adapter/contract.ts";
import type { HttpListener, HttpService } from "../adapter/http/contract.ts";
import { sleep } from "../core/sleep.ts";
import type { ListenAddress } from "./config/address.ts";
import { tlsError } from "./certificate.ts";
import type { ServerEnvironment } from "./environment.ts";
import { ServerError } from "./errors.ts";

/** A predecessor that has just been told to go needs about so long, in milliseconds. */
const BUSY_FOR = 1_000;
const FIRST_PAUSE = 25;
const LONGEST_PAUSE = 200;

/** What is to be opened. */
export interface Opening {
  readonly name: string;
  readonly address: ListenAddress;
  readonly reusePort: boolean;
  readonly service: HttpService;
}

/** Opens the port. `signal` ends the waiting for a busy one. Rejects with `ERR_SERVER_LISTEN` or `ERR_SERVER_TLS`. */
export async function openListener(
  { adapter, clock }: ServerEnvironment,
  opening: Opening,
  signal: AbortSignal,
): Promise<HttpListener> {
  const until = clock.now() + BUSY_FOR;
  for (let pause = FIRST_PAUSE;; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      return await openFirst();
    } catch (error) {
      if (codeOf(error) !== "EADDRINUSE" || clock.now() + pause > until) throw listenError(opening, error);
      if (!await sleep(clock, pause, signal)) throw listenError(opening, error);
    }
  }

  async function openFirst(): Promise<HttpListener> {
    const { address: { hostname, port, last }, reusePort, service } = opening;
    for (let next = port;; next++) {
      try {
        return await adapter.listen({ ...service, hostname, port: next, reusePort, clock });
      } catch (error) {
        if (codeOf(error) !== "EADDRINUSE" || next === last || signal.aborted) throw error;
      }
    }
  }
}

/** As an error of the server. */
export function listenError({ name, address }: Pick<Opening, "name" | "address">, cause: unknown): ServerError {
  if (cause instanceof ServerError) return cause;
  if (cause instanceof ConnectError) return tlsError(name, cause);
  const code = codeOf(cause);
  const why = REASONS[code ?? ""];
  const message = cause instanceof Error ? cause.message : String(cause);
  const said = why === undefined ? message : `${why} (${code})`;
  return new ServerError("ERR_SERVER_LISTEN", name, `Server "${name}" cannot listen on ${address.text}: ${said}`, {
    cause,
  });
}

const REASONS: Readonly<Record<string, string | undefined>> = {
  EADDRINUSE: "the address is in use",
  EACCES: "not permitted",
  EADDRNOTAVAIL: "the address is not one of this machine",
  ENOTFOUND: "the name has no address",
};

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}
