// Pools that are still open, but were told not to hold the process.
import { ClientPool, ServerPool } from "../../../mod.ts";
import { ca, server } from "../../support/certs.ts";

const there = new ServerPool({ listen: "127.0.0.1:0", tls: server });
await there.start();
const here = new ClientPool({ address: `127.0.0.1:${there.addr?.port}`, hostname: "localhost", tls: { ca } });
await here.start();
await here.filled();
here.unref();
there.unref();
console.log("closed");
