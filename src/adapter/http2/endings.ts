/** What both engines say about a connection's end: one wording, one rule for what is orderly. @module */
import { ConnectionClosedError } from "../contract.ts";
import { codeName, NO_ERROR } from "./errors.ts";

/** A connection whose transport is gone. */
export interface Ended {
  /** The peer's GOAWAY, if there was one. */
  readonly away: { readonly code: number } | undefined;
  /** Streams that were open. */
  readonly open: number;
  /** We had ended it ourselves, or had announced that we would. */
  readonly ending: boolean;
  readonly leaving: boolean;
  readonly midFrame: boolean;
  /** The transport's; undefined for a FIN. */
  readonly error: Error | undefined;
}

/**
 * What the owner is told; undefined for an orderly end. A peer that went away with an error code did not part in order, even
 * if no stream was open any more.
 */
export function endError({ away, open, ending, leaving, midFrame, error }: Ended): ConnectionClosedError | undefined {
  const orderly = open === 0 && (away === undefined || away.code === NO_ERROR) &&
    (ending || (error === undefined && (leaving || away !== undefined)));
  if (orderly) return undefined;
  const code = away?.code;
  const after = code === undefined ? "" : ` after GOAWAY ${codeName(code)}`;
  const within = midFrame ? " in the middle of a frame" : "";
  const message = error === undefined
    ? `the peer closed the connection${after}${within}`
    : `the connection was lost${after}: ${error.message}`;
  return new ConnectionClosedError(message, { code, cause: error });
}

/** A connection on which nothing can be opened. */
export interface Unopenable {
  readonly client: boolean;
  readonly over: boolean;
  readonly wentAway: { readonly code: number } | undefined;
  readonly leaving: string;
  readonly ids: { readonly left: number };
  readonly peerMaxStreams: number;
}

/** Why not. */
export function whyNotOpen({ client, over, wentAway, leaving, ids, peerMaxStreams }: Unopenable): string {
  if (!client) return "a server does not open streams";
  if (over) return "the connection is closed";
  if (wentAway !== undefined) return `the peer sent GOAWAY ${codeName(wentAway.code)}`;
  if (leaving !== "no") return "the connection is being closed";
  return ids.left === 0 ? "the stream identifiers are used up" : `the peer allows ${peerMaxStreams} streams at once`;
}
