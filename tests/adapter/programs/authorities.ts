/** Run where the system trusts `other-ca.pem`: what a client makes of a server that this authority vouches for. @module */
import { systemClock } from "../../../src/adapter/clock.ts";
import { type ClientTrust, ConnectError } from "../../../src/adapter/contract.ts";
import { dial } from "../../../src/adapter/tls/dial.ts";
import { listenTls } from "../../../src/adapter/tls/listen.ts";
import * as certs from "../../support/certs.ts";

const common = { hostname: "127.0.0.1", clock: systemClock };
const listener = await listenTls({
  ...common,
  port: 0,
  identity: certs.foreign,
  handshakeTimeout: 600_000,
  maxHandshakes: 10,
  admit: () => true,
  accept: (transport) => transport.start({ data() {}, wrote() {}, closed() {} }),
  failed() {},
});
const { port } = listener.addr;
async function outcome(trust: ClientTrust): Promise<string> {
  try {
    const transport = await dial({ ...common, port, servername: "localhost", trust, timeout: 10_000 });
    transport.destroy();
    return "connected";
  } catch (error) {
    return error instanceof ConnectError ? error.kind : String(error);
  }
}
const system = await outcome({ mode: "verified" });
const given = await outcome({ mode: "verified", ca: certs.ca });
console.log(`system: ${system}, given: ${given}`);
await listener.close();
