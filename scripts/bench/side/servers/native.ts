/** `Deno.serve` and `Bun.serve`. @module */
import { HOST, type Pair, type Ports, web } from "./shape.ts";

interface Native {
  readonly Deno?: {
    serve(options: object, handler: typeof web): { readonly addr: { readonly port: number } };
  };
  readonly Bun?: { serve(options: object): { readonly port: number } };
}
const { Deno, Bun } = globalThis as unknown as Native;

export function serve(pair: Pair): Promise<Ports> {
  const port = (tls: Partial<Pair>): number => {
    const where = { hostname: HOST, port: 0 };
    if (Deno) return Deno.serve({ ...where, ...tls, onListen() {} }, web).addr.port;
    if (Bun) return Bun.serve({ ...where, fetch: web, ...(tls.cert ? { tls } : {}) }).port;
    throw new Error("Node has no server of its own but node:http");
  };
  // Bun.serve has no HTTP/2.
  return Promise.resolve({ h1: port({}), h2: Deno ? port(pair) : 0 });
}
