/** Chromium loads a page over HTTP/2. @module */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { certs, serve } from "../adapter/http/support.ts";
import { test } from "../support/harness.ts";
import { program } from "../support/needs.ts";
import { spawnProgram } from "../support/spawn.ts";
import { folder } from "./support/files.ts";

const RESOURCES = 100;

const PAGE = `<!doctype html><title>page</title><link rel="icon" href="data:,"><body><p id="told"></p><script>
addEventListener("load", () => {
  const entries = performance.getEntriesByType("resource");
  const images = [...document.images].filter((image) => image.complete && image.naturalWidth === 8).length;
  const protocols = [...new Set(entries.map((entry) => entry.nextHopProtocol))];
  document.getElementById("told").textContent = "images " + images + " over " + protocols;
});
</script>${Array.from({ length: RESOURCES }, (_, i) => `<img src="/image/${i}.svg">`).join("")}`;

const IMAGE = `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><!-- ${"x".repeat(20_000)} --></svg>`;

/** Without these it looks for Google's hosts on a machine that reaches none. */
const QUIET = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
  ...["--disable-background-networking", "--disable-component-update", "--ignore-certificate-errors"],
];

test("Chromium: a page with 100 resources on one connection", {
  needs: program("chromium"),
  timeout: 90_000,
}, async (t) => {
  const seen = new Set<number>();
  const { port, owner, listener } = await serve(t, {
    fetch(request, { remoteAddr }) {
      const { pathname } = new URL(request.url);
      if (pathname === "/") return new Response(PAGE, { headers: { "content-type": "text/html" } });
      seen.add(remoteAddr.port);
      return new Response(IMAGE, { headers: { "content-type": "image/svg+xml" } });
    },
  }, { tls: certs.server, protocols: ["h2", "h1"] });
  const child = spawnProgram(t, [
    ...["chromium", ...QUIET, `--user-data-dir=${folder(t)}`],
    ...["--dump-dom", `https://localhost:${port}/`],
  ]);
  const { code } = await child.exit(80_000);
  assertEquals(code, 0, child.err.text);
  assertMatch(child.out.text, new RegExp(`<p id="told">images ${RESOURCES} over h2</p>`));
  assertEquals(seen.size, 1);
  assertEquals(owner.outcomes.map(({ status, cut }) => `${status} ${cut}`), Array(RESOURCES + 1).fill("200 undefined"));
  assertEquals(owner.failures, []);
  assert(listener.bytesOut > RESOURCES * IMAGE.length);
});
