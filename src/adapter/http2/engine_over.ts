/**
 * The portable engine over any way to dial and to listen: the real one is TLS, tests have a network in memory. @module
 */
import {
  ConnectError,
  type Connection,
  ConnectionClosedError,
  type ConnectionHandler,
  type ConnectOptions,
  type Engine,
  type Listener,
  type ListenOptions,
} from "../contract.ts";
import type { DialOptions } from "../tls/dial.ts";
import type { Handshake, ListenTlsOptions } from "../tls/listen.ts";
import type { Transport } from "../tls/transport.ts";
import { drive } from "./connection.ts";
import { H2Error, report } from "./errors.ts";
import { type ResolvedSettings, resolveSettings } from "./limits.ts";

/** Where transports come from. */
export interface Network {
  dial(options: DialOptions): Promise<Transport>;
  listen(options: ListenTlsOptions): Promise<Listener>;
}

/** The portable engine over a network. */
export function engineOver(network: Network): Engine {
  return {
    name: "portable",
    async connect(options) {
      const settings = resolveSettings(options.settings);
      const deadline = options.clock.now() + options.timeout;
      const transport = await network.dial(options);
      return await greet(transport, settings, deadline, options);
    },
    // deno-lint-ignore require-await -- a setting out of range is a rejection too
    async listen(options) {
      const settings = resolveSettings(options.settings);
      return network.listen({
        ...options,
        accept: (transport, handshake) => serve(transport, handshake, settings, options),
      });
    },
  };
}

/** Waits for the server's SETTINGS. */
function greet(
  transport: Transport,
  settings: ResolvedSettings,
  deadline: number,
  options: ConnectOptions,
): Promise<Connection> {
  const { clock, signal, handler, timeout } = options;
  const place = `${options.hostname}:${options.port}`;
  return new Promise((resolve, reject) => {
    const timer = clock.timer(Math.max(0, deadline - clock.now()), () => {
      fail(new ConnectError("timeout", `Cannot connect to ${place}: no HTTP/2 SETTINGS within ${timeout} ms`));
    });
    const aborted = (): void =>
      fail(new ConnectError("aborted", `Cannot connect to ${place}: aborted`, { cause: signal?.reason }));
    let settled = false;
    function settle(): void {
      settled = true;
      timer.cancel();
      signal?.removeEventListener("abort", aborted);
    }
    function fail(error: ConnectError): void {
      if (settled) return;
      settle();
      reject(error);
      connection.destroy();
    }
    signal?.addEventListener("abort", aborted);
    const connection = drive({
      role: "client",
      transport,
      clock,
      settings,
      greeting: {
        ready(connection) {
          settle();
          resolve(connection);
          return handler;
        },
        failed(error) {
          if (settled) return;
          settle();
          reject(asConnectError(error, place));
        },
      },
    });
    if (signal?.aborted === true) aborted();
  });
}

/** Owns what `accept` did not take. */
const NOBODY: ConnectionHandler = {
  channel: () => ({ headers() {}, data() {}, end() {}, accepted() {}, close() {} }),
  available() {},
  goaway() {},
  close() {},
};

function asConnectError(error: Error, place: string): ConnectError {
  const protocol = error instanceof ConnectionClosedError && error.cause instanceof H2Error;
  return new ConnectError(protocol ? "protocol" : "reset", `Cannot connect to ${place}: ${error.message}`, {
    cause: error,
  });
}

function serve(transport: Transport, handshake: Handshake, settings: ResolvedSettings, options: ListenOptions): void {
  drive({
    role: "server",
    transport,
    clock: options.clock,
    settings,
    greeting: {
      ready(connection) {
        handshake.done();
        try {
          return options.accept(connection);
        } catch (error) {
          report(error);
          connection.destroy();
          return NOBODY;
        }
      },
      failed: (error) => handshake.fail(error),
    },
  });
}
