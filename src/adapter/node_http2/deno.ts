/** What the engine has to know of Deno: floor 2.9, measured with 2.9.6. @module */
import { INTERNAL_ERROR } from "../http2/errors.ts";
import { WINDOWS } from "./native.ts";
import type { Rules } from "./rules.ts";

export const denoRules: Rules = {
  capabilities: {
    // `request` and `respond` take an object.
    rawFields: false,
    // Deno ends the session (GOAWAY PROTOCOL_ERROR) where nghttp2 reports an invalid frame, which Node answers with
    // RST_STREAM alone (2.9.6). There is no option for it.
    messageErrors: false,
    // nghttp2 drops such a field and goes on.
    fieldValues: false,
  },
  // D1, D2: what nghttp2 has freed is freed again when `session.close`, `session.destroy`, `stream.destroy` or `stream.close`
  // run inside a callback of it; the process dies by a signal (2.9.4 to 2.9.6).
  destroy: "deferred",
  // D2: the same with `stream.end`, where the peer resets a stream with a large window at its end.
  end: "deferred",
  // D2 wants enlarged windows on both sides: the connection's is the default. Those of its streams are the largest, since
  // they cannot be given back before a stream has a reader; what else D2 wants, a peer's RST_STREAM, never gets here.
  ...WINDOWS,
  // nghttp2 says GOAWAY of itself.
  silentEnd: INTERNAL_ERROR,
  // `data` comes before the `response` that was first on the wire (since 2.7.5): it waits for it (`channel.ts`). PING took 0 ms:
  // own clock. `socket.authorized` is true on a server that asked for no certificate: `../tls/dial.ts` (all 2.9.6).
  // D1: GOAWAY without an open stream kills the process inside of nghttp2, before any JavaScript runs
  // (denoland/deno#36788; 2.9.4 to 2.9.6). D2: so does RST_STREAM at the end of a stream with a large window, which any peer
  // can send. What Deno does not see cannot do that.
  endings: "kept away",
};
