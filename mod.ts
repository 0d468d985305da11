/** Stream pools over HTTP/2. @module */
export * from "./src/streams/mod.ts";
