import { portableEngine } from "/opt/wt/platform/src/adapter/http2/engine.ts";
import { platformEngine } from "/opt/wt/platform/src/adapter/node_http2/engine.ts";
import { ends, ok, pattern, settled } from "/opt/wt/platform/tests/adapter/contract/setup.ts";
const t: any = { cleanup() {} };
import process from "node:process";
const which = process.argv[2] ?? "pp";
const e = (c: string) => c === "p" ? platformEngine : portableEngine;
{
  const { open } = await ends(t, { client: e(which[0]!), server: e(which[1]!) }, {
    onChannel(channel) {
      channel.respond(ok);
      channel.write(pattern(10));
      channel.end();
      return { headers() {}, data() {}, end() {}, accepted() {}, close() {} };
    },
  });
  const { ear } = open({ body: "none", on: (e) => console.log("ear", e) });
  console.log(await ear.gone, ear.log);
}
{
  const limits = { resetBurst: 20, resetsPerSecond: 1 };
  const { client, clientEar, serverEar, open } = await ends(t, { client: e(which[0]!), server: e(which[1]!) }, {
    settings: { limits },
  });
  for (let i = 0; i < 40 && client.openable > 0; i++) open({ body: "none" }).channel.reset();
  setTimeout(() => {
    console.log(clientEar.log, serverEar.log, client.channels);
    process.exit();
  }, 1500);
  console.log(await clientEar.gone);
}
