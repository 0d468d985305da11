import { portableEngine } from "../../src/adapter/http2/engine.ts";
import { contractSuite } from "./contract.ts";

contractSuite("portable", { server: portableEngine, client: portableEngine });
