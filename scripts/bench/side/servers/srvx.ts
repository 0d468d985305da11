/** `srvx`. @module */
import { serve as start } from "srvx";
import { HOST, type Pair, type Ports, web } from "./shape.ts";

export async function serve(tls: Pair): Promise<Ports> {
  const port = async (more: object): Promise<number> => {
    const server = start({ fetch: web, hostname: HOST, port: 0, silent: true, gracefulShutdown: false, ...more });
    await server.ready();
    return Number(new URL(server.url!).port);
  };
  return { h1: await port({}), h2: "Bun" in globalThis ? 0 : await port({ tls }) };
}
