/** Stream pools over HTTP/2, and pools of HTTP servers. @module */
export * from "./src/metrics/mod.ts";
export * from "./src/servers/mod.ts";
export * from "./src/streams/mod.ts";
