/**
 * What the engine has to know of the runtime whose `node:http2` it stands on. The values are in `node.ts`, `deno.ts` and
 * `bun.ts`, each with what happens without it; tests make other ones to see it happen (`tests/adapter/node_http2`).
 *
 * What is alike on all of them has no switch:
 * - N1, B1: the runtime's flow control stalls, each in its own way. Its session sits on a Duplex of ours (`wire.ts`), so that
 *   it never waits for a socket; it is told of the largest windows, and its WINDOW_UPDATEs are dropped: the windows that the
 *   peer sees are the engine's (`inbound.ts`, `sender.ts`).
 * - A1: a stream that was reset or cut tells of `end` and of no error (nodejs/node#56627). How a stream ended is read off the
 *   wire, never from the runtime's events (`channel.ts`).
 * - A3: at the edge of its limit of streams a server of Node 22 and later refuses new ones with ENHANCE_YOUR_CALM, and over
 *   the peer's limit requests queue in silence. The runtime knows of no limits, the engine counts (`session.ts`).
 * - `error` without a listener ends the process: every session, stream and Duplex has one from its first turn.
 * - Data is delivered before the header block that came before it (Deno since 2.7.5). Data waits for the block.
 * - PING has a duration of 0 on Deno and whole milliseconds on Bun, no answer from a frozen peer, ten at most. The engine's
 *   own, with its own clock (`connection.ts`).
 * - TLS and then silence is never ended, and timeouts are coarse on Bun: the engine's own deadlines (`engine_over.ts`).
 * - `request()` after GOAWAY throws or emits: the engine's own state comes first.
 * - `socket.authorized` of Deno's servers, `errno` of Bun's: `../tls`, shared with the portable engine.
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
  /** The receive window that the session is told to have for the whole connection; undefined: it is not told. */
  readonly connectionWindow: number | undefined;
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
