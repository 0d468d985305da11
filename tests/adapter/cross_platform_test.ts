// test-timeout: 300 s
import { portableEngine } from "../../src/adapter/http2/engine.ts";
import { platformEngine } from "../../src/adapter/node_http2/engine.ts";
import { crossContract } from "./contract/crossing.ts";

crossContract("node:http2", { client: platformEngine, server: platformEngine });
crossContract("portable client, node:http2 server", { client: portableEngine, server: platformEngine });
crossContract("node:http2 client, portable server", { client: platformEngine, server: portableEngine });
