/**
 * Files of a folder, by HTTP.
 *
 * @module
 */
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import type { FetchHandler } from "../handling.ts";
import { failedCondition, notModified, rangeOf } from "./conditions.ts";
import { bodyOf } from "./body.ts";
import { locate } from "./locate.ts";
import { typeOf } from "./types.ts";

/**
 * Serves the files of a folder: `index.html` for folders, content types by the name's end, `ETag` and `Last-Modified` with
 * 304, ranges, `HEAD`. Files are streamed. What is outside of the folder, by `..` or by a symbolic link, and names that
 * begin with a dot do not exist for it.
 *
 * @example
 * ```ts
 * import { HttpServerPool, staticHandler } from "@x/h2pool";
 *
 * const files = staticHandler("./public");
 * new HttpServerPool({
 *   servers: [{ listen: "127.0.0.1:8080" }],
 *   handler: (request, info) =>
 *     new URL(request.url).pathname === "/now" ? new Response(new Date().toISOString()) : files(request, info),
 * });
 * ```
 *
 * @param folder relative to the current directory
 */
export function staticHandler(folder: string): FetchHandler {
  const root = resolve(folder);
  return async (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response(null, { status: 405, headers: { allow: "GET, HEAD" } });
    }
    const found = await locate(root, new URL(request.url));
    switch (found.kind) {
      case "bad":
        return new Response(null, { status: 400 });
      case "none":
        return new Response("Not found\n", { status: 404, headers: { "content-type": "text/plain; charset=utf-8" } });
      case "moved":
        return new Response(null, { status: 308, headers: { location: found.location } });
      case "file":
        return await serve(request, found.path);
    }
  };
}

async function serve(request: Request, path: string): Promise<Response> {
  const file = await open(path, "r");
  let handed = false;
  try {
    const { size, mtime } = await file.stat();
    const modified = new Date(Math.trunc(mtime.getTime() / 1_000) * 1_000);
    const etag = `"${size.toString(16)}-${Math.trunc(mtime.getTime()).toString(16)}"`;
    const known = { etag, modified };
    const headers = new Headers({ etag, "last-modified": modified.toUTCString(), "accept-ranges": "bytes" });
    if (failedCondition(request.headers, known)) return new Response(null, { status: 412, headers });
    if (notModified(request.headers, known)) return new Response(null, { status: 304, headers });

    // RFC 9110 section 14.2: for any other method it means nothing.
    const range = request.method === "GET" ? rangeOf(request.headers, known, size) : undefined;
    if (range === "unsatisfiable") {
      headers.set("content-range", `bytes */${size}`);
      return new Response(null, { status: 416, headers });
    }
    const { start, end } = range ?? { start: 0, end: size };
    if (range !== undefined) headers.set("content-range", `bytes ${start}-${end - 1}/${size}`);
    headers.set("content-type", typeOf(path));
    headers.set("content-length", String(end - start));
    headers.set("x-content-type-options", "nosniff");
    const status = range === undefined ? 200 : 206;
    if (request.method === "HEAD" || start === end) return new Response(null, { status, headers });
    handed = true;
    return new Response(bodyOf(file, start, end), { status, headers });
  } finally {
    if (!handed) await file.close();
  }
}
