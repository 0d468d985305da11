/**
 * The life of a server.
 *
 * @module
 */
import type { HttpListener, HttpService } from "../adapter/http/contract.ts";
import type { Phase, Transitions } from "../core/lifecycle.ts";
import type { Certificate } from "./certificate.ts";
import type { Draining } from "./draining.ts";
import type { ServerState } from "./types.ts";

/** From each state the states that may follow. */
export const SERVER_TRANSITIONS: Transitions<ServerState> = {
  stopped: ["starting", "disabled", "running"],
  starting: ["running", "failed", "stopped"],
  running: ["stopping", "running", "stopped", "disabled"],
  stopping: ["stopped", "disabled"],
  failed: ["starting", "stopped", "disabled", "running"],
  disabled: ["stopped", "starting", "running"],
};

/** What a running server has. */
export interface Running extends Phase<"running"> {
  readonly listener: HttpListener;
  readonly service: HttpService;
  certificate: Certificate | undefined;
  /** The clock's time since which it listens. */
  readonly since: number;
}

/** One state with what belongs to it. */
export type ServerPhase =
  | Phase<"stopped" | "disabled">
  | (Phase<"starting"> & { readonly cancel: AbortController })
  | Running
  | (Phase<"stopping"> & { readonly draining: Draining })
  | (Phase<"failed"> & { readonly error: Error });
