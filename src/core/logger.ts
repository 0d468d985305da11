/**
 * Where pools log.
 *
 * @module
 */

/**
 * Takes log lines. `console` is one.
 *
 * @example
 * ```ts
 * import { ClientPool } from "@x/h2pool";
 *
 * new ClientPool({ address: "server.example:8443", logger: console });
 * ```
 */
export interface Logger {
  /** Details. */
  debug(m: string, f?: object): void;
  /** What happens in normal operation. */
  info(m: string, f?: object): void;
  /** What the pool gets over by itself. */
  warn(m: string, f?: object): void;
  /** What somebody should look at. */
  error(m: string, f?: object): void;
}
