import { portableEngine } from "/opt/wt/platform/src/adapter/http2/engine.ts";
import { platformEngine } from "/opt/wt/platform/src/adapter/node_http2/engine.ts";
import { ends, ok, settled } from "/opt/wt/platform/tests/adapter/contract/setup.ts";
const t: any = { cleanup() {} };
const which = process.argv[2] ?? "pp";
const e = (c: string) => c === "p" ? platformEngine : portableEngine;
import process from "node:process";
const { pair, client, server } = await ends(t, { client: e(which[0]!), server: e(which[1]!) });
for (const code of [0, 1, 2, 5, 8, 11, 13, 0xdeadbeef]) {
  for (const side of ["near", "far"] as const) {
    const both = await pair();
    both.far.respond(ok);
    await both.nearEar.until(() => both.nearEar.fields !== undefined);
    const theirs = side === "near" ? both.farEar : both.nearEar;
    console.log("reset", code, side);
    both[side].reset(code);
    const r = await Promise.race([
      theirs.gone.then((f) => f ?? "none"),
      new Promise((r) => setTimeout(() => r("HANG"), 2000)),
    ]);
    console.log(JSON.stringify(r));
    if (r === "HANG") break;
  }
}
await settled(client);
console.log(client.channels, server.channels);
process.exit(0);
