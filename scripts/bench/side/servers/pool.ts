/** `HttpServerPool` with a fetch-style handler, or ("pool-node") a Node-style one. @module */
import { type Handler, HttpServerPool, type NodeHandler } from "../../../../mod.ts";
import { HOST, type Implementation, node, type Pair, type Ports, web } from "./shape.ts";

export function styled(style: string | undefined): Implementation {
  return { serve: (pair) => serve(pair, style === "node" ? { node: node as NodeHandler } : web) };
}

async function serve(tls: Pair, handler: Handler): Promise<Ports> {
  const pool = new HttpServerPool({
    handler,
    servers: [{ name: "h1", listen: `${HOST}:0` }, { name: "h2", listen: `${HOST}:0`, tls }],
  });
  await pool.start();
  const port = (name: string): number => Number(pool.get(name)!.bind.split(":").at(-1));
  return { h1: port("h1"), h2: port("h2") };
}
