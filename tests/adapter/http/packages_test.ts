/** The packages of package.json are there on every runtime (scripts/matrix/packages.ts). @module */
import { assertEquals } from "@std/assert";
import { Hono } from "hono";
import { WebSocketServer } from "ws";
import { test } from "../../support/harness.ts";

test("packages from npm: ESM and CommonJS", () => {
  assertEquals(typeof Hono, "function");
  assertEquals(typeof WebSocketServer, "function");
});
