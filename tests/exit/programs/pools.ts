// Both pools, a stream in use and idle ones, closed in order: no timer, socket or heartbeat may be left.
import { ClientPool, ServerPool } from "../../../mod.ts";
import { ca, server } from "../../support/certs.ts";

const there = new ServerPool({ listen: "127.0.0.1:0", tls: server, keepAlive: 600_000 });
await there.start();
const here = new ClientPool({
  address: `127.0.0.1:${there.addr?.port}`,
  hostname: "localhost",
  tls: { ca },
  keepAlive: 600_000,
});
await here.start();
await here.filled(2);
const theirs = await there.incomingGet();
const ours = await here.outgoingGet(theirs.id);
await ours.write(new Uint8Array(1000));
await ours.closeWrite();
const into = new Uint8Array(4096);
while (await theirs.read(into) !== null);
theirs.close();
await theirs.closed;
const unused = await there.incomingGet();
await here.close();
await there.close();
await unused.closed;
console.log("closed");
