import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { VERSION } from "../../src/cli/version.ts";
import { test } from "../support/harness.ts";
import { fakeIo } from "./io.ts";

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = fakeIo();
  const code = await main(args, io);
  return { code, out: io.out.join("\n"), err: io.err.join("") };
}

test("cli: --help on every level names what is below, on stdout, with code 0", async () => {
  for (
    const [args, names] of [
      [[], ["tunnel"]],
      [["--help"], ["tunnel"]],
      [["help"], ["tunnel"]],
      [["tunnel"], ["server", "client"]],
      [["tunnel", "-h"], ["server", "client"]],
      [["tunnel", "server", "--help"], ["--listen", "--public", "--token-file", "--engine NAME", "H2POOL_TOKEN"]],
      [["tunnel", "client", "--server", "x:1", "--help"], ["--server", "--to", "--pin", "--ca", "--engine NAME"]],
    ] as const
  ) {
    const { code, out, err } = await run(...args);
    assertEquals(code, 0);
    assertEquals(err, "");
    for (const name of names) assert(out.includes(name), `${name} is not in the help of ${args.join(" ")}`);
    for (const line of out.split("\n")) assert(line.length <= 100, `too long: ${line}`);
  }
});

test("cli: --version is that of the package", async () => {
  assertEquals(await run("--version"), { code: 0, out: VERSION, err: "" });
  const { default: config } = await import("../../deno.json", { with: { type: "json" } });
  assertEquals(VERSION, config.version);
});

test("cli: what is wrong with a command line is one sentence that names it, with code 2", async () => {
  const server = ["tunnel", "server", "--listen", ":0", "--public", ":0"];
  const client = ["tunnel", "client", "--server", "h:1", "--to", "h:2"];
  for (
    const [args, says] of [
      [["surf"], /surf is not a command of h2pool \(/],
      [["serf"], /serf is not a command of h2pool; did you mean serve\?/],
      [["tunel"], /tunel is not a command of h2pool; did you mean tunnel\?/],
      [["tunnel", "toString"], /toString is not a command/],
      [["--verbose"], /--verbose is not a flag of h2pool/],
      [["tunnel", "server", "--public", ":1"], /needs --listen/],
      [["tunnel", "server", "--listen", ":1"], /needs --public/],
      [[...server, "--bogus"], /--bogus is not a flag of h2pool tunnel server/],
      [[...server, "--wiat", "1s"], /--wiat is not a flag .* did you mean --wait\?/],
      [[...server, "--wait"], /--wait needs a value: --wait TIME/],
      [[...server, "--wait", "--queue"], /--wait needs a value/],
      [[...server, "--wait="], /--wait needs a value/],
      [[...server, "--wait", "1s", "--wait", "2s"], /--wait is given twice/],
      [[...server, "--wait", "10"], /--wait takes a time such as .* not "10"/],
      [[...server, "--queue", "many"], /--queue takes a whole number of at least 0, not "many"/],
      [[...server, "--max-connections", "0"], /--max-connections takes a whole number of at least 1/],
      [[...server, "--insecure-open=yes"], /--insecure-open takes no value/],
      [[...server, "extra"], /takes no argument "extra"/],
      [[...server, "--allow", "10.0.0.0/99", "--insecure-open"], /--allow takes an IP address .*10.0.0.0\/99/],
      [[...server, "--cert", "c.pem", "--insecure-open"], /--cert and --key need each other/],
      [[...server], /anybody could serve: give --token-file.*--insecure-open/],
      [[...server, "--token-file", "a", "--token", "b"], /both/],
      [[...server, "--token", "two words"], /--token must be one word/],
      [["tunnel", "server", "--listen", "8443", "--public", ":1"], /--listen takes host:port, not "8443"/],
      [["tunnel", "client", "--server", ":1", "--to", "h:2"], /--server needs a host/],
      [["tunnel", "client", "--server", "h:0", "--to", "h:2"], /--server needs a port, not 0/],
      [["tunnel", "client", "--server", "h:1", "--to", "http:\/\/h:2"], /--to takes host:port.*not a URL/],
      [[...server, "--engine", "nghttp2"], /--engine takes portable or node:http2, not "nghttp2"/],
      [[...client, "--engine", "http2"], /--engine takes portable or node:http2, not "http2"/],
      [[...client, "--pin", "abc"], /--pin takes the pin/],
      [[...client, "--min-idle", "9", "--max-idle", "8"], /--min-idle is above --max-idle/],
      [[...client, "--insecure", "--token", "t"], /a token is never sent to a server that is not checked/],
      [[...client, "--insecure", "--ca", "ca.pem"], /--ca and --insecure contradict/],
    ] as [string[], RegExp][]
  ) {
    const { code, out, err } = await run(...args);
    assertEquals(code, 2, err);
    assertEquals(out, "");
    assertMatch(err, says);
    assertMatch(err, /^h2pool: [^\n]+ \(h2pool[a-z ]* --help\)\n$/);
  }
});

test("cli: a wrong value points at the help of its command", async () => {
  const { err } = await run("tunnel", "server", "--listen", ":0", "--public", ":0", "--wait", "10");
  assertMatch(err, / \(h2pool tunnel server --help\)\n$/);
});

test("cli: what fails at run time is one sentence with code 1, and points at no help", async () => {
  const { code, err } = await run("tunnel", "client", "--server", "h:1", "--to", "h:2", "--token-file", "/no/such");
  assertEquals(code, 1);
  assertMatch(err, /^h2pool: cannot read the token from \/no\/such: there is no such file[^\n]*\n$/);
  assertNotMatch(err, /--help/);
});
