/**
 * An engine over any way to dial and to listen: the real one is TLS, tests have a network in memory. @module
 */
import {
  type ConnectError,
  type Connection,
  ConnectionClosedError,
  type ConnectionHandler,
  type ConnectOptions,
  type Engine,
  type Listener,
  type ListenOptions,
} from "../contract.ts";
import { asConnectError, connectError, refusedCertificate } from "../tls/connect_error.ts";
import { type DialOptions, dialTarget } from "../tls/dial.ts";
import type { Handshake, ListenTlsOptions } from "../tls/listen.ts";
import type { Transport } from "../tls/transport.ts";
import { drive, type DriveOptions } from "./connection.ts";
import { codeName, H2Error, INADEQUATE_SECURITY, report } from "./errors.ts";
import { GOAWAY, HEAD, writeHead } from "./frames.ts";
import { type ResolvedSettings, resolveSettings } from "./limits.ts";

/** Where transports come from. */
export interface Network {
  dial(options: DialOptions): Promise<Transport>;
  listen(options: ListenTlsOptions): Promise<Listener>;
}

/** What speaks HTTP/2 over a transport. */
export interface Protocol {
  readonly name: Engine["name"];
  readonly capabilities: Engine["capabilities"];
  drive(options: DriveOptions): Connection;
}
const PORTABLE: Protocol = {
  name: "portable",
  capabilities: { rawFields: true, messageErrors: true, fieldValues: true },
  drive,
};

/** An engine over a network, by default the portable one. */
export function engineOver(network: Network, protocol: Protocol = PORTABLE): Engine {
  return {
    name: protocol.name,
    capabilities: protocol.capabilities,
    async connect(options) {
      const settings = resolveSettings(options.settings);
      const deadline = options.clock.now() + options.timeout;
      const transport = await network.dial(options);
      return await greet(protocol, transport, settings, deadline, options);
    },
    // deno-lint-ignore require-await -- a setting out of range is a rejection too
    async listen(options) {
      const settings = resolveSettings(options.settings);
      return network.listen({
        ...options,
        farewell: CERTIFICATE_REFUSED,
        accept: (transport, handshake) => serve(protocol, transport, handshake, settings, options),
      });
    },
  };
}

/** GOAWAY INADEQUATE_SECURITY, instead of a server's first SETTINGS. */
const CERTIFICATE_REFUSED = new Uint8Array(HEAD + 8);
writeHead(CERTIFICATE_REFUSED, 0, 8, GOAWAY, 0, 0);
CERTIFICATE_REFUSED[HEAD + 7] = INADEQUATE_SECURITY;

/** Waits for the server's SETTINGS. */
function greet(
  protocol: Protocol,
  transport: Transport,
  settings: ResolvedSettings,
  deadline: number,
  options: ConnectOptions,
): Promise<Connection> {
  const { clock, signal, handler, timeout } = options;
  const target = dialTarget(options);
  return new Promise((resolve, reject) => {
    const timer = clock.timer(Math.max(0, deadline - clock.now()), () => {
      fail(connectError("timeout", target, `no HTTP/2 SETTINGS within ${Math.ceil(timeout)} ms`));
    });
    const aborted = (): void => fail(connectError("aborted", target, "aborted", signal?.reason));
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
    const connection = protocol.drive({
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
          reject(failure(error, options));
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

/** What ended a connection before its SETTINGS: the peer's HTTP/2, or whatever the transport said last. */
function failure(error: Error, options: ConnectOptions): ConnectError {
  const cause = error instanceof ConnectionClosedError && error.code === undefined ? error.cause : error;
  if (error instanceof ConnectionClosedError && error.code === INADEQUATE_SECURITY) {
    return refusedCertificate(dialTarget(options), error, codeName(INADEQUATE_SECURITY));
  }
  if (cause instanceof H2Error || cause instanceof ConnectionClosedError) {
    return connectError("protocol", dialTarget(options), error.message, error);
  }
  return asConnectError(cause, dialTarget(options));
}

function serve(
  protocol: Protocol,
  transport: Transport,
  handshake: Handshake,
  settings: ResolvedSettings,
  options: ListenOptions,
): void {
  protocol.drive({
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
