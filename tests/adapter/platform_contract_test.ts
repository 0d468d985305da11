// test-timeout: 300 s
import { portableEngine } from "../../src/adapter/http2/engine.ts";
import { platformEngine } from "../../src/adapter/node_http2/engine.ts";
import { contractSuite } from "./contract.ts";

contractSuite("node:http2", { server: platformEngine, client: platformEngine });
contractSuite("portable client, node:http2 server", { server: platformEngine, client: portableEngine });
contractSuite("node:http2 client, portable server", { server: portableEngine, client: platformEngine });
