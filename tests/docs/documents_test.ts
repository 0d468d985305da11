import { assert, assertEquals } from "@std/assert";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { blocks, DOCUMENTS, readDocument } from "../../scripts/docs.ts";
import { readArgs } from "../../src/cli/args.ts";
import { check, serve } from "../../src/cli/serve/commands.ts";
import { tunnel } from "../../src/cli/tunnel/commands.ts";
import { HttpServerPool, prometheus } from "../../mod.ts";
import { test } from "../support/harness.ts";
import { ROOT } from "../support/runtime.ts";

// What the documents say is there.

const source = (file: string): string => readFileSync(join(ROOT, file), "utf8");

/** The names of the repository's files, without their folders. */
const names: ReadonlySet<string> = new Set(
  ["", "src", "tests", "scripts", "examples"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: folder !== "", encoding: "utf8" }).map((path) => basename(path))
  ),
);

for (const file of DOCUMENTS) {
  test(`${file}: its links lead somewhere`, () => {
    for (const [, target = ""] of prose(file).matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const to = path === "" ? file : join(dirname(file), path);
      assert(existsSync(join(ROOT, to)), `${file} links to ${to}, which is not there`);
      if (anchor !== undefined) assert(anchors(to).includes(anchor), `${file} links to ${target}: no such heading`);
    }
  });

  test(`${file}: its tasks and files are there`, () => {
    const { tasks } = JSON.parse(source("deno.json")) as { tasks: Record<string, string> };
    const text = readDocument(file);
    for (const [, task = ""] of text.matchAll(/(?:deno|deno@[\d.]+) task ([a-z:]+)/g)) {
      assert(Object.hasOwn(tasks, task), `${file} names the task ${task}, which is not there`);
    }
    for (
      const [, path = ""] of text.matchAll(
        /`([\w.]+(?:\/[\w.-]+)*\.(?:ts|json|mjs)|(?:src|tests|scripts|docs|\.ci)\/[\w.\/-]+)`/g,
      )
    ) {
      const there = path.includes("/") ? existsSync(join(ROOT, path)) : names.has(path) || path === "hello.ts";
      assert(there, `${file} names ${path}, which is not there`);
    }
  });

  test(`${file}: its h2pool commands have flags that exist`, () => {
    const shell = blocks(file, readDocument(file)).filter(({ language }) => language === "sh");
    for (const { text, place } of shell) {
      for (const [, line = ""] of text.matchAll(/^h2pool (.*)$/gm)) {
        const commands = { tunnel, serve, check };
        const request = readArgs({ kind: "group", path: "h2pool", summary: "", commands }, line.split(" "));
        assertEquals(request.kind, "run", `${place}: h2pool ${line}`);
      }
    }
  });
}

test("guide: every flag it names exists", () => {
  const known = source("src/cli/tunnel/commands.ts");
  for (const [, flag = ""] of section("docs/guide.md", "The tunnel command").matchAll(/`--([a-z-]+)`/g)) {
    assert(new RegExp(`^  "?${flag}"?: \\{`, "m").test(known), `no flag --${flag}`);
  }
});

test("servers: the flags of h2pool serve", () => {
  const named = [...section("docs/servers.md", "The command").matchAll(/^\| `--([a-z]+)`/gm)].map(([, flag]) => flag);
  assertEquals(named.sort(), Object.keys(serve.flags).sort());
});

test("servers: the file is that of the examples, in both documents", () => {
  const file = source("examples/servers.json");
  for (const document of ["README.md", "docs/servers.md"]) {
    const shown = blocks(document, readDocument(document)).filter(({ language }) => language === "jsonc");
    assertEquals(shown.map(({ text }) => text), [file], document);
  }
});

