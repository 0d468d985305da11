import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals } from "@std/assert";
import { staticHandler } from "../../src/servers/mod.ts";
import { linux } from "../support/needs.ts";
import { test, type TestContext } from "../support/harness.ts";

const INFO = {} as Parameters<ReturnType<typeof staticHandler>>[1];
const DATE = new Date("2024-02-03T04:05:06.789Z");

type Ask = (path: string, headers?: Record<string, string>, method?: string) => Promise<Response>;

async function site(t: TestContext): Promise<Ask> {
  const top = await mkdtemp(join(tmpdir(), "h2pool-static-"));
  t.cleanup(() => rm(top, { recursive: true }));
  const root = join(top, "public");
  await mkdir(join(root, "sub folder"), { recursive: true });
  await mkdir(join(root, ".git"), { recursive: true });
  await mkdir(join(root, "empty"), { recursive: true });
  await mkdir(join(top, "public-other"), { recursive: true });
  const files: Record<string, string> = {
    "public/index.html": "<p>top",
    "public/data.txt": "0123456789",
    "public/sub folder/index.html": "<p>sub",
    "public/grün.css": "p {}",
    "public/none": "bytes",
    "public/zero.txt": "",
    "public/big.bin": "x".repeat(300_000),
    "public/.env": "SECRET",
    "public/.git/config": "SECRET",
    "secret.txt": "SECRET",
    "public-other/secret.txt": "SECRET",
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(top, name), text);
  await utimes(join(root, "data.txt"), DATE, DATE);
  await symlink("../secret.txt", join(root, "link.txt"));
  await symlink("../../", join(root, "sub folder", "up"));
  await symlink("data.txt", join(root, "inner.txt"));
  const handler = staticHandler(root);
  return async (path, headers = {}, method = "GET") =>
    await handler(new Request(`http://a.example${path}`, { method, headers }), INFO);
}

test("static files: types, lengths, index.html", async (t) => {
  const ask = await site(t);
  const got = async (path: string): Promise<(string | null)[]> => {
    const response = await ask(path);
    return [String(response.status), response.headers.get("content-type"), await response.text()];
  };
  assertEquals(await got("/"), ["200", "text/html; charset=utf-8", "<p>top"]);
  assertEquals(await got("/sub%20folder/"), ["200", "text/html; charset=utf-8", "<p>sub"]);
  assertEquals(await got("/gr%C3%BCn.css"), ["200", "text/css; charset=utf-8", "p {}"]);
  assertEquals(await got("/none"), ["200", "application/octet-stream", "bytes"]);
  assertEquals(await got("/inner.txt"), ["200", "text/plain; charset=utf-8", "0123456789"]);
  assertEquals(await got("/zero.txt"), ["200", "text/plain; charset=utf-8", ""]);
  assertEquals((await got("/big.bin"))[2]!.length, 300_000);
  for (const path of ["/nowhere", "/empty/", "/index.html/", "/data.txt/"]) {
    assertEquals((await ask(path)).status, 404, path);
  }
});

test("static files: a folder without its slash is elsewhere, and never on another host", async (t) => {
  const ask = await site(t);
  const moved = await ask("/sub%20folder?x=1");
  assertEquals([moved.status, moved.headers.get("location")], [308, "/sub%20folder/?x=1"]);
  const tricky = await ask("//sub%20folder");
  assertEquals([tricky.status, tricky.headers.get("location")], [308, "/sub%20folder/"]);
});

test("static files: nothing outside of the folder, no dot files", { needs: linux }, async (t) => {
  const ask = await site(t);
  for (
    const path of [
      "/../secret.txt",
      "/..%2fsecret.txt",
      "/%2e%2e/secret.txt",
      "/sub%20folder/..%2f..%2fsecret.txt",
      "/..%5csecret.txt",
      "/../public-other/secret.txt",
      "/link.txt",
      "/sub%20folder/up/secret.txt",
      "/sub%20folder/up/public-other/secret.txt",
      "/.env",
      "/.git/config",
      "/%2egit/config",
      "/data.txt%00.html",
      "/%2Fetc/passwd",
    ]
  ) {
    const response = await ask(path);
    assertEquals(response.status, 404, path);
    assert(!(await response.text()).includes("SECRET"), path);
  }
  assertEquals((await ask("/%zz")).status, 400);
});

