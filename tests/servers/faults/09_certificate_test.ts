// Fault 9: a certificate stays until the process ends.
import { connect } from "node:tls";
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as certs from "../../support/certs.ts";
import { spkiPin } from "../../../src/adapter/tls/certificate.ts";
import { test } from "../../support/harness.ts";
import { realPool } from "../sockets/support.ts";

const pair = ({ cert, key }: { cert: string; key: string }): { cert: string; key: string } => ({ cert, key });

/** The pin of the key that the server shows. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: "127.0.0.1",
      port,
      ca: certs.ca,
      servername: "localhost",
      ALPNProtocols: ["http/1.1"],
    });
    socket.on("error", reject);
    socket.on("secureConnect", () => {
      resolve(spkiPin(new Uint8Array(socket.getPeerCertificate().raw)));
      socket.destroy();
    });
  });
}

test("server fault 9: certificates can be renewed, without dropping a connection", async (t) => {
  let answer = (): void => {};
  const pool = realPool(t, {
    servers: [{ name: "a", listen: "127.0.0.1:0", tls: pair(certs.server), protocols: ["h1"] }],
    handler: () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode("first "));
            answer = () => {
              controller.enqueue(new TextEncoder().encode("second"));
              controller.close();
            };
          },
        }),
      ),
  });
  await pool.start();
  const a = pool.get("a")!;
  const port = Number(a.bind.split(":")[1]);
  assertEquals(await shown(port), certs.server.pin);

  const open = connect({ host: "127.0.0.1", port, ca: certs.ca, servername: "localhost", ALPNProtocols: ["http/1.1"] });
  t.cleanup(() => open.destroy());
  let got = "";
  open.setEncoding("utf8").on("data", (chunk: string) => got += chunk);
  open.write("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
  while (!got.includes("first")) await new Promise((resolve) => setTimeout(resolve, 1));

  a.renewCertificate(pair(certs.renewed));
  assertEquals(await shown(port), certs.renewed.pin);
  const ended = new Promise((resolve) => open.once("end", resolve));
  answer();
  await ended;
  assert(got.includes("second"), got);

  assertThrows(() => a.renewCertificate({ cert: certs.server.cert, key: certs.renewed.key }));
  assertEquals(await shown(port), certs.renewed.pin);
  await pool.restart({ grace: 0 });
  assertEquals(await shown(Number(a.bind.split(":")[1])), certs.renewed.pin, "a restart keeps it");
});
