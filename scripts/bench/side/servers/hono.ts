/** `@hono/node-server`, with a bare function instead of an application. @module */
import { createSecureServer } from "node:http2";
import { serve as start } from "@hono/node-server";
import { HOST, type Pair, type Ports, web } from "./shape.ts";

export async function serve(pair: Pair): Promise<Ports> {
  const port = (more: object): Promise<number> =>
    new Promise((resolve) => {
      start({ fetch: web, hostname: HOST, port: 0, ...more }, (address) => resolve(address.port));
    });
  return { h1: await port({}), h2: await port({ createServer: createSecureServer, serverOptions: pair }) };
}
