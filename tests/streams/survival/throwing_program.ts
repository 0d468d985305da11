/** Pools whose user's functions all throw: run by api_pool_test.ts in a process of its own; prints what happened as JSON. */
import process from "node:process";
import { ClientPool, ServerPool } from "../../../src/streams/mod.ts";
import { clientTls, serverTls } from "../support.ts";

const uncaught = new Set<string>();
process.on("uncaughtException", (error: Error) => uncaught.add(error.message));
process.on("unhandledRejection", (error: Error) => uncaught.add(`rejection: ${error.message}`));

const fail = (what: string) => (): never => {
  throw new Error(what);
};
const logger = { debug: fail("logger"), info: fail("logger"), warn: fail("logger"), error: fail("logger") };
let refuse: (() => void) | undefined;
const server = new ServerPool({
  listen: "127.0.0.1:0",
  tls: serverTls,
  logger,
  authorize: () => {
    if (refuse === undefined) return true;
    refuse();
    return fail("authorize")();
  },
});
await server.start();
const client = new ClientPool({
  address: `127.0.0.1:${server.addr!.port}`,
  hostname: "localhost",
  tls: clientTls,
  logger,
  minCapacity: 2,
  maxCapacity: 4,
  minInterval: 20,
  maxInterval: 50,
  backoff: { initial: 20, max: 50 },
});
for (const pool of [server, client]) {
  for (const type of ["connect", "stream", "disconnect", "evict", "error", "resize", "close"]) {
    pool.addEventListener(type, fail(type));
  }
}
await client.start();
let echoed = 0;
(async () => {
  for await (const stream of server) stream.readable.pipeTo(stream.writable).catch(() => {});
})();
for (let i = 0; i < 20; i++) {
  if (i === 5) server.disconnect(server.connections()[0]!, new Error("cut"));
  if (i === 10) client.flush();
  if (i === 12) {
    const refused = new Promise<void>((resolve) => refuse = resolve);
    client.flush();
    await refused;
    refuse = undefined;
  }
  const stream = await client.incomingGet();
  try {
    await stream.write(Uint8Array.of(i));
    if (await stream.read(new Uint8Array(1)) === 1) echoed++;
    stream.close();
  } catch {
    i--;
  }
}
const states = [server.state, client.state];
await client.close();
await server.close();
await new Promise((resolve) => setTimeout(resolve, 20));
console.log(
  `result ${JSON.stringify({ uncaught: [...uncaught], states, echoed, closed: [server.state, client.state] })}`,
);
