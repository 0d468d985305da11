/** A client pool in a process of its own, to be killed and frozen: `client_program.ts PORT`. Echoes the streams whose ids it is told. */
import process from "node:process";
import { createInterface } from "node:readline";
import { ClientPool } from "../../../src/streams/mod.ts";
import { clientTls } from "../support.ts";

const pool = new ClientPool({
  address: `127.0.0.1:${process.argv[2]}`,
  hostname: "localhost",
  tls: clientTls,
  keepAlive: 400,
  pingTimeout: 300,
  backoff: { initial: 50, max: 100 },
});
pool.addEventListener("disconnect", () => console.log("disconnected"));
pool.addEventListener("connect", () => console.log("connected"));
await pool.start();
for await (const id of createInterface({ input: process.stdin })) {
  const stream = await pool.outgoingGet(id);
  stream.readable.pipeTo(stream.writable).catch(({ code }) => console.log(`${id} ${code}`));
}
