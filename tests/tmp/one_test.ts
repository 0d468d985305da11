(globalThis as any).DBG=true;
import process from "node:process";
const pat=process.env.PAT!;
import { portableEngine } from "/opt/wt/platform/src/adapter/http2/engine.ts";
import { platformEngine } from "/opt/wt/platform/src/adapter/node_http2/engine.ts";
import { connectingContract } from "/opt/wt/platform/tests/adapter/contract/connecting.ts";
import { contractSuite } from "/opt/wt/platform/tests/adapter/contract.ts";
const which=process.env.W??"pp"; const e=(c:string)=>c==="p"?platformEngine:portableEngine;
contractSuite("x",{client:e(which[0]!),server:e(which[1]!)});
