import { assertEquals, assertMatch } from "@std/assert";
import { test } from "../support/harness.ts";
import { program, PYTHON } from "../support/needs.ts";
import { spawnProgram } from "../support/spawn.ts";

const PROGRAMS: Record<string, [args: string[], says: RegExp]> = {
  nghttp: [["--version"], /nghttp2\/1/],
  nghttpd: [["--version"], /nghttp2\/1/],
  h2load: [["--version"], /nghttp2\/1/],
  curl: [["--version"], /^Features:.*\bHTTP2\b/m],
  [PYTHON]: [["-c", "import h2; print('h2', h2.__version__)"], /^h2 \d/],
  openssl: [["version"], /^OpenSSL 3/],
  promtool: [["--version"], /^promtool, version 2/],
};

for (const [name, [args, says]] of Object.entries(PROGRAMS)) {
  test(`peers: ${name} is there and speaks HTTP/2 or TLS`, { needs: program(name) }, async (t) => {
    const child = spawnProgram(t, [name, ...args]);
    assertEquals((await child.exit()).code, 0, child.err.text);
    assertMatch(child.out.text, says);
  });
}
