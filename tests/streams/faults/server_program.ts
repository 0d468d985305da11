/** A server pool in a process of its own, to be killed and frozen: `server_program.ts PORT`. Echoes what it takes when asked to. */
import process from "node:process";
import { ServerPool } from "../../../src/streams/mod.ts";
import { serverTls } from "../support.ts";

const pool = new ServerPool({ listen: `127.0.0.1:${process.argv[2]}`, tls: serverTls, keepAlive: 1_000 });
await pool.start();
console.log(`listening ${pool.addr!.port}`);
for await (const stream of pool) {
  console.log(`took ${stream.id}`);
  stream.readable.pipeTo(stream.writable).catch(() => {});
  if (process.argv[3] === "one") break;
}
await pool.closed;
