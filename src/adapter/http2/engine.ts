/** The portable engine, the default on every runtime. @module */
import type { Engine } from "../contract.ts";
import { dial } from "../tls/dial.ts";
import { listenTls } from "../tls/listen.ts";
import { engineOver } from "./engine_over.ts";

/** HTTP/2 in TypeScript over TLS sockets. */
export const portableEngine: Engine = engineOver({ dial, listen: listenTls });
