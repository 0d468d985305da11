/**
 * Asks a server that speaks HTTP/2 only whether it answers.
 *
 * @module
 */
import { joinAddress } from "../address.ts";
import type { ChannelHandler, Connection, Fields } from "../contract.ts";
import { defaultEngine } from "../engine.ts";
import type { ProbeTarget } from "./probe.ts";

/** Over TLS, by the portable engine. The certificate is not checked, as in `probe`. */
export async function probeH2(target: ProbeTarget): Promise<{ readonly status: number | undefined }> {
  const { hostname, port, path, timeout, clock } = target;
  const until = clock.now() + timeout;
  const connection = await defaultEngine.connect({
    hostname,
    port,
    servername: hostname,
    trust: { mode: "insecure" },
    clock,
    timeout,
    handler: {
      channel: () => ({ headers() {}, data: () => "used" as const, end() {}, accepted() {}, close() {} }),
      available() {},
      goaway() {},
      close() {},
    },
  });
  try {
    const head = [
      ":method",
      "GET",
      ":scheme",
      "https",
      ":authority",
      joinAddress({ hostname, port }),
      ":path",
      path ?? "/",
    ];
    return { status: await ask(connection, [...head, "user-agent", "h2pool-health"], until, target) };
  } finally {
    connection.destroy();
  }
}

function ask(connection: Connection, fields: Fields, until: number, { clock, timeout }: ProbeTarget): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(
      Math.max(0, until - clock.now()),
      () => reject(new Error(`no answer within ${timeout} ms`)),
    );
    const handler: ChannelHandler = {
      headers(answer, kind) {
        if (kind !== "response") return;
        timer.cancel();
        resolve(Number(answer[answer.indexOf(":status") + 1]));
      },
      data: () => "used",
      end() {},
      accepted() {},
      close() {
        timer.cancel();
        reject(new Error("it ended the request without an answer"));
      },
    };
    connection.open(fields, handler, "none");
  });
}
