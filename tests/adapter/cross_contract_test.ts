import { portableEngine } from "../../src/adapter/http2/engine.ts";
import { crossContract } from "./contract/crossing.ts";

crossContract("portable", { client: portableEngine, server: portableEngine });