test("servers: every field, state, event, error code and metric is explained", () => {
  const text = readDocument("docs/servers.md");
  const missing = [
    ...members("src/servers/options.ts", "interface HttpServerConfig"),
    ...members("src/servers/options.ts", "interface ServerHealth"),
    ...members("src/servers/handling.ts", "interface HandlerSource"),
    ...members("src/adapter/tls/material.ts", "interface ServerTls"),
    ...members("src/servers/types.ts", "type ServerState"),
    ...members("src/servers/types.ts", "interface HttpServerPoolEvents"),
    ...members("src/servers/errors.ts", "type ServerErrorCode"),
    ...members("src/servers/errors.ts", "type ServerBatchErrorCode"),
    ...exposed(),
  ].filter((name) => !new RegExp(`\\b${name}\\b`).test(text));
  assertEquals(missing, []);
});

/** The families of a server's metrics. */
function exposed(): string[] {
  const text = prometheus(new HttpServerPool({ servers: [{ listen: ":0" }] }));
  return [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name = ""]) => name);
}

test("guide: every error code, option, event and figure of a stream pool is explained", () => {
  const guide = readDocument("docs/guide.md");
  const missing = [
    ...members("src/core/errors.ts", "type PoolErrorCode"),
    ...["StreamPoolOptions", "ClientPoolOptions", "ServerPoolLimits", "ClientTls"].flatMap((name) =>
      members("src/streams/options.ts", `interface ${name}`)
    ),
    ...members("src/adapter/tls/material.ts", "interface ServerTls"),
    ...members("src/adapter/contract.ts", "interface EngineLimits"),
    ...members("src/core/backoff.ts", "interface BackoffOptions").map((name) => `backoff.${name}`),
    ...members("src/streams/types.ts", "interface StreamPoolStats"),
    ...members("src/streams/types.ts", "interface StreamPoolEvents"),
  ].filter((name) => !new RegExp(`\\b${name}\\b`).test(guide));
  assertEquals(missing, []);
});

test("guide: defaults are those of the doc comments", () => {
  const files = ["src/streams/options.ts", "src/adapter/contract.ts", "src/core/backoff.ts"];
  assert(compareDefaults("docs/guide.md", files) >= 20);
});

test("servers: defaults are those of the doc comments", () => {
  assert(compareDefaults("docs/servers.md", ["src/servers/options.ts"]) >= 13);
});

/** How many defaults the document has that the files have too; all are the same. */
function compareDefaults(document: string, files: readonly string[]): number {
  const rows = readDocument(document).matchAll(/^\| `([\w.]+)` +\| ([\d,.]+) +\|/gm);
  const declared = files.map(source).join("\n");
  let compared = 0;
  for (const [, option = "", value = ""] of rows) {
    const name = option.split(".").at(-1);
    const comments = declared.matchAll(new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s*${name}\\??: number`, "g"));
    const said = [...comments].flatMap(([, comment = ""]) => defaultIn(comment));
    if (said.length === 0) continue;
    compared++;
    const number = Number(value.replaceAll(",", ""));
    assert(said.includes(number), `${option}: ${document} says ${value}, the doc comment ${said.join(" or ")}`);
  }
  return compared;
}

function defaultIn(comment: string): number[] {
  const said = /\bdefault (\d[\d_]*(?:\.\d+)?)( MiB)?/i.exec(comment);
  return said === null ? [] : [Number(said[1]!.replaceAll("_", "")) * (said[2] ? 1_048_576 : 1)];
}

/** A document without its blocks of code. */
function prose(file: string): string {
  return readDocument(file).replaceAll(/^```[\s\S]*?^```$/gm, "");
}

/** As GitHub makes them. */
function anchors(file: string): string[] {
  const headings = [...prose(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) => heading.toLowerCase().replaceAll(/[^\w -]/g, "").replaceAll(" ", "-"));
}

function section(file: string, heading: string): string {
  return readDocument(file).split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
}

/** The names in an interface, or the texts in a union. */
function members(file: string, declaration: string): string[] {
  const [, rest = ""] = source(file).split(`export ${declaration} `, 2);
  const body = /^[\s\S]*?^(?:\}|[^\n]*;\n\n)/m.exec(rest.replace(/^[^{=]*[{=]/, ""))?.[0] ?? "";
  const names = declaration.startsWith("type")
    ? [...body.matchAll(/"(\w+)"/g)]
    : [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)];
  assert(names.length > 0, `nothing in ${declaration}`);
  return names.map(([, name = ""]) => name);
}
