/**
 * What the engine has to know of the runtime whose `node:http2` it stands on. The values are in `node.ts`, `deno.ts` and
 * `bun.ts`, each with what happens without it; tests make other ones to see it happen (`tests/adapter/node_http2`).
 *
 * What is alike on all of them has no switch; without it (measured with the versions named in those files):
 * - N1, B1: the runtime's flow control stalls, each in its own way. Its session sits on a Duplex of ours (`wire.ts`), so that
 *   it never waits for a socket. Its connection window stays at the default, and it is given data as far as that goes and
 *   as it gives it back (`feed.ts`); the windows that the peer sees are the engine's (`inbound.ts`, `sender.ts`).
 * - Its send windows are the largest, and filled up by what it has sent (`outbound.ts`).
 * - A1: a stream that was reset or cut tells of `end` and of no error (nodejs/node#56627). How a stream ended is read off the
 *   wire, never from the runtime's events (`channel.ts`).
 * - Over the peer's limit requests queue in silence. The engine counts (`session.ts`).
 * - A server that was not told allows 2^32-1 streams. The engine's greeting always has a limit.
 * - TLS and then silence is kept for ever, `unknownProtocolTimeout` does nothing. The engine's own deadline (`../tls/listen.ts`,
 *   `../http2/engine_over.ts`).
 * - PING has no answer from a frozen peer, and no eleventh is sent. The engine's own, with its own clock (`connection.ts`).
 * - `error` without a listener ends the process, but for Bun's streams. Every session, stream and Duplex has one from its
 *   first turn.
 * - A server that ends its side while nobody reads resets the stream, but Bun. There is always a reader (`channel.ts`).
 * - `request()` after GOAWAY or `close` throws (Node 22, Deno, Bun) or emits (Node 24, 26): the engine's own state comes first.
 *
 * @module
 */
import type { Capabilities } from "../contract.ts";
import { currentRuntime, type Runtime } from "../runtime.ts";
import { bunRules } from "./bun.ts";
import { denoRules } from "./deno.ts";
import { nodeRules } from "./node.ts";

/** The rules of one runtime. */
export interface Rules {
  /** What it cannot do. */
  readonly capabilities: Capabilities;
  /** How a session and its streams are destroyed: at once, or outside of every callback of theirs. */
  readonly destroy: "at once" | "deferred";
  /** How a stream's writable side is ended. */
  readonly end: "at once" | "deferred";
  /** How much data the session is given before it gives back its connection window. */
  readonly feedWindow: number;
  /** What the session is told that it may send, of a stream and altogether. */
  readonly sendWindow: number;
  /** After so many sent bytes it is told of as many more. */
  readonly topUp: number;
  /** What a session means by an end without GOAWAY, when it got nothing but what the engine had checked. */
  readonly silentEnd: number;
  /** Whether the peer's GOAWAY and RST_STREAM reach the session, or the engine alone. */
  readonly endings: "kept away" | "shown";
}

/** The rules of a runtime. */
export function rulesOf({ name }: Pick<Runtime, "name">): Rules {
  return { node: nodeRules, deno: denoRules, bun: bunRules }[name];
}

/** The rules of the runtime that runs this. */
export const currentRules: Rules = rulesOf(currentRuntime());
