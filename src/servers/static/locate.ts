/**
 * Which file a URL means.
 *
 * @module
 */
import { realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";

/** A file, or why there is none. */
export type Found =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "moved"; readonly location: string }
  | { readonly kind: "none" | "bad" };

/** Looks it up below `root`. Everything that is not there, or not to be seen, is "none". */
export async function locate(root: string, url: URL): Promise<Found> {
  let segments: string[];
  try {
    segments = url.pathname.split("/").filter((part) => part !== "").map(decodeURIComponent);
  } catch {
    return { kind: "bad" };
  }
  if (segments.some(hidden)) return { kind: "none" };
  const path = await inside(root, join(root, ...segments));
  if (path === undefined) return { kind: "none" };
  const isFolder = (await stat(path)).isDirectory();
  if (url.pathname.endsWith("/") !== isFolder) {
    // Never begins with two slashes: that would be another host.
    return isFolder ? { kind: "moved", location: folderUrl(segments, url) } : { kind: "none" };
  }
  if (!isFolder) return await regular(path);
  const index = await inside(root, join(path, "index.html"));
  return index === undefined ? { kind: "none" } : await regular(index);
}

/** A separator that was encoded, a NUL, `..`, a dot file, a drive or stream of Windows. */
function hidden(segment: string): boolean {
  // deno-lint-ignore no-control-regex
  return segment.startsWith(".") || /[\\/:\x00-\x1f]/.test(segment);
}

/** The real path, when it is there and below the root: links that lead out are not followed. */
async function inside(root: string, path: string): Promise<string | undefined> {
  try {
    const [top, real] = await Promise.all([realpath(root), realpath(path)]);
    return real === top || real.startsWith(top.endsWith(sep) ? top : top + sep) ? real : undefined;
  } catch {
    return undefined;
  }
}

// Not a pipe, nor a device: opening one may wait for ever.
async function regular(path: string): Promise<Found> {
  return (await stat(path)).isFile() ? { kind: "file", path } : { kind: "none" };
}

function folderUrl(segments: readonly string[], url: URL): string {
  return `/${segments.map(encodeURIComponent).join("/")}/${url.search}`;
}