test("static files: HEAD, and other methods", async (t) => {
  const ask = await site(t);
  const head = await ask("/data.txt", {}, "HEAD");
  assertEquals([head.status, head.headers.get("content-length"), head.body], [200, "10", null]);
  const post = await ask("/data.txt", {}, "POST");
  assertEquals([post.status, post.headers.get("allow")], [405, "GET, HEAD"]);
});

test("static files: conditions", async (t) => {
  const ask = await site(t);
  const { headers } = await ask("/data.txt", {}, "HEAD");
  const etag = headers.get("etag")!, modified = headers.get("last-modified")!;
  assertEquals(modified, "Sat, 03 Feb 2024 04:05:06 GMT");
  const status = async (given: Record<string, string>): Promise<number> => {
    const response = await ask("/data.txt", given);
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await status({ "if-none-match": etag }), 304);
  assertEquals(await status({ "if-none-match": `"x", W/${etag}` }), 304);
  assertEquals(await status({ "if-none-match": "*" }), 304);
  assertEquals(await status({ "if-none-match": '"x"', "if-modified-since": modified }), 200, "the tag counts");
  assertEquals(await status({ "if-modified-since": modified }), 304);
  assertEquals(await status({ "if-modified-since": "Sat, 03 Feb 2024 04:05:05 GMT" }), 200);
  assertEquals(await status({ "if-modified-since": "nonsense" }), 200);
  assertEquals(await status({ "if-match": '"x"' }), 412);
  assertEquals(await status({ "if-match": etag }), 200);
  assertEquals(await status({ "if-unmodified-since": "Sat, 03 Feb 2024 04:05:05 GMT" }), 412);
});

test("static files: ranges", async (t) => {
  const ask = await site(t);
  const { headers } = await ask("/data.txt", {}, "HEAD");
  const etag = headers.get("etag")!;
  const got = async (range: string, more: Record<string, string> = {}): Promise<string> => {
    const response = await ask("/data.txt", { range, ...more });
    return `${response.status} ${response.headers.get("content-range")} ${await response.text()}`;
  };
  assertEquals(await got("bytes=2-4"), "206 bytes 2-4/10 234");
  assertEquals(await got("bytes=7-"), "206 bytes 7-9/10 789");
  assertEquals(await got("bytes=-3"), "206 bytes 7-9/10 789");
  assertEquals(await got("bytes=-30"), "206 bytes 0-9/10 0123456789");
  assertEquals(await got("bytes=5-500"), "206 bytes 5-9/10 56789");
  assertEquals(await got("bytes=10-"), "416 bytes */10 ");
  assertEquals(await got("bytes=-0"), "416 bytes */10 ");
  for (const range of ["bytes=4-2", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "bytes=x-y"]) {
    assertEquals(await got(range), "200 null 0123456789", range);
  }
  // RFC 9110 section 14.2: for GET alone.
  const head = await ask("/data.txt", { range: "bytes=0-1" }, "HEAD");
  assertEquals([head.status, head.headers.get("content-length")], [200, "10"]);
  assertEquals(await got("bytes=0-1", { "if-range": etag }), "206 bytes 0-1/10 01");
  assertEquals(await got("bytes=0-1", { "if-range": '"other"' }), "200 null 0123456789");
  assertEquals(await got("bytes=0-1", { "if-range": `W/${etag}` }), "200 null 0123456789");
  assertEquals(await got("bytes=0-1", { "if-range": headers.get("last-modified")! }), "206 bytes 0-1/10 01");
});

test("static files: a body that nobody reads to its end closes its file", { needs: linux }, async (t) => {
  const ask = await site(t);
  const response = await ask("/big.bin");
  const reader = response.body!.getReader();
  assertEquals((await reader.read()).value?.length, 65_536);
  await reader.cancel();
  const { readdirSync, readlinkSync } = await import("node:fs");
  const open = readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).endsWith("big.bin");
    } catch {
      return false;
    }
  });
  assertEquals(open, []);
});
