// Not part of the suite: harness_test.ts runs it, and expects the leak that LEAK names to fail it.
import { spawn } from "node:child_process";
import { type AddressInfo, connect, createServer } from "node:net";
import process from "node:process";
import { test } from "../harness.ts";

const TIMEOUT = process.env.LEAK === "late" ? 50 : 5_000;

test("leaves something open", { timeout: TIMEOUT }, async (t) => {
  switch (process.env.LEAK) {
    case "listener":
      await new Promise<void>((resolve) => createServer().listen(0, "127.0.0.1", resolve));
      break;
    case "timer":
      setTimeout(() => {}, 60_000).unref?.();
      break;
    case "interval":
      setInterval(() => {}, 60_000);
      break;
    case "child":
      spawn("sleep", ["20"], { stdio: "ignore" }).unref();
      break;
    case "connection": {
      const server = createServer((socket) => void server.close(() => socket.destroy()));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      connect((server.address() as AddressInfo).port, "127.0.0.1");
      await new Promise((resolve) => server.once("connection", resolve));
      break;
    }
    case "cleanup":
      t.cleanup(() => {
        throw new Error("cannot clean up");
      });
      break;
    case "signal":
      process.on("SIGTERM", () => {});
      break;
    case "uncaught":
      queueMicrotask(() => {
        throw new Error("nobody caught this");
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
      break;
    case "rejection":
      Promise.reject(new Error("nobody caught this"));
      await new Promise((resolve) => setTimeout(resolve, 20));
      break;
    case "late":
      await new Promise(() => {});
      break;
  }
});
