/** Clients that go away at any time: the process lives, and the counters end at nothing. @module */
import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { test, type TestContext } from "../../support/harness.ts";
import { certs, exchange, serve, statuses } from "./support.ts";

/** What clients send, whole or not. */
const SENT: readonly string[] = [
  "GET /now HTTP/1.1\r\nhost: a\r\n\r\n",
  "GET /later HTTP/1.1\r\nhost: a\r\n\r\n",
  "GET /stream HTTP/1.1\r\nhost: a\r\n\r\n",
  "GET /now HTTP/1.1\r\nhost: a\r\n\r\n".repeat(5),
  `POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n${"x".repeat(100_000)}`,
  "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n",
  "POST /ignored HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 100000\r\n\r\n",
  "GET /throws HTTP/1.1\r\nhost: a\r\n\r\n",
  "GET /fails HTTP/1.1\r\nhost: a\r\n\r\n",
  "NOT HTTP\r\n\r\n",
];

async function fetch(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/later") await new Promise((resolve) => setTimeout(resolve, 10));
  if (pathname === "/echo") return new Response(request.body);
  if (pathname === "/throws") throw new Error("boo");
  if (pathname === "/stream" || pathname === "/fails") {
    let n = 0;
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          controller.enqueue(new Uint8Array(20_000));
          if (++n === 20) pathname === "/fails" ? controller.error(new Error("boo")) : controller.close();
        },
      }),
    );
  }
  return new Response("x");
}

for (const how of ["plain", "tls"] as const) {
  test(`chaos: 300 clients that leave at any time (${how})`, { timeout: 60_000 }, async (t) => {
    // A generator of numbers that look random, the same in every run.
    let seed = 42;
    const below = (n: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor(seed / 65_536) % n;
    };
    const { port, listener, owner } = await serve(t, { fetch }, how === "tls" ? { tls: certs.server } : {});
    const one = (): Promise<void> => leave(t, port, how, SENT[below(SENT.length)]!, below(40), below(3));
    for (let i = 0; i < 15; i++) await Promise.all(Array.from({ length: 20 }, one));
    for (let i = 0; (listener.inFlight > 0 || listener.connections > 0) && i < 1_000; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assertEquals([listener.inFlight, listener.connections, owner.outcomes.length], [0, 0, owner.begun]);
    assertEquals(owner.failures.filter(({ message }) => message !== "boo"), []);
    const last = "GET /now HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assertEquals(statuses(await exchange(t, port, last, how)), [200]);
  });
}

/** Connects, sends some of it, and goes: by FIN, by reset, or as soon as there is a first byte. */
function leave(
  t: TestContext,
  port: number,
  how: "plain" | "tls",
  text: string,
  after: number,
  by: number,
): Promise<void> {
  const target = { port, host: "127.0.0.1" };
  const tcp: Socket = connectTcp(target);
  const socket = how === "plain" ? tcp : connectTls({ socket: tcp, servername: "localhost", ca: certs.ca as string });
  t.cleanup(() => tcp.destroy());
  return new Promise((resolve) => {
    tcp.on("error", () => {});
    socket.on("error", () => {});
    tcp.on("close", () => resolve());
    const go = (): void => {
      if (by === 0) socket.end();
      else if (by === 1) tcp.resetAndDestroy();
      else socket.destroy();
      setTimeout(() => {
        socket.destroy();
        tcp.destroy();
      }, 50);
    };
    socket.write(Buffer.from(after % 2 === 0 ? text : text.slice(0, text.length >> 1)));
    socket.resume();
    if (after < 5) socket.once("data", go);
    setTimeout(go, after);
  });
}
