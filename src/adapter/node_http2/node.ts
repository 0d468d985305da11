/** What the engine has to know of Node: floor 22, measured with 22.23, 24.21 and 26.10. @module */
import { INTERNAL_ERROR } from "../http2/errors.ts";
import { MAX_31 } from "../http2/frames.ts";
import type { Rules } from "./rules.ts";

export const nodeRules: Rules = {
  capabilities: {
    // `request` and `respond` take an object; lists are taken by Node 24 and later only.
    rawFields: false,
    messageErrors: true,
    // nghttp2 drops such a field and goes on.
    fieldValues: false,
  },
  // A session that is destroyed inside a callback of a stream aborts the process (`onread->IsFunction()`) or is used after it
  // was freed, Node 24 and 26: nodejs/node#64850, #64113. Not reproduced here.
  destroy: "deferred",
  end: "at once",
  // N1: between two Nodes below 26 a window above the default stalls bulk both ways, each end waiting for its socket to take
  // more before it reads. Not over `wire.ts`, which always takes. Left at its default, nghttp2 ends the session of Node 26 over
  // what the engine's window allows in one read.
  connectionWindow: MAX_31,
  // nghttp2 always says GOAWAY.
  silentEnd: INTERNAL_ERROR,
  // A2: after 1,000 RST_STREAM in a burst nghttp2 ends a server's session (33 a second from then on, nghttp2/nghttp2#1984):
  // `resetBurst` decides here. A GOAWAY with a code would destroy every stream, those that the peer still answers too.
  endings: "kept away",
};
